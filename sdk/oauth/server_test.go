// SPDX-License-Identifier: Apache-2.0

package oauth_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/credhost/credhost/sdk"
	"github.com/credhost/credhost/sdk/oauth"
	oauth2 "github.com/go-oauth2/oauth2/v4"
	"github.com/go-oauth2/oauth2/v4/manage"
	"github.com/go-oauth2/oauth2/v4/models"
	"github.com/go-oauth2/oauth2/v4/server"
)

// An authority is an OAuth server that others wrote, with the little that it
// leaves to its users: where it keeps tokens, and who may sign in.
type authority struct {
	oauth2.TokenStore
	url      string
	requests atomic.Int32 // of tokens

	mu     sync.Mutex
	tokens []models.Token
}

func newAuthority(t *testing.T, basic bool) *authority {
	t.Helper()
	a := &authority{}
	m := manage.NewDefaultManager()
	m.MapTokenStorage(a)
	m.MapClientStorage(a)
	m.SetRefreshTokenCfg(&manage.RefreshingConfig{AccessTokenExp: time.Hour, IsGenerateRefresh: true, IsRemoveAccess: true, IsRemoveRefreshing: true})
	mux := http.NewServeMux()
	s := server.NewDefaultServer(m)
	s.ClientInfoHandler = server.ClientFormHandler
	if basic {
		s.ClientInfoHandler = decodedBasic
	}
	s.ClientScopeHandler = func(r *oauth2.TokenGenerateRequest) (bool, error) { return r.Scope == "all", nil }
	s.UserAuthorizationHandler = func(http.ResponseWriter, *http.Request) (string, error) { return "ada", nil }
	s.PasswordAuthorizationHandler = func(_ context.Context, _, user, password string) (string, error) {
		if user == "ada" && password == "p&w" {
			return user, nil
		}
		return "", nil // which the server takes for an invalid grant
	}
	s.ExtensionFieldsHandler = func(oauth2.TokenInfo) map[string]any { return map[string]any{"instance_url": "https://x"} }
	mux.HandleFunc("/login", func(w http.ResponseWriter, r *http.Request) { s.HandleAuthorizeRequest(w, r) })
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		a.requests.Add(1)
		formOfJSON(r)
		r.ParseForm()
		s.HandleTokenRequest(w, r)
	})
	web := httptest.NewServer(mux)
	t.Cleanup(web.Close)
	a.url = web.URL
	return a
}

// decodedBasic reads what RFC 6749, section 2.3.1, has encoded: the server
// leaves that to its users.
func decodedBasic(r *http.Request) (string, string, error) {
	id, secret, err := server.ClientBasicHandler(r)
	id, _ = url.QueryUnescape(id)
	secret, _ = url.QueryUnescape(secret)
	return id, secret, err
}

// formOfJSON lets the server take JSON bodies.
func formOfJSON(r *http.Request) {
	if r.Header.Get("Content-Type") != "application/vnd.api+json" {
		return
	}
	var object map[string]string
	json.NewDecoder(r.Body).Decode(&object)
	r.PostForm, r.Form = url.Values{}, url.Values{}
	for name, value := range object {
		r.PostForm.Set(name, value)
		r.Form.Set(name, value)
	}
}

// GetByID returns the one client, as the server wants it.
func (a *authority) GetByID(_ context.Context, id string) (oauth2.ClientInfo, error) {
	if id != "client" {
		return nil, errors.New("no such client")
	}
	return &models.Client{ID: "client", Secret: "s&c", Domain: "https://host.example"}, nil
}

// Create keeps a copy: the server changes what it passes.
func (a *authority) Create(_ context.Context, info oauth2.TokenInfo) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tokens = append(a.tokens, *info.(*models.Token))
	return nil
}

func (a *authority) find(is func(t models.Token) string, value string) (oauth2.TokenInfo, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, t := range a.tokens {
		if value != "" && is(t) == value {
			return &t, nil
		}
	}
	return nil, nil
}

func (a *authority) remove(is func(t models.Token) string, value string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	kept := a.tokens[:0]
	for _, t := range a.tokens {
		if is(t) != value {
			kept = append(kept, t)
		}
	}
	a.tokens = kept
	return nil
}

func code(t models.Token) string    { return t.Code }
func access(t models.Token) string  { return t.Access }
func refresh(t models.Token) string { return t.Refresh }

func (a *authority) GetByCode(_ context.Context, v string) (oauth2.TokenInfo, error) {
	return a.find(code, v)
}
func (a *authority) GetByAccess(_ context.Context, v string) (oauth2.TokenInfo, error) {
	return a.find(access, v)
}
func (a *authority) GetByRefresh(_ context.Context, v string) (oauth2.TokenInfo, error) {
	return a.find(refresh, v)
}
func (a *authority) RemoveByCode(_ context.Context, v string) error    { return a.remove(code, v) }
func (a *authority) RemoveByAccess(_ context.Context, v string) error  { return a.remove(access, v) }
func (a *authority) RemoveByRefresh(_ context.Context, v string) error { return a.remove(refresh, v) }

// knows reports whether the server takes a grant's access token.
func (a *authority) knows(g sdk.Grant) bool {
	info, _ := a.GetByAccess(context.Background(), strings.TrimPrefix(g.Header.Get("Authorization"), "Bearer "))
	return info != nil
}

// TestAgainstAServer goes through every grant, with the client in each way that
// a service may want it.
func TestAgainstAServer(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(c *oauth.Client){
		"form":  func(*oauth.Client) {},
		"basic": func(c *oauth.Client) { c.Auth = oauth.AuthBasic },
		"JSON": func(c *oauth.Client) {
			c.Encoding, c.Header = oauth.JSON, http.Header{"Content-Type": {"application/vnd.api+json"}}
		},
		"query":           func(c *oauth.Client) { c.Encoding, c.TokenURL = oauth.Query, c.TokenURL+"?tenant=t" },
		"query and basic": func(c *oauth.Client) { c.Encoding, c.Auth = oauth.Query, oauth.AuthBasic },
		"without PKCE":    func(c *oauth.Client) { c.NoPKCE = true },
	} {
		a := newAuthority(t, strings.Contains(name, "basic"))
		c := oauth.Client{ID: "client", Secret: "s&c", Scopes: []string{"all"}, AuthURL: a.url + "/login", TokenURL: a.url + "/token"}
		change(&c)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			t.Run("client credentials", func(t *testing.T) { testClientCredentials(t, a, c) })
			t.Run("password", func(t *testing.T) { testPassword(t, a, c) })
			t.Run("code", func(t *testing.T) { testCode(t, a, c) })
			t.Run("race", func(t *testing.T) { testRace(t, a, c) })
		})
	}
}

// granted fails if a token is none that the server takes.
func granted(t *testing.T, a *authority, tok oauth.Token, err error) sdk.Grant {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	g := tok.Grant()
	if left := time.Until(tok.Expiry); !a.knows(g) || left < 30*time.Minute || left > 3*time.Hour || tok.Scope != "all" || tok.Extra("instance_url") != "https://x" {
		t.Errorf("the grant is %v, for %q", g, tok.Scope)
	}
	return g
}

// refusedOnce fails if a call was not refused, or asked more than once.
func refusedOnce(t *testing.T, a *authority, code sdk.Code, word string, call func() error) {
	t.Helper()
	before := a.requests.Load()
	err := call()
	check(t, err, code)
	var re *oauth.ResponseError
	if !errors.As(err, &re) || re.Code != word {
		t.Errorf("the server says %v, want %s", re, word)
	}
	if n := a.requests.Load() - before; n != 1 {
		t.Errorf("%d requests were sent", n)
	}
}

func testClientCredentials(t *testing.T, a *authority, c oauth.Client) {
	tok, err := c.ClientCredentials(t.Context())
	if g := granted(t, a, tok, err); g.State != nil {
		t.Error("there is something to keep")
	}
	wrong := c
	wrong.Secret = canary
	refusedOnce(t, a, sdk.Denied, "invalid_client", func() error { _, err := wrong.ClientCredentials(t.Context()); return err })
	wrong = c
	wrong.Scopes = []string{"none"}
	refusedOnce(t, a, sdk.Invalid, "invalid_scope", func() error { _, err := wrong.ClientCredentials(t.Context()); return err })
	refusedOnce(t, a, sdk.Invalid, "unsupported_grant_type", func() error {
		_, err := c.Request(t.Context(), url.Values{"grant_type": {"urn:x"}})
		return err
	})
}

func testPassword(t *testing.T, a *authority, c oauth.Client) {
	tok, err := c.Password(t.Context(), "ada", "p&w")
	g := granted(t, a, tok, err)
	next, err := c.Refresh(t.Context(), g.State)
	granted(t, a, next, err)
	refusedOnce(t, a, sdk.Denied, "invalid_grant", func() error { _, err := c.Password(t.Context(), "ada", canary); return err })
}

// testCode goes to the browser and back, then through three refreshes.
func testCode(t *testing.T, a *authority, c oauth.Client) {
	cb := sdk.Callback{RedirectURL: "https://host.example/cb", State: "st", Verifier: strings.Repeat("v", 43)}
	cb.Query = visit(t, c.Approval(cb).URL)
	if cb.Query.Get("state") != "st" {
		t.Errorf("the person comes back with %v", cb.Query)
	}
	if !c.NoPKCE {
		other := cb
		other.Verifier, other.Query = strings.Repeat("w", 43), visit(t, c.Approval(cb).URL)
		refusedOnce(t, a, sdk.Denied, "invalid_grant", func() error { _, err := c.Exchange(t.Context(), other); return err })
	}
	tok, err := c.Exchange(t.Context(), cb)
	g := granted(t, a, tok, err)
	refusedOnce(t, a, sdk.Denied, "invalid_grant", func() error { _, err := c.Exchange(t.Context(), cb); return err }) // a code works once
	for range 3 {
		spent := g.State
		tok, err = c.Refresh(t.Context(), spent)
		g = granted(t, a, tok, err)
		refusedOnce(t, a, sdk.Denied, "invalid_grant", func() error { _, err := c.Refresh(t.Context(), spent); return err })
	}
}

// visit approves at the server, as a browser does, and returns what comes back.
func visit(t *testing.T, page string) url.Values {
	t.Helper()
	browser := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := browser.Get(page)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	back, err := resp.Location()
	if err != nil || back.Host != "host.example" || back.Path != "/cb" {
		t.Fatalf("the server sends the person to %v, %v", back, err)
	}
	return back.Query()
}

// testRace shows why hosts make one call at a time: of many that refresh at
// once with one token, all but one find it spent.
func testRace(t *testing.T, a *authority, c oauth.Client) {
	tok, err := c.Password(t.Context(), "ada", "p&w")
	state := granted(t, a, tok, err).State
	const callers = 8
	before := a.requests.Load()
	var won atomic.Int32
	var group sync.WaitGroup
	for range callers {
		group.Go(func() {
			if _, err := c.Refresh(t.Context(), state); err == nil {
				won.Add(1)
			} else if !errors.Is(err, sdk.Denied) {
				t.Errorf("a loser gets %v", err)
			}
		})
	}
	group.Wait()
	if n := a.requests.Load() - before; n != callers || won.Load() < 1 {
		t.Errorf("%d callers sent %d requests, and %d won", callers, n, won.Load())
	}
}

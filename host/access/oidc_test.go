// SPDX-License-Identifier: Apache-2.0

package access_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/sdk"
)

// A forger is a provider that says what a test wants; package internal/realoauth
// has one that is real.
type forger struct {
	*httptest.Server
	key    *rsa.PrivateKey
	method jwt.SigningMethod
	with   any // the key that signs
	claims jwt.MapClaims
	info   map[string]any // nil: there is none
	meta   map[string]any
	form   url.Values // of the last token request
	basic  bool
}

func newForger(t *testing.T) *forger {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	f := &forger{key: key, method: jwt.SigningMethodRS256, with: key}
	mux := http.NewServeMux()
	answer := func(path string, say func(r *http.Request) any) {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			json.NewEncoder(w).Encode(say(r))
		})
	}
	answer("/.well-known/openid-configuration", func(*http.Request) any {
		m := map[string]any{"issuer": f.URL, "authorization_endpoint": f.URL + "/auth", "token_endpoint": f.URL + "/token", "jwks_uri": f.URL + "/keys",
			"id_token_signing_alg_values_supported": []string{"RS256", "HS256", "none"}}
		if f.info != nil {
			m["userinfo_endpoint"] = f.URL + "/me"
		}
		maps.Copy(m, f.meta)
		return m
	})
	answer("/keys", func(*http.Request) any {
		return map[string]any{"keys": []any{map[string]any{"kty": "RSA", "kid": "1", "use": "sig", "alg": "RS256",
			"n": base64.RawURLEncoding.EncodeToString(key.N.Bytes()), "e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes())}}}
	})
	answer("/token", func(r *http.Request) any {
		r.ParseForm()
		f.form = r.PostForm
		_, _, f.basic = r.BasicAuth()
		token := jwt.NewWithClaims(f.method, f.claims)
		token.Header["kid"] = "1"
		text, err := token.SignedString(f.with)
		if err != nil {
			t.Error(err)
		}
		return map[string]any{"access_token": "EXAMPLE-access", "token_type": "Bearer", "id_token": text}
	})
	answer("/me", func(*http.Request) any { return f.info })
	f.Server = httptest.NewServer(mux)
	t.Cleanup(f.Close)
	return f
}

func (f *forger) config(rules ...access.Rule) func(*access.Config) {
	return func(c *access.Config) {
		c.Client = f.Client()
		c.Providers = []access.Provider{{ID: "corp", Issuer: f.URL, ClientID: "web", ClientSecret: "EXAMPLE-secret", Rules: rules}}
	}
}

var anybody = access.Rule{Claim: "sub", Value: "ada", Workspace: "default", Scopes: []access.Scope{access.Read}}

// visit signs in with what the forger says; change may change the claims.
func (f *forger) visit(t *testing.T, p *place, change func(c jwt.MapClaims)) (access.Caller, error) {
	t.Helper()
	page, cookie, err := p.BeginVisit(t.Context(), "corp", "https://host.example/back", "/")
	if err != nil {
		return access.Caller{}, err
	}
	u, _ := url.Parse(page)
	now := time.Now()
	f.claims = jwt.MapClaims{"iss": f.URL, "aud": "web", "sub": "ada", "nonce": u.Query().Get("nonce"), "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}
	if change != nil {
		change(f.claims)
	}
	_, c, _, err := p.FinishVisit(t.Context(), "https://host.example/back", url.Values{"state": {u.Query().Get("state")}, "code": {"c"}}, cookie)
	return c, err
}

// An ID token that is not for this client, or that anybody could have made, is
// nobody's.
func TestForgedTokens(t *testing.T) {
	t.Parallel()
	f := newForger(t)
	p := open(t, nil, func(c *access.Config) { f.config(anybody)(c); c.Rates.Failures.PerSecond = -1 })
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(c jwt.MapClaims){
		"another client's":           func(c jwt.MapClaims) { c["aud"] = "other" },
		"for many, of another":       func(c jwt.MapClaims) { c["aud"] = []string{"web", "other"}; c["azp"] = "other" },
		"for many, of nobody":        func(c jwt.MapClaims) { c["aud"] = []string{"web", "other"} },
		"of another party":           func(c jwt.MapClaims) { c["azp"] = "other" },
		"without aud":                func(c jwt.MapClaims) { delete(c, "aud") },
		"another provider's":         func(c jwt.MapClaims) { c["iss"] = "https://evil.example" },
		"without a nonce":            func(c jwt.MapClaims) { delete(c, "nonce") },
		"another nonce":              func(c jwt.MapClaims) { c["nonce"] = "x" },
		"without an end":             func(c jwt.MapClaims) { delete(c, "exp") },
		"that has ended":             func(c jwt.MapClaims) { c["exp"] = time.Now().Add(-2 * time.Minute).Unix() },
		"that begins later":          func(c jwt.MapClaims) { c["nbf"] = time.Now().Add(time.Hour).Unix() },
		"from the future":            func(c jwt.MapClaims) { c["iat"] = time.Now().Add(time.Hour).Unix() },
		"of nobody":                  func(c jwt.MapClaims) { delete(c, "sub") },
		"signed with another key":    func(jwt.MapClaims) { f.with = other },
		"not signed":                 func(jwt.MapClaims) { f.method, f.with = jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType },
		"signed with the secret":     func(jwt.MapClaims) { f.method, f.with = jwt.SigningMethodHS256, []byte("EXAMPLE-secret") },
		"signed with the public key": func(jwt.MapClaims) { f.method, f.with = jwt.SigningMethodHS256, f.key.N.Bytes() },
	} {
		f.method, f.with = jwt.SigningMethodRS256, f.key
		if c, err := f.visit(t, p, change); !errors.Is(err, sdk.Denied) || c.Actor != "" {
			t.Errorf("a token %s: %+v, %v", what, c, err)
		}
	}
	f.method, f.with = jwt.SigningMethodRS256, f.key
	if c, err := f.visit(t, p, func(c jwt.MapClaims) { c["aud"] = []string{"web", "other"}; c["azp"] = "web" }); err != nil || c.Actor != "user:corp/ada" {
		t.Errorf("a good token: %+v, %v", c, err)
	}
	if f.form.Get("code_verifier") == "" || !f.basic || f.form.Has("client_secret") {
		t.Errorf("the token request was %v", f.form)
	}
}

// Rules match what a provider vouches for, and nothing else.
func TestRules(t *testing.T) {
	t.Parallel()
	f := newForger(t)
	f.info = map[string]any{"sub": "ada"}
	scopes := []access.Scope{access.Read}
	p := open(t, nil, f.config(
		access.Rule{Claim: "email", Value: "*@acme.example", Workspace: "acme", Scopes: scopes},
		access.Rule{Claim: "email", Value: "Root@acme.example", Operator: true, Scopes: access.Scopes},
		access.Rule{Claim: "groups", Value: "ops", Workspace: "default", Scopes: []access.Scope{access.Admin}},
		access.Rule{Claim: "groups", Value: "dev", Workspace: "default", Scopes: []access.Scope{access.Use, access.Read}},
	))
	if _, err := p.CreateWorkspace(p.as(operator), "acme"); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		id, info map[string]any
		want     string // "workspace:scopes …", the first being where the session begins
	}{
		"a domain":                        {map[string]any{"email": "Ann@ACME.example", "email_verified": true}, nil, "acme:read"},
		"a domain in user info":           {nil, map[string]any{"email": "ann@acme.example", "email_verified": "true"}, "acme:read"},
		"not verified":                    {map[string]any{"email": "ann@acme.example", "email_verified": false}, nil, ""},
		"not said to be verified":         {map[string]any{"email": "ann@acme.example"}, nil, ""},
		"another one verified":            {map[string]any{"email": "ann@acme.example"}, map[string]any{"email": "ann@evil.example", "email_verified": true}, ""},
		"verified, but which":             {map[string]any{"email_verified": true}, map[string]any{"email": "ann@acme.example"}, ""},
		"a domain before another":         {map[string]any{"email": "ann@acme.example@evil.example", "email_verified": true}, nil, ""},
		"a domain below":                  {map[string]any{"email": "ann@x.acme.example", "email_verified": true}, nil, ""},
		"a domain alike":                  {map[string]any{"email": "ann@evilacme.example", "email_verified": true}, nil, ""},
		"letters alike":                   {map[string]any{"email": "root@acme.eхample", "email_verified": true}, nil, ""},
		"an operator":                     {map[string]any{"email": "root@acme.example", "email_verified": true}, nil, ":read,write,use,admin,release acme:read,write,use,admin,release"},
		"groups":                          {map[string]any{"groups": []string{"dev", "ops"}}, nil, "default:read,use,admin"},
		"one group":                       {map[string]any{"groups": "ops"}, nil, "default:admin"},
		"a group that contains another's": {map[string]any{"groups": "ops,dev"}, nil, ""},
		"none":                            {nil, nil, ""},
	} {
		f.info = map[string]any{"sub": "ada"}
		maps.Copy(f.info, test.info)
		c, err := f.visit(t, p, func(c jwt.MapClaims) { maps.Copy(c, test.id) })
		got := grants(c)
		if got != test.want || (err == nil) != (test.want != "") || err != nil && !errors.Is(err, sdk.Forbidden) {
			t.Errorf("%s: %q, %v; want %q", name, got, err, test.want)
		}
	}
	f.info = map[string]any{"sub": "eve", "groups": "ops"}
	if _, err := f.visit(t, p, nil); !errors.Is(err, sdk.Denied) {
		t.Errorf("the user info of somebody else: %v", err)
	}
}

// grants says what a person was given.
func grants(c access.Caller) string {
	if c.Actor == "" {
		return ""
	}
	var all []string
	for _, name := range c.Workspaces() {
		in, _ := c.Enter(name)
		if name != in.Workspace { // an operator stays one
			in.Workspace = name
		}
		var scopes []string
		for _, s := range in.Scopes {
			scopes = append(scopes, string(s))
		}
		all = append(all, in.Workspace+":"+strings.Join(scopes, ","))
	}
	return strings.Join(all, " ")
}

// What a provider says of itself is not believed where secrets would go astray.
func TestProvidersThatLeadAstray(t *testing.T) {
	t.Parallel()
	for what, meta := range map[string]map[string]any{
		"another issuer":         {"issuer": "https://evil.example"},
		"a token endpoint: http": {"token_endpoint": "http://evil.example/token"},
		"keys: http":             {"jwks_uri": "http://evil.example/keys"},
		"a page: http":           {"authorization_endpoint": "http://evil.example/auth"},
		"a page: script":         {"authorization_endpoint": "javascript:alert(1)"},
	} {
		f := newForger(t)
		f.meta = meta
		p := open(t, nil, f.config(anybody))
		if _, err := f.visit(t, p, nil); !errors.Is(err, sdk.Unavailable) {
			t.Errorf("%s: %v", what, err)
		}
	}
	f := newForger(t)
	p := open(t, nil, f.config(anybody))
	f.Config.Handler = http.RedirectHandler("https://evil.example/", http.StatusTemporaryRedirect)
	if _, err := f.visit(t, p, nil); !errors.Is(err, sdk.Unavailable) {
		t.Errorf("a redirect: %v", err)
	}
}

func TestProviderConfigurations(t *testing.T) {
	t.Parallel()
	p := open(t, nil, nil)
	good := access.Provider{ID: "corp", Issuer: "https://corp.example", ClientID: "web", Rules: []access.Rule{anybody}}
	load := func(all ...access.Provider) error {
		return p.Reload(access.Config{Host: p.Host, Client: http.DefaultClient, Providers: all})
	}
	if err := load(good); err != nil || !slices.Equal(p.Providers(), []access.ProviderView{{ID: "corp", Title: "corp"}}) {
		t.Fatal(err, p.Providers())
	}
	for what, change := range map[string]func(b *access.Provider){
		"no ID":              func(b *access.Provider) { b.ID = "" },
		"an ID with a slash": func(b *access.Provider) { b.ID = "a/b" },
		"http":               func(b *access.Provider) { b.Issuer = "http://corp.example" },
		"no client":          func(b *access.Provider) { b.ClientID = "" },
		"no rule":            func(b *access.Provider) { b.Rules = nil },
		"everybody":          func(b *access.Provider) { b.Rules = []access.Rule{{Workspace: "default", Scopes: access.Scopes}} },
		"no workspace":       func(b *access.Provider) { b.Rules = []access.Rule{{Claim: "sub", Value: "a", Scopes: access.Scopes}} },
		"both": func(b *access.Provider) {
			b.Rules = []access.Rule{{Claim: "sub", Value: "a", Workspace: "default", Operator: true, Scopes: access.Scopes}}
		},
		"no scope": func(b *access.Provider) { b.Rules = []access.Rule{{Claim: "sub", Value: "a", Workspace: "default"}} },
	} {
		bad := good
		change(&bad)
		if err := load(bad); err == nil {
			t.Errorf("%s: it was taken", what)
		}
	}
	good.ClientSecret = "EXAMPLE-secret"
	if text := fmt.Sprintf("%v %+v %#v %s", good, []access.Provider{good}, good, &good); strings.Contains(text, "EXAMPLE") {
		t.Errorf("it prints as %s", text)
	}
	if err := load(good, good); err == nil {
		t.Error("two with one ID were taken")
	}
	if err := p.Reload(access.Config{Host: p.Host, Providers: []access.Provider{good}}); err == nil {
		t.Error("it goes out without a client")
	}
	if len(p.Providers()) != 1 {
		t.Error("a faulty configuration has changed something")
	}
	if _, _, err := p.BeginVisit(t.Context(), "none", "", ""); err == nil {
		t.Error("a visit of a provider that there is not")
	}
}

// Where people are sent when they have signed in is on this page.
func TestOpenRedirects(t *testing.T) {
	t.Parallel()
	f := newForger(t)
	p := open(t, nil, f.config(anybody))
	for back, want := range map[string]string{"/a/b?c=d#e": "/a/b?c=d#e", "": "/", "//evil.example": "/", `/\evil.example`: "/", "https://evil.example/": "/", "javascript:alert(1)": "/", "/\t/evil.example": "/", "evil": "/", "/%2f/evil": "/%2f/evil"} {
		page, cookie, err := p.BeginVisit(t.Context(), "corp", "https://host.example/back", back)
		if err != nil {
			t.Fatal(err)
		}
		u, _ := url.Parse(page)
		now := time.Now()
		f.claims = jwt.MapClaims{"iss": f.URL, "aud": "web", "sub": "ada", "nonce": u.Query().Get("nonce"), "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}
		_, _, got, err := p.FinishVisit(t.Context(), "https://host.example/back", url.Values{"state": {u.Query().Get("state")}, "code": {"c"}}, cookie)
		if err != nil || got != want {
			t.Errorf("%q: %q, %v", back, got, err)
		}
	}
}

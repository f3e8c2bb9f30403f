// SPDX-License-Identifier: Apache-2.0

package oauth_test

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/credhost/credhost/sdk"
	"github.com/credhost/credhost/sdk/oauth"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/oauth2"
)

// An assertion goes out as the standard says, for the client's audience or its
// own, with scopes among the parameters or the claims.
func TestJWTBearer(t *testing.T) {
	t.Parallel()
	s := newRecorder(t)
	c := s.client()
	c.Key = parseKey(t, asJWK(t, ring().ec))
	for name, test := range map[string]struct {
		change func(c *oauth.Client, a *oauth.Assertion)
		claims map[string]any
		params url.Values
	}{
		"as Google has it": {func(c *oauth.Client, a *oauth.Assertion) {
			*a = oauth.Assertion{Issuer: "robot@x", Subject: "ada@x", Audience: c.TokenURL, Claims: map[string]any{"scope": "a b"}}
		}, map[string]any{"iss": "robot@x", "sub": "ada@x", "aud": s.url + "/token", "scope": "a b"}, nil},
		"as the standard has it": {func(c *oauth.Client, a *oauth.Assertion) {
			c.ID, c.Secret, c.Audience, c.Scopes, a.Subject = "id", "se", "https://issuer.example", []string{"a", "b"}, "ada"
		}, map[string]any{"iss": "id", "sub": "ada", "aud": "https://issuer.example"},
			url.Values{"scope": {"a b"}, "client_id": {"id"}, "client_secret": {"se"}}},
	} {
		c, a := c, oauth.Assertion{}
		test.change(&c, &a)
		if _, err := c.JWTBearer(t.Context(), a); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, _ := s.last(t)
		_, claims := parse(t, got.Get("assertion"), c.Key.Public(), "ES256")
		for _, own := range []string{"jti", "iat", "exp"} {
			delete(claims, own)
		}
		if diff := cmp.Diff(test.claims, map[string]any(claims)); diff != "" {
			t.Errorf("%s: claims (-want +got):\n%s", name, diff)
		}
		if got.Get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
			t.Errorf("%s: it sent %v", name, got)
		}
		got.Del("assertion")
		got.Del("grant_type")
		if diff := cmp.Diff(test.params, got); diff != "" && len(got)+len(test.params) > 0 {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for _, a := range []oauth.Assertion{{}, {Issuer: "i"}, {Audience: "a"}} {
		_, err := c.JWTBearer(t.Context(), a)
		check(t, err, sdk.Internal)
	}
}

func TestExchangeToken(t *testing.T) {
	t.Parallel()
	s := newRecorder(t)
	c := s.client()
	c.Scopes, c.Resources = []string{"read"}, []string{"https://a.example", "https://b.example"}
	x := oauth.TokenExchange{Subject: oauth.SecurityToken{Token: "s", Type: oauth.TypeSAML2}, Actor: oauth.SecurityToken{Token: "a", Type: oauth.TypeJWT},
		Wanted: oauth.TypeAccessToken, Audience: []string{"one", "two"}}
	tok, err := c.ExchangeToken(t.Context(), x)
	if err != nil || tok.AccessToken != "at" || tok.Extra("issued_token_type") != oauth.TypeAccessToken {
		t.Errorf("got %v, %v", tok, err)
	}
	got, _ := s.last(t)
	want := url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"}, "subject_token": {"s"}, "subject_token_type": {"urn:ietf:params:oauth:token-type:saml2"},
		"actor_token": {"a"}, "actor_token_type": {"urn:ietf:params:oauth:token-type:jwt"}, "requested_token_type": {"urn:ietf:params:oauth:token-type:access_token"},
		"scope": {"read"}, "resource": {"https://a.example", "https://b.example"}, "audience": {"one", "two"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	x.Wanted = "" // whatever it is, as long as the service says
	if _, err := c.ExchangeToken(t.Context(), x); err != nil {
		t.Error(err)
	}
	s.last(t)
	x.Wanted = oauth.TypeIDToken
	_, err = c.ExchangeToken(t.Context(), x)
	check(t, err, sdk.Unavailable)
	s.last(t)
	for name, bad := range map[string]oauth.TokenExchange{
		"nothing":              {},
		"a token of no type":   {Subject: oauth.SecurityToken{Token: canary}},
		"a type of no token":   {Subject: oauth.SecurityToken{Type: oauth.TypeJWT}},
		"an actor of no type":  {Subject: x.Subject, Actor: oauth.SecurityToken{Token: canary}},
		"an actor of no token": {Subject: x.Subject, Actor: oauth.SecurityToken{Type: oauth.TypeJWT}},
	} {
		_, err := c.ExchangeToken(t.Context(), bad)
		check(t, err, sdk.Internal)
		if len(s.requests) > 0 {
			t.Fatalf("%s was sent", name)
		}
	}
	_, err = oauth.Client{TokenURL: answering(t, 200, asJSON, `{"access_token":"`+canary+`"}`)}.ExchangeToken(t.Context(), oauth.TokenExchange{Subject: x.Subject})
	check(t, err, sdk.Unavailable)
}

// A token that is no access token goes into no header under the name of none.
func TestTokenTypeThatDoesNotApply(t *testing.T) {
	t.Parallel()
	if got := (oauth.Token{AccessToken: "x", TokenType: "N_A"}).Grant().Header.Get("Authorization"); got != "Bearer x" {
		t.Errorf("the header is %q", got)
	}
}

// Every request that RFC 8707 speaks of names all resources, and parameters of
// the author's own have all their values.
func TestResourcesAndParametersOfSeveralValues(t *testing.T) {
	t.Parallel()
	resources := []string{"https://a.example/x", "https://b.example/y"}
	s := newRecorder(t)
	c := s.client()
	c.ID, c.Key = "id", parseKey(t, asJWK(t, ring().ec))
	c.Resources = resources
	c.TokenParams, c.AuthParams = url.Values{"own": {"1", "2"}}, url.Values{"own": {"3", "4"}}
	all := endpoints(c)
	all["JWT bearer"] = func(ctx context.Context) error {
		_, err := c.JWTBearer(ctx, oauth.Assertion{Audience: "a"})
		return err
	}
	for name, call := range all {
		if err := call(t.Context()); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, _ := s.last(t)
		own := []string{"1", "2"}
		switch name {
		case "push", "device":
			own = []string{"3", "4"}
		case "revoke", "introspect":
			if got.Has("resource") || got.Has("own") {
				t.Errorf("%s: it sent %v", name, got)
			}
			continue
		}
		if !slices.Equal(got["resource"], resources) || !slices.Equal(got["own"], own) {
			t.Errorf("%s: it sent %v", name, got)
		}
	}
	u, err := url.Parse(c.Approval(sdk.Callback{State: "s", Verifier: "v"}).URL)
	if err != nil || !slices.Equal(u.Query()["resource"], resources) || !slices.Equal(u.Query()["own"], []string{"3", "4"}) {
		t.Errorf("the person is sent to %v", u)
	}
	c.TokenParams["own"][0] = "changed"
	if c.Resources[0] != resources[0] || len(c.AuthParams) != 1 {
		t.Error("the client was changed")
	}
}

// What is pushed is what the approval's URL would have had; that has only the
// reference.
func TestPush(t *testing.T) {
	t.Parallel()
	s := newRecorder(t)
	c := s.client()
	c.ID, c.Secret, c.Scopes, c.AuthURL, c.AuthParams = "id 1", canary, []string{"a"}, "https://example.com/login?tenant=x", url.Values{"prompt": {"consent"}}
	cb := sdk.Callback{RedirectURL: "https://host/cb", State: "st&te", Verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"}
	a, err := c.Push(t.Context(), cb)
	if err != nil || a.URL != "https://example.com/login?tenant=x&client_id=id+1&request_uri=urn%3Ax" || !a.Expiry.IsZero() || a.UserCode != "" || a.State != nil {
		t.Errorf("got %+v, %v", a, err)
	}
	got, _ := s.last(t)
	u, err := url.Parse(c.Approval(cb).URL)
	if err != nil {
		t.Fatal(err)
	}
	want := u.Query()
	want.Del("tenant")
	want.Set("client_secret", canary)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what is pushed (-want +got):\n%s", diff)
	}
	for answer, code := range map[string]sdk.Code{
		`{"expires_in":60}`:                sdk.Unavailable,
		`{"request_uri":7}`:                sdk.Unavailable,
		`{"request_uri":""}`:               sdk.Unavailable,
		`[]`:                               sdk.Unavailable,
		`{"error":"invalid_client"}`:       sdk.Denied,
		`{"error":"` + canary + `","x":1}`: sdk.Denied,
	} {
		c.PushURL = answering(t, 201, asJSON, answer)
		_, err := c.Push(t.Context(), cb)
		check(t, err, code)
	}
}

// The approval's URL is the one that x/oauth2 makes.
func TestApprovalIsThatOfXOAuth2(t *testing.T) {
	t.Parallel()
	cb := sdk.Callback{RedirectURL: "https://h/cb?a=b c", State: "s t&=", Verifier: oauth2.GenerateVerifier()}
	for _, address := range []string{"https://example.com/a", "https://example.com/a?tenant=x%20y"} {
		for _, scopes := range [][]string{nil, {"a", "b:c d"}} {
			theirs := oauth2.Config{ClientID: "id/1", Scopes: scopes, RedirectURL: cb.RedirectURL, Endpoint: oauth2.Endpoint{AuthURL: address}}
			ours := oauth.Client{ID: "id/1", Scopes: scopes, AuthURL: address, AuthParams: url.Values{"access_type": {"offline"}}}
			want := theirs.AuthCodeURL(cb.State, oauth2.S256ChallengeOption(cb.Verifier), oauth2.AccessTypeOffline)
			if got := ours.Approval(cb).URL; got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		}
	}
}

func TestDevice(t *testing.T) {
	t.Parallel()
	const code = `"device_code":"` + canary + `","user_code":"WDJB-MJHT",`
	for name, test := range map[string]struct {
		answer   string
		interval time.Duration
		life     time.Duration // zero: unknown
	}{
		"the usual":           {code + `"verification_uri":"https://x.example/d","verification_uri_complete":"https://x.example/d?c=1","expires_in":1800,"interval":7`, 7 * time.Second, 30 * time.Minute},
		"the least":           {code + `"verification_uri":"https://x.example/d"`, 5 * time.Second, 0},
		"as before the RFC":   {code + `"verification_url":"https://x.example/d","expires_in":"60"`, 5 * time.Second, time.Minute},
		"no interval at all":  {code + `"verification_uri":"https://x.example/d","interval":0`, 5 * time.Second, 0},
		"an endless interval": {code + `"verification_uri":"https://x.example/d","interval":1e9`, time.Hour, 0},
	} {
		asked := time.Now()
		a, err := oauth.Client{DeviceURL: answering(t, 200, asJSON, "{"+test.answer+"}")}.Device(t.Context())
		if err != nil || a.URL != "https://x.example/d" || a.UserCode != "WDJB-MJHT" || string(a.State) != canary || a.Interval != test.interval {
			t.Errorf("%s: got %+v, %v", name, a, err)
		}
		if over := a.Expiry.Sub(asked.Add(test.life)); (test.life == 0) != a.Expiry.IsZero() || test.life > 0 && (over < 0 || over > time.Minute) {
			t.Errorf("%s: it ends %v", name, a.Expiry)
		}
	}
	for answer, want := range map[string]sdk.Code{
		`{}`: sdk.Unavailable,
		`{"user_code":"U","verification_uri":"https://x.example"}`:                 sdk.Unavailable,
		`{"device_code":"` + canary + `","verification_uri":"https://x"}`:          sdk.Unavailable,
		`{"device_code":"` + canary + `","user_code":"U"}`:                         sdk.Unavailable,
		`{"error":"unauthorized_client","error_description":"` + canary + `"}`:     sdk.Denied,
		`{"error":"invalid_scope","device_code":"x","user_code":"` + canary + `"}`: sdk.Invalid,
	} {
		_, err := oauth.Client{DeviceURL: answering(t, 200, asJSON, answer)}.Device(t.Context())
		check(t, err, want)
	}
}

// What a service says of a code means "not yet", or that it is over.
func TestExchangeDevice(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]sdk.Code{
		"authorization_pending": sdk.Unavailable, "slow_down": sdk.Unavailable,
		"access_denied": sdk.Denied, "expired_token": sdk.Denied, "invalid_grant": sdk.Denied,
	} {
		_, err := oauth.Client{TokenURL: answering(t, 400, asJSON, `{"error":"`+word+`","error_description":"`+canary+`"}`)}.
			ExchangeDevice(t.Context(), sdk.Callback{Kept: []byte("dc")})
		check(t, err, want)
		var e *sdk.Error
		if !errors.As(err, &e) || e.Reason != word {
			t.Errorf("%s: the reason is %q", word, e.Reason)
		}
	}
	_, err := oauth.Client{TokenURL: "https://nowhere.example"}.ExchangeDevice(t.Context(), sdk.Callback{})
	check(t, err, sdk.Denied)
	s := newRecorder(t)
	c := s.client()
	c.ID = "id"
	if _, err := c.ExchangeDevice(t.Context(), sdk.Callback{Kept: []byte("dc/1")}); err != nil {
		t.Fatal(err)
	}
	got, _ := s.last(t)
	if diff := cmp.Diff(url.Values{"client_id": {"id"}, "device_code": {"dc/1"}, "grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}}, got); diff != "" {
		t.Error(diff)
	}
}

func TestRevoke(t *testing.T) {
	t.Parallel()
	s := newRecorder(t)
	c := s.client()
	for hint, want := range map[oauth.Hint]url.Values{
		"":                 {"token": {"t/1"}},
		oauth.RefreshToken: {"token": {"t/1"}, "token_type_hint": {"refresh_token"}},
		oauth.AccessToken:  {"token": {"t/1"}, "token_type_hint": {"access_token"}},
	} {
		if err := c.Revoke(t.Context(), "t/1", hint); err != nil {
			t.Error(err)
		}
		if got, _ := s.last(t); !cmp.Equal(want, got) {
			t.Errorf("it sent %v, want %v", got, want)
		}
	}
	for name, test := range map[string]struct {
		status            int
		contentType, body string
		want              error
	}{
		"nothing":             {200, "", "", nil},
		"something":           {204, "text/plain", canary, nil},
		"a page":              {200, "text/html; charset=utf-8", "<title>" + canary, sdk.Unavailable},
		"a refusal with 200":  {200, asJSON, `{"error":"invalid_client"}`, sdk.Denied},
		"a refusal":           {401, asJSON, `{"error":"invalid_client","error_description":"` + canary + `"}`, sdk.Denied},
		"another kind":        {400, asJSON, `{"error":"unsupported_token_type"}`, sdk.Internal},
		"later":               {503, "text/html", canary, sdk.Unavailable},
		"nothing of the sort": {404, "text/html", canary, sdk.Unavailable},
	} {
		err := oauth.Client{RevokeURL: answering(t, test.status, test.contentType, test.body)}.Revoke(t.Context(), canary, "")
		if !errors.Is(err, test.want) {
			t.Errorf("%s: got %v, want %v", name, err, test.want)
		}
		if err != nil {
			check(t, err, test.want)
		}
		var e *sdk.Error
		if errors.As(err, &e) && test.status == 503 && e.RetryAfter != 7*time.Second {
			t.Errorf("%s: retry after %v", name, e.RetryAfter)
		}
	}
}

func TestActive(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]struct {
		active bool
		err    error
	}{
		`{"active":true,"scope":"a"}`:     {true, nil},
		`{"active":false}`:                {false, nil},
		`{"active":"false"}`:              {false, sdk.Unavailable},
		`{"active":null}`:                 {false, sdk.Unavailable},
		`{}`:                              {false, sdk.Unavailable},
		`[true]`:                          {false, sdk.Unavailable},
		`{"error":"invalid_client"}`:      {false, sdk.Denied},
		`{"active":` + canary:             {false, sdk.Unavailable},
		`{"active":true}` + canary:        {false, sdk.Unavailable},
		strings.Repeat(" ", 1<<20) + `{}`: {false, sdk.Unavailable},
	} {
		got, err := oauth.Client{IntrospectURL: answering(t, 200, asJSON, body)}.Active(t.Context(), canary, oauth.AccessToken)
		if got != want.active || !errors.Is(err, want.err) {
			t.Errorf("%.40s: got %v, %v", body, got, err)
		}
	}
	got, err := oauth.Client{IntrospectURL: answering(t, 401, asJSON, `{"active":true}`)}.Active(t.Context(), "t", "")
	if got || !errors.Is(err, sdk.Denied) {
		t.Errorf("a refusal: %v, %v", got, err)
	}
}

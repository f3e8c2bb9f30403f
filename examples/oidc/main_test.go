// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/credhost/credhost/sdk"
	"github.com/credhost/credhost/sdk/plugintest"
)

// answers are good ones for the stand-in; changes come in pairs.
func answers(changes ...string) sdk.Values {
	all := sdk.Values{"issuer": "https://login.example.com/tenant", "clientId": "EXAMPLE:client", "clientSecret": "EXAMPLE-s&cret"}
	for i := 0; i < len(changes); i += 2 {
		all[changes[i]] = changes[i+1]
	}
	return all
}

func TestPlugin(t *testing.T) {
	plugintest.Run(t, plugintest.Suite{
		New:     func() sdk.Plugin { return oidc{} },
		Service: newStandin(nil),
		Answers: map[string]sdk.Values{
			"pushed": answers("apiUrls", `["https://api.example.com/v1"]`),
			"plain":  answers("issuer", "https://plain.example.com/", "authMethod", "client_secret_post"),
			"client": answers("who", "client", "scopes", "read write"),
			"signed": answers("clientId", "EXAMPLE-signing", "authMethod", "private_key_jwt", "clientKey", key, "clientSecret", ""),
		},
		Wrong: sdk.Values{"clientKey": newKey()},
		Request: func(in sdk.Input) *http.Request {
			r, _ := http.NewRequest(http.MethodGet, sdk.Origin(in.Get(issuer))+"/me", nil)
			return r
		},
	})
}

// TestMetadata shows which metadata is believed.
func TestMetadata(t *testing.T) {
	for name, test := range map[string]struct {
		change map[string]any
		want   error
	}{
		"as it is":               {nil, nil},
		"another issuer":         {map[string]any{"issuer": "https://login.example.com/other"}, sdk.Invalid},
		"no issuer":              {map[string]any{"issuer": ""}, sdk.Invalid},
		"a foreign token":        {map[string]any{"token_endpoint": "https://evil.example/token"}, sdk.Invalid},
		"a token in the clear":   {map[string]any{"token_endpoint": "http://login.example.com/token"}, sdk.Invalid},
		"a foreign push":         {map[string]any{"pushed_authorization_request_endpoint": "https://evil.example/par"}, sdk.Invalid},
		"no push":                {map[string]any{"pushed_authorization_request_endpoint": ""}, sdk.Invalid},
		"an endpoint of no kind": {map[string]any{"revocation_endpoint": "/revoke"}, sdk.Invalid},
		"no token endpoint":      {map[string]any{"token_endpoint": ""}, sdk.Invalid},
		"something else":         {map[string]any{"issuer": 7}, sdk.Invalid},
	} {
		service := newStandin(test.change)
		_, err := begin(t, service, answers())
		var e *sdk.Error
		if !errors.Is(err, test.want) || test.want != nil && (!errors.As(err, &e) || e.Field != "issuer") {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
		if n := service.Secrets(); test.want != nil && n != 0 {
			t.Errorf("%s: the secret was sent %d times", name, n)
		}
	}
}

// begin calls Connect as a host does.
func begin(t *testing.T, service http.Handler, values sdk.Values) (sdk.Approval, error) {
	t.Helper()
	s := oidc{}.Schema()
	full, err := s.Complete(values)
	if err != nil {
		t.Fatal(err)
	}
	return oidc{}.Connect(plugintest.Context(t, service), sdk.NewInput(s, full), callback(nil))
}

func callback(query url.Values) sdk.Callback {
	return sdk.Callback{RedirectURL: "https://host.example/back", State: strings.Repeat("s", 43), Verifier: strings.Repeat("v", 43), Query: query}
}

// TestPush shows what the person's browser is told, and what it is not.
func TestPush(t *testing.T) {
	a, err := begin(t, newStandin(nil), answers())
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(a.URL)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	if len(q) != 2 || q.Get("client_id") == "" || q.Get("request_uri") == "" || u.Host != "login.example.com" {
		t.Errorf("the person is sent to %s with %d parameters, want the client and the reference alone", u.Host, len(q))
	}
	if _, err := begin(t, newStandin(nil), answers("scopes", "unheard-of")); !errors.Is(err, sdk.Invalid) {
		t.Errorf("a scope that is not granted: %v", err)
	}
	if _, err := begin(t, newStandin(nil), answers("clientSecret", "EXAMPLE-wrong")); !errors.Is(err, sdk.Denied) {
		t.Errorf("a wrong secret: %v", err)
	}
}

// TestWhoSentThePerson shows that a code is sent to nobody but its issuer.
func TestWhoSentThePerson(t *testing.T) {
	s := oidc{}.Schema()
	for _, test := range []struct {
		issuer string
		iss    []string
		ok     bool
	}{
		{"https://login.example.com/tenant", []string{"https://login.example.com/tenant"}, true},
		{"https://login.example.com/tenant", nil, false}, // it says that it always tells
		{"https://login.example.com/tenant", []string{""}, false},
		{"https://login.example.com/tenant", []string{"https://login.example.com/tenant/"}, false},
		{"https://login.example.com/tenant", []string{"https://login.example.com/other"}, false},
		{"https://login.example.com/tenant", []string{"https://login.example.com/tenant", "https://evil.example"}, false},
		{"https://plain.example.com", nil, true},
		{"https://plain.example.com", []string{"https://plain.example.com/"}, true}, // what the metadata says, to the letter
		{"https://plain.example.com", []string{"https://plain.example.com"}, false},
	} {
		service := newStandin(nil)
		method := "client_secret_basic"
		if strings.Contains(test.issuer, "plain") {
			method = "client_secret_post"
		}
		full, err := s.Complete(answers("issuer", test.issuer, "authMethod", method))
		if err != nil {
			t.Fatal(err)
		}
		cb := callback(url.Values{"code": {service.Code(callback(nil))}, "iss": test.iss})
		if test.iss == nil {
			delete(cb.Query, "iss")
		}
		_, err = oidc{}.Exchange(plugintest.Context(t, service), sdk.NewInput(s, full), cb)
		if !test.ok && (!errors.Is(err, sdk.Denied) || service.Secrets() != 0) || test.ok && err != nil {
			t.Errorf("%s says it is %q: %v, and %d requests had the secret", test.issuer, test.iss, err, service.Secrets())
		}
	}
}

func TestAccount(t *testing.T) {
	s := oidc{}.Schema()
	for name, test := range map[string]struct {
		change map[string]any
		want   string
	}{
		"both":        {nil, "ada@example.com (ada)"},
		"no endpoint": {map[string]any{"userinfo_endpoint": ""}, ""},
		"it is down":  {map[string]any{"userinfo_endpoint": "https://login.example.com/nowhere"}, ""},
	} {
		service := newStandin(test.change)
		full, err := s.Complete(answers())
		if err != nil {
			t.Fatal(err)
		}
		cb := callback(url.Values{"code": {service.Code(callback(nil))}, "iss": {"https://login.example.com/tenant"}})
		g, err := oidc{}.Exchange(plugintest.Context(t, service), sdk.NewInput(s, full), cb)
		if err != nil || g.Account != test.want || g.State == nil {
			t.Errorf("%s: account %q, %v; want %q and a token that can be renewed", name, g.Account, err, test.want)
		}
	}
}

// TestNoWayToRevoke shows that a credential is not called revoked that is not.
func TestNoWayToRevoke(t *testing.T) {
	s := oidc{}.Schema()
	full, err := s.Complete(answers())
	if err != nil {
		t.Fatal(err)
	}
	ctx := plugintest.Context(t, newStandin(map[string]any{"revocation_endpoint": "", "userinfo_endpoint": "", "introspection_endpoint": ""}))
	if err := (oidc{}).Revoke(ctx, sdk.NewInput(s, full), sdk.Grant{}); !errors.Is(err, sdk.Invalid) {
		t.Errorf("Revoke: %v", err)
	}
	if err := (oidc{}).Test(ctx, sdk.NewInput(s, full), sdk.Grant{}); !errors.Is(err, sdk.Unavailable) {
		t.Errorf("Test: %v", err)
	}
}

// changed returns m with changes; nil ones are left out.
func changed(m, changes map[string]any) map[string]any {
	m = maps.Clone(m)
	maps.Copy(m, changes)
	return m
}

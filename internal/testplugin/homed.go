// SPDX-License-Identifier: Apache-2.0

package testplugin

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/credhost/credhost/sdk"
	"github.com/credhost/credhost/sdk/oauth"
)

const (
	homedLogin        = "https://login.homed.example"
	homedClientID     = "EXAMPLE-homed-client"
	homedClientSecret = "EXAMPLE-homed-client-secret"
)

// HomedInstance is the origin that homed's stand-in names in its tokens.
const HomedInstance = "https://eu7.homed.example"

var (
	homedClient = sdk.Field{Name: "clientId", Title: "Client ID", Scope: sdk.Application}
	homedSecret = sdk.Field{Name: "clientSecret", Title: "Client secret", Secret: true, Scope: sdk.Application, Help: "Shown when the client is registered."}
	homedNote   = sdk.Field{Name: "purpose", Title: "Purpose", Optional: true, Help: "To tell credentials apart."}
)

// Homed is the type homed: OAuth with a browser and PKCE, where the answer
// that brings the token says where the account lives. The client is the
// operator's, and a refresh token works once.
type Homed struct{}

var (
	_ sdk.Tester    = Homed{}
	_ sdk.Connector = Homed{}
	_ sdk.Revoker   = Homed{}
)

// Schema implements [sdk.Plugin].
func (Homed) Schema() sdk.Schema {
	return sdk.Schema{Name: "homed", Title: "Homed", Fields: []sdk.Field{homedClient, homedSecret, homedNote},
		Origins: []string{"https://*.homed.example"}, AnswerOrigins: []string{homedLogin},
		RevokeReplaced: true}
}

func homedOAuth(in sdk.Input) oauth.Client {
	return oauth.Client{ID: in.Get(homedClient), Secret: in.Get(homedSecret),
		AuthURL: homedLogin + "/authorize", TokenURL: homedLogin + "/token", Scopes: []string{"api"}}
}

// Connect implements [sdk.Connector].
func (Homed) Connect(_ context.Context, in sdk.Input, cb sdk.Callback) (sdk.Approval, error) {
	return homedOAuth(in).Approval(cb), nil
}

// Exchange implements [sdk.Connector].
func (Homed) Exchange(ctx context.Context, in sdk.Input, cb sdk.Callback) (sdk.Grant, error) {
	return homedGrant(homedOAuth(in).Exchange(ctx, cb))
}

// Grant implements [sdk.Plugin].
func (Homed) Grant(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
	return homedGrant(homedOAuth(in).Refresh(ctx, in.State))
}

// homedGrant makes a grant for the instance that the answer names.
func homedGrant(tok oauth.Token, err error) (sdk.Grant, error) {
	if err != nil {
		return sdk.Grant{}, err
	}
	origin := sdk.Origin(tok.Extra("instance_url"))
	if !sdk.MatchOrigin([]string{"https://*.homed.example"}, origin) {
		return sdk.Grant{}, sdk.Errorf(sdk.Unavailable, "the service did not say where the account lives")
	}
	g := tok.Grant(origin)
	g.Account = tok.Extra("account")
	g.Facts = map[string]string{"instanceUrl": origin}
	return g, nil
}

// Test implements [sdk.Tester].
func (Homed) Test(ctx context.Context, _ sdk.Input, g sdk.Grant) error {
	if len(g.Origins) == 0 {
		return sdk.Errorf(sdk.Denied, "not connected yet: connect first")
	}
	return sdk.Probe(ctx, g, g.Origins[0]+"/me", nil)
}

// Revoke implements [sdk.Revoker] (RFC 7009). The refresh token goes, and with
// it all that came of it.
func (Homed) Revoke(ctx context.Context, in sdk.Input, g sdk.Grant) error {
	tok, err := oauth.Restore(in.State)
	if err != nil {
		return err
	}
	c := homedOAuth(in)
	form := url.Values{"token": {tok.RefreshToken}, "client_id": {c.ID}, "client_secret": {c.Secret}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, homedLogin+"/revoke", strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return sdk.Send(r, nil)
}

// SPDX-License-Identifier: Apache-2.0

package oauth_test

import (
	"context"

	"github.com/credhost/credhost/sdk"
	"github.com/credhost/credhost/sdk/oauth"
)

var (
	clientID     = sdk.Field{Name: "clientId", Title: "Client ID", Scope: sdk.Application}
	clientSecret = sdk.Field{Name: "clientSecret", Title: "Client secret", Secret: true, Scope: sdk.Application}
)

// crm is a service where a person approves access, and which says in the
// token's answer where that person's instance is.
type crm struct{}

func (crm) Schema() sdk.Schema {
	return sdk.Schema{Name: "crm", Title: "CRM", Fields: []sdk.Field{clientID, clientSecret},
		Origins: []string{"https://*.crm.example.com"}, AnswerOrigins: []string{"https://login.crm.example.com"}}
}

func (crm) client(in sdk.Input) oauth.Client {
	return oauth.Client{
		ID:       in.Get(clientID),
		Secret:   in.Get(clientSecret),
		AuthURL:  "https://login.crm.example.com/authorize",
		TokenURL: "https://login.crm.example.com/token",
		Scopes:   []string{"api", "offline_access"},
	}
}

func (p crm) Connect(_ context.Context, in sdk.Input, cb sdk.Callback) (sdk.Approval, error) {
	return p.client(in).Approval(cb), nil
}

func (p crm) Exchange(ctx context.Context, in sdk.Input, cb sdk.Callback) (sdk.Grant, error) {
	tok, err := p.client(in).Exchange(ctx, cb)
	if err != nil {
		return sdk.Grant{}, err
	}
	tok.Kept = map[string]string{"instance": sdk.Origin(tok.Extra("instance_url"))} // only the first answer says it
	return p.grant(tok), nil
}

func (p crm) Grant(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
	tok, err := p.client(in).Refresh(ctx, in.State)
	if err != nil {
		return sdk.Grant{}, err
	}
	return p.grant(tok), nil
}

func (crm) grant(tok oauth.Token) sdk.Grant {
	g := tok.Grant(tok.Kept["instance"])
	g.Facts = map[string]string{"instanceUrl": tok.Kept["instance"]}
	return g
}

var _ sdk.Connector = crm{}

// A plugin for a service that wants a person's approval.
func Example() {
	var plugin sdk.Plugin = crm{}
	_ = plugin // serve.Plugin(plugin) makes a program of it
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/hex"
	"net/http"
	"net/url"

	"github.com/credhost/credhost/sdk"
	"github.com/credhost/credhost/sdk/oauth"
)

// The questions. All types ask for the service's address, and for one secret.
var (
	base   = sdk.Field{Name: "baseUrl", Title: "URL", Kind: sdk.URL, Example: "https://api.example.com"}
	secret = sdk.Field{Name: "secret", Title: "Secret", Secret: true, Help: "The service shows it once."}
	place  = sdk.Field{Name: "place", Title: "Where the secret goes", Kind: sdk.Choice, Default: "header",
		Options: []sdk.Option{{Value: "header"}, {Value: "bearer"}, {Value: "cookie"}, {Value: "query"}, {Value: "path"}}}
)

// honest are types that do what they should.
var honest = []sdk.Plugin{key{}, client{}, renewed{}, signed{}, hosted{}, careless{}, certified{}}

func schema(name string, fields ...sdk.Field) sdk.Schema {
	return sdk.Schema{Name: name, Title: "The type " + name, Fields: fields, Origins: []string{"{baseUrl}"}}
}

// me asks the service whose the grant is.
func me(ctx context.Context, in sdk.Input, g sdk.Grant) error {
	var who struct{ Name string }
	return sdk.Probe(ctx, g, in.Get(base)+"/me", &who)
}

// key is a secret that requests carry as it is.
type key struct{}

var _ sdk.Tester = key{}

// Schema implements [sdk.Plugin].
func (key) Schema() sdk.Schema { return schema("key", base, secret, place) }

// Grant implements [sdk.Plugin].
func (key) Grant(_ context.Context, in sdk.Input) (sdk.Grant, error) {
	s := in.Get(secret)
	switch in.Get(place) {
	case "bearer":
		return sdk.Grant{Header: http.Header{"Authorization": {"Bearer " + s}}}, nil
	case "cookie":
		return sdk.Grant{Header: http.Header{"Cookie": {"session=" + s}}}, nil
	case "query":
		return sdk.Grant{Query: url.Values{"key": {s}}}, nil
	case "path":
		return sdk.Grant{Path: map[string]string{"key": s}}, nil
	}
	return sdk.Grant{Header: http.Header{"X-Api-Key": {s}}}, nil
}

// Test implements [sdk.Tester].
func (key) Test(ctx context.Context, in sdk.Input, g sdk.Grant) error { return me(ctx, in, g) }

func tokens(in sdk.Input) oauth.Client {
	return oauth.Client{ID: "client", Secret: in.Get(secret), TokenURL: in.Get(base) + "/token"}
}

// client obtains a token with client credentials (RFC 6749, section 4.4).
type client struct{}

var _ sdk.Tester = client{}

// Schema implements [sdk.Plugin].
func (client) Schema() sdk.Schema { return schema("client", base, secret) }

// Grant implements [sdk.Plugin].
func (client) Grant(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
	tok, err := tokens(in).ClientCredentials(ctx)
	if err != nil {
		return sdk.Grant{}, err
	}
	return tok.Grant(), nil
}

// Test implements [sdk.Tester].
func (client) Test(ctx context.Context, in sdk.Input, g sdk.Grant) error { return me(ctx, in, g) }

// renewed obtains its first token with a password, and the next ones with a
// refresh token that works once (RFC 6749, section 6).
type renewed struct{}

var _ sdk.Tester = renewed{}

// Schema implements [sdk.Plugin].
func (renewed) Schema() sdk.Schema { return schema("renewed", base, secret) }

// Grant implements [sdk.Plugin].
func (renewed) Grant(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
	var (
		tok oauth.Token
		err error
	)
	if in.State == nil {
		tok, err = tokens(in).Password(ctx, "anna", in.Get(secret))
	} else {
		tok, err = tokens(in).Refresh(ctx, in.State)
	}
	if err != nil {
		return sdk.Grant{}, err
	}
	g := tok.Grant()
	g.Account = tok.Extra("account")
	return g, nil
}

// Test implements [sdk.Tester].
func (renewed) Test(ctx context.Context, in sdk.Input, g sdk.Grant) error { return me(ctx, in, g) }

// signed signs each request's address and body.
type signed struct{}

var _ sdk.Signer = signed{}

// Schema implements [sdk.Plugin].
func (signed) Schema() sdk.Schema { return schema("signed", base, secret) }

// Grant implements [sdk.Plugin].
func (signed) Grant(context.Context, sdk.Input) (sdk.Grant, error) {
	return sdk.Grant{Sign: sdk.SignURL | sdk.SignSHA256}, nil
}

// Sign implements [sdk.Signer].
func (signed) Sign(_ context.Context, _ sdk.Input, _ sdk.Grant, r sdk.Request) (sdk.Signature, error) {
	return sdk.Signature{Header: http.Header{"X-Signature": {hex.EncodeToString(r.SHA256)}}}, nil
}

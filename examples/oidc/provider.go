// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/credhost/credhost/sdk"
	"github.com/credhost/credhost/sdk/oauth"
)

// A provider is what one says about itself (OpenID Connect Discovery, section
// 3; RFC 8414, section 2; RFC 9126, section 5; RFC 9207, section 3).
type provider struct {
	Issuer        string `json:"issuer"`
	AuthURL       string `json:"authorization_endpoint"`
	TokenURL      string `json:"token_endpoint"`
	UserinfoURL   string `json:"userinfo_endpoint"`
	IntrospectURL string `json:"introspection_endpoint"`
	RevokeURL     string `json:"revocation_endpoint"`
	PushURL       string `json:"pushed_authorization_request_endpoint"`
	MustPush      bool   `json:"require_pushed_authorization_requests"`
	SendsIssuer   bool   `json:"authorization_response_iss_parameter_supported"`

	IntrospectAuth []oauth.Auth `json:"introspection_endpoint_auth_methods_supported"`
}

// discover asks an issuer for its metadata, where OpenID Connect has it and
// then where RFC 8414 does. It believes only what stays at the issuer's own
// address, for that is where the person has said the secret may go.
func discover(ctx context.Context, issuer string) (provider, error) {
	issuer = strings.TrimSuffix(issuer, "/")
	origin := sdk.Origin(issuer)
	u, err := url.Parse(issuer)
	if err != nil {
		return provider{}, sdk.Errorf(sdk.Internal, "the issuer is no URL")
	}
	p, found, err := metadata(ctx, issuer+"/.well-known/openid-configuration")
	if err == nil && !found {
		p, found, err = metadata(ctx, origin+"/.well-known/oauth-authorization-server"+u.EscapedPath())
	}
	switch {
	case err != nil:
		return provider{}, err
	case !found || p.TokenURL == "":
		return provider{}, invalid("there is no provider's metadata at this address")
	case strings.TrimSuffix(p.Issuer, "/") != issuer: // RFC 8414, section 3.3
		return provider{}, invalid("the provider at this address calls itself something else: take what its documentation says")
	}
	if p.MustPush && p.PushURL == "" {
		return provider{}, invalid("the provider wants requests to be pushed, and does not say where")
	}
	for _, endpoint := range []string{p.AuthURL, p.TokenURL, p.UserinfoURL, p.IntrospectURL, p.RevokeURL, p.PushURL} {
		if endpoint != "" && sdk.Origin(endpoint) != origin {
			return provider{}, invalid("the provider has an endpoint at another host than its own, where the secret must not go")
		}
	}
	return p, nil
}

func invalid(text string) error { return sdk.Errorf(sdk.Invalid, "%s", text).In(issuer) }

// metadata reads one document, if it is there.
func metadata(ctx context.Context, at string) (p provider, found bool, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return p, false, sdk.Errorf(sdk.Internal, "the issuer is no URL") // err quotes it
	}
	resp, body, err := sdk.Fetch(r)
	switch {
	case err != nil:
		return p, false, err
	case resp.StatusCode == http.StatusNotFound:
		return p, false, nil
	case sdk.Status(resp) != nil:
		return p, false, sdk.Status(resp)
	case json.Unmarshal(body, &p) != nil:
		return p, false, nil // a page, say
	}
	return p, true, nil
}

// find returns the provider that the answers name, and the client there.
func find(ctx context.Context, in sdk.Input) (provider, oauth.Client, error) {
	p, err := discover(ctx, in.Get(issuer))
	if err != nil {
		return provider{}, oauth.Client{}, err
	}
	c, err := p.client(in)
	return p, c, err
}

// client is the OAuth client that the answers describe, at this provider.
func (p provider) client(in sdk.Input) (c oauth.Client, err error) {
	c = oauth.Client{
		ID: in.Get(clientID), Secret: in.Get(clientSecret), Auth: oauth.Auth(in.Get(method)), Audience: p.Issuer,
		AuthURL: p.AuthURL, PushURL: p.PushURL, TokenURL: p.TokenURL, RevokeURL: p.RevokeURL, IntrospectURL: p.IntrospectURL,
		Scopes: strings.Fields(in.Get(scopes)),
	}
	if len(p.IntrospectAuth) > 0 && !slices.Contains(p.IntrospectAuth, c.Auth) {
		c.IntrospectURL = "" // it is not for this client
	}
	if c.Auth == oauth.AuthKeyJWT {
		c.Key, err = oauth.ParseKey(in.Get(clientKey), clientKey)
	}
	return c, err
}

// account says whose a grant is. The identifier is unique, the address is what
// people know; a provider that does not tell spoils nothing.
func (p provider) account(ctx context.Context, g sdk.Grant) string {
	var person struct {
		Subject string `json:"sub"`
		Email   string `json:"email"`
	}
	if p.UserinfoURL == "" || sdk.Probe(ctx, g, p.UserinfoURL, &person) != nil || person.Email == "" {
		return person.Subject
	}
	return person.Email + " (" + person.Subject + ")"
}

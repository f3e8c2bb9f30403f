// SPDX-License-Identifier: Apache-2.0

// Command oidc is a credential plugin for any OpenID Connect or OAuth 2.0
// provider that publishes its metadata: a person approves in the browser, or
// the client signs in for itself.
package main

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/credhost/credhost/sdk"
	"github.com/credhost/credhost/sdk/oauth"
	"github.com/credhost/credhost/sdk/serve"
)

func main() { serve.Plugin(oidc{}) }

var (
	issuer = sdk.Field{Name: "issuer", Title: "Issuer", Kind: sdk.URL, Pattern: "^https://", Example: "https://login.example.com",
		Help: "The provider's address. Its metadata must be published below it, and its endpoints must be at the same host."}
	who = sdk.Field{Name: "who", Title: "Who signs in", Kind: sdk.Choice, Default: "person",
		Options: []sdk.Option{{Value: "person", Title: "A person, in the browser"}, {Value: "client", Title: "The client itself"}}}
	clientID = sdk.Field{Name: "clientId", Title: "Client ID"}
	method   = sdk.Field{Name: "authMethod", Title: "Client authentication", Kind: sdk.Choice, Default: string(oauth.AuthBasic),
		Help: "As the client is registered.",
		Options: []sdk.Option{{Value: string(oauth.AuthBasic), Title: "A secret in a header (basic)"},
			{Value: string(oauth.AuthPost), Title: "A secret among the parameters (post)"},
			{Value: string(oauth.AuthKeyJWT), Title: "A signature (private_key_jwt)"}}}
	clientSecret = sdk.Field{Name: "clientSecret", Title: "Client secret", Secret: true, When: sdk.Not(method.Is(string(oauth.AuthKeyJWT)))}
	clientKey    = sdk.Field{Name: "clientKey", Title: "Private key", Kind: sdk.LongText, Secret: true, When: method.Is(string(oauth.AuthKeyJWT)),
		Help: "PEM or JWK. The provider knows the public half."}
	scopes = sdk.Field{Name: "scopes", Title: "Scopes", Optional: true, Help: "Separated by spaces. Without offline_access many providers end the access after an hour.",
		Defaults: []sdk.Default{{Value: "openid email offline_access", When: who.Is("person")}}}
	apis = sdk.Field{Name: "apiUrls", Title: "APIs", Kind: sdk.URL, Many: true, Optional: true,
		Help: "Where the token may go, besides the provider itself."}
)

// oidc is the plugin. It has no settings.
type oidc struct{}

var (
	_ sdk.Tester    = oidc{}
	_ sdk.Connector = oidc{}
	_ sdk.Revoker   = oidc{}
)

// Schema implements [sdk.Plugin].
func (oidc) Schema() sdk.Schema {
	return sdk.Schema{
		Name:          "oidc",
		Title:         "OpenID Connect",
		DocsURL:       "https://openid.net/developers/how-connect-works/",
		Fields:        []sdk.Field{issuer, who, clientID, method, clientSecret, clientKey, scopes, apis},
		Origins:       []string{"{issuer}", "{apiUrls}"},
		AnswerOrigins: []string{"{issuer}"},
		ConnectWhen:   who.Is("person"),
	}
}

// Connect implements [sdk.Connector].
func (oidc) Connect(ctx context.Context, in sdk.Input, cb sdk.Callback) (sdk.Approval, error) {
	p, c, err := find(ctx, in)
	if err != nil {
		return sdk.Approval{}, err
	}
	if slices.Contains(c.Scopes, "offline_access") {
		c.AuthParams = url.Values{"prompt": {"consent"}} // or else it is ignored (OpenID Connect Core, section 11)
	}
	if p.MustPush {
		return c.Push(ctx, cb)
	}
	return c.Approval(cb), nil
}

// Exchange implements [sdk.Connector]. Whose the answer is comes first: a code
// of another provider must not be sent to this one.
func (oidc) Exchange(ctx context.Context, in sdk.Input, cb sdk.Callback) (sdk.Grant, error) {
	p, c, err := find(ctx, in)
	if err != nil {
		return sdk.Grant{}, err
	}
	if iss := cb.Query["iss"]; len(iss) > 1 || len(iss) == 1 && iss[0] != p.Issuer || len(iss) == 0 && p.SendsIssuer {
		return sdk.Grant{}, sdk.Errorf(sdk.Denied, "it was not this provider that sent the person back: connect again")
	}
	tok, err := c.Exchange(ctx, cb)
	if err != nil {
		return sdk.Grant{}, err
	}
	tok.Kept = map[string]string{"issuer": p.Issuer, "tokenUrl": p.TokenURL}
	g := tok.Grant()
	g.Account = p.account(ctx, g)
	return g, nil
}

// Grant implements [sdk.Plugin]. A renewal is one request, to the endpoint
// that the approval came from: the fewer, the less can go wrong between a
// refresh token that is spent and the next one.
func (oidc) Grant(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
	if in.Get(who) == "client" {
		_, c, err := find(ctx, in)
		if err != nil {
			return sdk.Grant{}, err
		}
		return grant(c.ClientCredentials(ctx))
	}
	last, err := oauth.Restore(in.State)
	if err != nil {
		return sdk.Grant{}, err
	}
	c, err := provider{Issuer: last.Kept["issuer"], TokenURL: last.Kept["tokenUrl"]}.client(in)
	if err != nil {
		return sdk.Grant{}, err
	}
	return grant(c.Refresh(ctx, in.State))
}

func grant(tok oauth.Token, err error) (sdk.Grant, error) {
	if err != nil {
		return sdk.Grant{}, err
	}
	return tok.Grant(), nil
}

// Test implements [sdk.Tester]. The provider is asked about the person or,
// where there is none or it does not tell, about the token.
func (oidc) Test(ctx context.Context, in sdk.Input, g sdk.Grant) error {
	p, c, err := find(ctx, in)
	if err != nil {
		return err
	}
	if in.Get(who) == "person" && p.UserinfoURL != "" {
		return sdk.Probe(ctx, g, p.UserinfoURL, nil)
	}
	if c.IntrospectURL == "" {
		return sdk.Errorf(sdk.Unavailable, "the provider has no endpoint that tells whether a token works")
	}
	active, err := c.Active(ctx, strings.TrimPrefix(g.Header.Get("Authorization"), "Bearer "), oauth.AccessToken)
	if err == nil && !active {
		err = sdk.Errorf(sdk.Denied, "the provider does not take the token any more")
	}
	return err
}

// Revoke implements [sdk.Revoker] (RFC 7009), with proof where the provider
// gives any (RFC 7662).
func (oidc) Revoke(ctx context.Context, in sdk.Input, g sdk.Grant) error {
	_, c, err := find(ctx, in)
	if err != nil {
		return err
	}
	if c.RevokeURL == "" {
		return sdk.Errorf(sdk.Invalid, "the provider has no endpoint to revoke access: withdraw it in the account's settings there")
	}
	return c.RevokeGrant(ctx, in, g)
}

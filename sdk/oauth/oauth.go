// SPDX-License-Identifier: Apache-2.0

// Package oauth obtains tokens with OAuth 2.0 (RFC 6749), for authors of
// plugins. A [Client] asks the service; a [Token] is what it gave, and becomes
// an [sdk.Grant] when the plugin has seen what it wants of it:
//
//	tok, err := client.Refresh(ctx, in.State)
//	if err != nil {
//		return sdk.Grant{}, err
//	}
//	return tok.Grant(), nil
//
// # What it promises
//
// Every call sends one request, and never a second one: codes and rotating
// refresh tokens work only once, and a service may take a repetition for a
// theft. Only [Client.RevokeGrant] sends several, which may all be repeated. It
// follows no redirect and guesses nothing: how the client authenticates is said
// by [Client.Auth].
//
// A refresh token is never lost: [Token.State] keeps it, the old one if the
// service gave no new one, and odd values beside it spoil no answer.
//
// Every error is an [*sdk.Error], whose Code says who must act. None quotes
// what the service said: services echo secrets. A plugin that knows its
// service better finds a [*ResponseError] with errors.As.
package oauth

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/credhost/credhost/sdk"
	"golang.org/x/oauth2"
)

// A Client is registered at a service. It is a plain value without state: make
// one for each call, from the answers. Its methods are safe for concurrent use.
type Client struct {
	ID     string
	Secret string // empty for a client without one

	Auth     Auth   // how it proves who it is
	Key      Key    // for AuthKeyJWT and JWTBearer
	Audience string // whom its assertions are for: the service's issuer identifier or, where it wants that, TokenURL

	TokenURL      string // the token endpoint; its query, if any, is kept, as is that of the others
	AuthURL       string // the authorization endpoint, for Approval and Push
	PushURL       string // the pushed authorization request endpoint, for Push
	DeviceURL     string // the device authorization endpoint, for Device
	RevokeURL     string // the revocation endpoint, for Revoke and RevokeGrant
	IntrospectURL string // the introspection endpoint, for Active; RevokeGrant asks it for proof

	Scopes    []string // what to ask for; none leaves the parameter out
	Resources []string // where the tokens are to be used (RFC 8707); sent with every approval and token request

	Encoding Encoding // how parameters travel to the service
	NoPKCE   bool     // leaves PKCE out, for services that refuse what they do not know

	AuthParams  url.Values  // added to every request for approval, such as access_type=offline
	TokenParams url.Values  // added to every token request, such as audience
	Header      http.Header // set on every request; replaces our own headers

	// Lifetime is how long an access token lives if the answer does not say.
	// Zero: unknown.
	Lifetime time.Duration
}

// An Encoding is how parameters travel to a token endpoint.
type Encoding uint8

// The encodings. Only the first is standard.
const (
	Form  Encoding = iota // a body of application/x-www-form-urlencoded
	JSON                  // a body of application/json, or what Client.Header says
	Query                 // in the query, with an empty body
)

// ClientCredentials obtains a token for the client itself (RFC 6749, section
// 4.4).
func (c Client) ClientCredentials(ctx context.Context) (Token, error) {
	return c.Request(ctx, c.scoped(url.Values{"grant_type": {"client_credentials"}}))
}

// Password obtains a token for a user whose password the client knows (RFC
// 6749, section 4.3).
func (c Client) Password(ctx context.Context, user, password string) (Token, error) {
	return c.Request(ctx, c.scoped(url.Values{
		"grant_type": {"password"},
		"username":   {user},
		"password":   {password},
	}))
}

// Approval says where a person approves the client (RFC 6749, section 4.1),
// with PKCE (RFC 7636, S256) unless NoPKCE. It is for [sdk.Connector].
func (c Client) Approval(cb sdk.Callback) sdk.Approval {
	return sdk.Approval{URL: withQuery(c.AuthURL, c.approval(cb))}
}

// approval returns the parameters of a request for approval. The library makes
// an address of them; services that have them pushed, or want one of them twice,
// need more.
func (c Client) approval(cb sdk.Callback) url.Values {
	conf := oauth2.Config{ClientID: c.ID, RedirectURL: cb.RedirectURL, Scopes: c.Scopes}
	var opts []oauth2.AuthCodeOption
	if !c.NoPKCE {
		opts = append(opts, oauth2.S256ChallengeOption(cb.Verifier))
	}
	_, query, _ := strings.Cut(conf.AuthCodeURL(cb.State, opts...), "?")
	params, err := url.ParseQuery(query)
	if err != nil {
		panic("oauth: " + err.Error()) // the library has just encoded it
	}
	if len(c.Resources) > 0 {
		params["resource"] = slices.Clone(c.Resources)
	}
	return with(params, c.AuthParams)
}

// withQuery returns an address with params after the query that it has.
func withQuery(address string, params url.Values) string {
	if strings.Contains(address, "?") {
		return address + "&" + params.Encode()
	}
	return address + "?" + params.Encode()
}

// with sets more among params, which it changes and returns.
func with(params, more url.Values) url.Values {
	for name, values := range more {
		params[name] = slices.Clone(values)
	}
	return params
}

// Exchange obtains the first token with what the person brought back from
// there.
func (c Client) Exchange(ctx context.Context, cb sdk.Callback) (Token, error) {
	if err := callbackError(cb.Query); err != nil {
		return Token{}, err
	}
	params := url.Values{
		"grant_type":   {"authorization_code"},
		"code":         {cb.Query.Get("code")},
		"redirect_uri": {cb.RedirectURL},
	}
	if !c.NoPKCE {
		params.Set("code_verifier", cb.Verifier)
	}
	return c.Request(ctx, params)
}

// Refresh obtains the next token (RFC 6749, section 6), given the State of the
// grant made of the last one. If the service gives no new refresh token, the
// old one stays; and so does [Token.Kept].
//
// A refresh token that is refused is [sdk.Denied], whatever word the service
// uses for it: no answer is wrong, but the person must connect again.
func (c Client) Refresh(ctx context.Context, state []byte) (Token, error) {
	last, err := Restore(state)
	if err != nil {
		return Token{}, err
	}
	if last.RefreshToken == "" {
		return Token{}, sdk.Errorf(sdk.Denied, "there is no refresh token: connect again")
	}
	next, err := c.Request(ctx, url.Values{
		"grant_type":    {"refresh_token"},
		"refresh_token": {last.RefreshToken},
	})
	if err != nil {
		return Token{}, refreshError(err)
	}
	if next.RefreshToken == "" {
		next.RefreshToken = last.RefreshToken
	}
	next.Kept = last.Kept
	return next, nil
}

// Request obtains a token with any other grant: params are the parameters of
// the token request, grant_type among them, each with any number of values.
// TokenParams, Resources and what authenticates the client are added to them;
// Scopes are not.
func (c Client) Request(ctx context.Context, params url.Values) (Token, error) {
	params = with(maps.Clone(params), c.TokenParams)
	if len(c.Resources) > 0 {
		params["resource"] = slices.Clone(c.Resources)
	}
	asked := time.Now()
	resp, body, err := c.send(ctx, c.TokenURL, params)
	if err != nil {
		return Token{}, err
	}
	return c.read(resp, body, asked)
}

// scoped adds to params, which it changes, the scopes and resources that c
// asks for.
func (c Client) scoped(params url.Values) url.Values {
	if len(c.Scopes) > 0 {
		params.Set("scope", strings.Join(c.Scopes, " "))
	}
	if len(c.Resources) > 0 {
		params["resource"] = slices.Clone(c.Resources)
	}
	return params
}

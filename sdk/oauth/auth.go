// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"net/http"
	"net/url"

	"github.com/credhost/credhost/sdk"
)

// An Auth is how a client proves to the service who it is. Its values are the
// registered names (OpenID Connect Core, section 9; RFC 7591, section 2; RFC
// 8705, section 2), so that a field may offer them and a plugin need not
// translate its answer. The zero Auth is AuthPost for a client that has a
// Secret, and AuthNone for one that has none.
type Auth string

// The ways to authenticate. Any other is refused with [sdk.Internal] before
// anything is sent.
const (
	AuthNone  Auth = "none"                // client_id alone: a public client
	AuthPost  Auth = "client_secret_post"  // ID and Secret among the parameters (RFC 6749, section 2.3.1)
	AuthBasic Auth = "client_secret_basic" // in the Authorization header, encoded as that section says

	// AuthSecretJWT and AuthKeyJWT show an assertion that is good for two
	// minutes and once, for Client.Audience alone (RFC 7523, section 2.2):
	// signed with the Secret (HS256) or with Client.Key.
	AuthSecretJWT Auth = "client_secret_jwt"
	AuthKeyJWT    Auth = "private_key_jwt"

	// With AuthTLS and AuthSelfSignedTLS it is the client certificate that
	// proves it, which the host presents: see [sdk.Schema.ClientCertificate].
	// The request itself says client_id alone (RFC 8705, section 2).
	AuthTLS           Auth = "tls_client_auth"
	AuthSelfSignedTLS Auth = "self_signed_tls_client_auth"
)

// assertionType says what a client_assertion is (RFC 7523, section 2.2).
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// authenticate adds to a request's parameters and headers what proves who the
// client is.
func (c Client) authenticate(params url.Values, h http.Header) error {
	auth := c.Auth
	if auth == "" && c.Secret != "" {
		auth = AuthPost
	}
	switch auth {
	case AuthBasic:
		h.Set("Authorization", sdk.Basic(url.QueryEscape(c.ID), url.QueryEscape(c.Secret)).Header.Get("Authorization"))
		return nil
	case "", AuthNone, AuthTLS, AuthSelfSignedTLS:
	case AuthPost:
		params.Set("client_secret", c.Secret)
	case AuthSecretJWT, AuthKeyJWT:
		signed, err := c.clientAssertion(auth)
		if err != nil {
			return err
		}
		params.Set("client_assertion_type", assertionType)
		params.Set("client_assertion", signed)
	default:
		return sdk.Errorf(sdk.Internal, "package oauth knows no such client authentication: Client.Auth must be one of its constants")
	}
	if c.ID != "" {
		params.Set("client_id", c.ID)
	}
	return nil
}

// clientAssertion returns what the client shows in the place of its secret. It
// is for one audience, the issuer's identifier by preference: an assertion for
// a token endpoint whose address another server could name would work there,
// too (RFC 7523 and draft-ietf-oauth-security-topics-update: audience
// injection).
func (c Client) clientAssertion(auth Auth) (string, error) {
	if c.Audience == "" || c.ID == "" {
		return "", sdk.Errorf(sdk.Internal, "an assertion needs an ID, and whom it is for: set Client.Audience to the service's issuer identifier")
	}
	a := Assertion{Issuer: c.ID, Subject: c.ID, Audience: c.Audience}
	if auth == AuthKeyJWT {
		return c.Key.Sign(a)
	}
	if len(c.Secret) < minHMAC {
		return "", sdk.Errorf(sdk.Invalid, "the client secret is too short to sign with, which takes %d bytes: have the service make another, or choose another client authentication", minHMAC)
	}
	return signed("HS256", "", nil, a, func(text []byte) ([]byte, error) { return hs256(c.Secret, text), nil })
}

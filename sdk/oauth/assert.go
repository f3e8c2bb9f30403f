// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"context"
	"net/url"

	"github.com/credhost/credhost/sdk"
)

// JWTBearer obtains a token with an assertion that Key signs (RFC 7523, section
// 2.1): for a user whom an administrator has let the client act for, or for a
// service account. Issuer and Audience of a are the client's ID and Audience if
// they are empty.
//
// Some services, Google among them, want the scopes as a claim rather than as
// a parameter: put them into Claims, and leave Client.Scopes empty.
func (c Client) JWTBearer(ctx context.Context, a Assertion) (Token, error) {
	if a.Issuer == "" {
		a.Issuer = c.ID
	}
	if a.Audience == "" {
		a.Audience = c.Audience
	}
	if a.Issuer == "" || a.Audience == "" {
		return Token{}, sdk.Errorf(sdk.Internal, "an assertion needs an Issuer and an Audience")
	}
	signed, err := c.Key.Sign(a)
	if err != nil {
		return Token{}, err
	}
	return c.Request(ctx, c.scoped(url.Values{
		"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"},
		"assertion":  {signed},
	}))
}

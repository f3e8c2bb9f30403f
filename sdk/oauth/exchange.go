// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"slices"

	"github.com/credhost/credhost/sdk"
)

// The kinds of token that an exchange knows (RFC 8693, section 3). Services may
// have others.
const (
	TypeAccessToken  = "urn:ietf:params:oauth:token-type:access_token"
	TypeRefreshToken = "urn:ietf:params:oauth:token-type:refresh_token"
	TypeIDToken      = "urn:ietf:params:oauth:token-type:id_token"
	TypeSAML1        = "urn:ietf:params:oauth:token-type:saml1"
	TypeSAML2        = "urn:ietf:params:oauth:token-type:saml2"
	TypeJWT          = "urn:ietf:params:oauth:token-type:jwt"
)

// A SecurityToken is a token of any kind, to be exchanged. It never prints what
// it holds.
type SecurityToken struct {
	Token string
	Type  string // one of the Type constants, or the service's own
}

// A TokenExchange says which token is to be had for which (RFC 8693, section
// 2.1). Scopes and Resources are the client's.
type TokenExchange struct {
	Subject  SecurityToken // whom the new token is to be for
	Actor    SecurityToken // who acts for them; zero: the client itself
	Wanted   string        // which kind of token; empty: the service's choice
	Audience []string      // the services that it is for, by their names
}

// ExchangeToken exchanges one token for another, at another service or with
// less power, say. The new one is the AccessToken, whatever its kind: what
// that is, [Token.Extra] of "issued_token_type" says. An answer that does not
// say it (it must), or gives another kind than was wanted, is
// [sdk.Unavailable].
func (c Client) ExchangeToken(ctx context.Context, x TokenExchange) (Token, error) {
	if x.Subject.Token == "" || x.Subject.Type == "" || (x.Actor.Token == "") != (x.Actor.Type == "") {
		return Token{}, sdk.Errorf(sdk.Internal, "an exchange needs a Subject, and both halves of each token: the token and its Type")
	}
	params := url.Values{
		"grant_type":         {"urn:ietf:params:oauth:grant-type:token-exchange"},
		"subject_token":      {x.Subject.Token},
		"subject_token_type": {x.Subject.Type},
	}
	if x.Actor.Token != "" {
		params.Set("actor_token", x.Actor.Token)
		params.Set("actor_token_type", x.Actor.Type)
	}
	if x.Wanted != "" {
		params.Set("requested_token_type", x.Wanted)
	}
	if len(x.Audience) > 0 {
		params["audience"] = slices.Clone(x.Audience)
	}
	t, err := c.Request(ctx, c.scoped(params))
	if err != nil {
		return Token{}, err
	}
	if issued := t.Extra("issued_token_type"); issued == "" || x.Wanted != "" && issued != x.Wanted {
		return Token{}, sdk.Errorf(sdk.Unavailable, "the service exchanged the token for one of a kind that was not asked for, or does not say which")
	}
	return t, nil
}

// String returns the token's type.
func (t SecurityToken) String() string { return fmt.Sprintf("security token[%q]", t.Type) }

// Format prints the token's type, whatever the verb.
func (t SecurityToken) Format(f fmt.State, _ rune) { io.WriteString(f, t.String()) }

// MarshalText returns the token's type.
func (t SecurityToken) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"strings"

	"github.com/credhost/credhost/sdk"
)

// A Hint tells a service what kind of token it is shown (RFC 7009, section
// 2.1; RFC 7662, section 2.1), so that it need not look everywhere.
type Hint string

// The hints. The empty one says nothing.
const (
	AccessToken  Hint = "access_token"
	RefreshToken Hint = "refresh_token"
)

// Revoke makes a token worthless (RFC 7009). One that is worthless already, or
// was never good, is revoked, too. It may be called again after any error.
//
// That a service does not revoke tokens of this kind is [sdk.Internal], with
// the reason "unsupported_token_type".
func (c Client) Revoke(ctx context.Context, token string, hint Hint) error {
	resp, body, err := c.send(ctx, c.RevokeURL, shown(token, hint))
	if err != nil {
		return err
	}
	answer := members(resp.Header.Get("Content-Type"), body)
	if !succeeded(resp) || isPage(resp) || member(answer, "error") != "" {
		return refused(resp, body, answer)
	}
	return nil // the body means nothing (section 2.2)
}

// Active asks the service whether it takes a token (RFC 7662). An answer that
// does not say so is [sdk.Unavailable].
func (c Client) Active(ctx context.Context, token string, hint Hint) (bool, error) {
	resp, body, err := c.send(ctx, c.IntrospectURL, shown(token, hint))
	if err != nil {
		return false, err
	}
	answer := members(resp.Header.Get("Content-Type"), body)
	var active *bool
	if !succeeded(resp) || json.Unmarshal(answer["active"], &active) != nil || active == nil {
		return false, refused(resp, body, answer)
	}
	return *active, nil
}

// shown returns the parameters that show a token.
func shown(token string, hint Hint) url.Values {
	params := url.Values{"token": {token}}
	if hint != "" {
		params.Set("token_type_hint", string(hint))
	}
	return params
}

// RevokeGrant makes a grant worthless that [Token.Grant] made, and is what most
// implementations of [sdk.Revoker] need: it revokes the refresh token, with
// which a service should end all that came of it (RFC 7009, section 2.1), and
// then the access token. A service that does not revoke access tokens is no
// error if there was a refresh token: they end by themselves.
//
// With an IntrospectURL it then asks for proof: a token that the service still
// takes is [sdk.Unavailable]. Like Revoke it may be called again.
func (c Client) RevokeGrant(ctx context.Context, in sdk.Input, g sdk.Grant) error {
	refresh := ""
	if len(in.State) > 0 {
		last, err := Restore(in.State)
		if err != nil {
			return err
		}
		refresh = last.RefreshToken
	}
	_, access, _ := strings.Cut(g.Header.Get("Authorization"), " ")
	var kept bool // the access token ends by itself
	for _, t := range []struct {
		token string
		hint  Hint
	}{{refresh, RefreshToken}, {access, AccessToken}} {
		if t.token == "" {
			continue
		}
		err := c.Revoke(ctx, t.token, t.hint)
		if t.hint == AccessToken && refresh != "" && unsupported(err) {
			kept = true
		} else if err != nil {
			return err
		}
	}
	if kept {
		access = ""
	}
	return c.prove(ctx, refresh, access)
}

func unsupported(err error) bool {
	e, ok := errors.AsType[*sdk.Error](err)
	return ok && e.Reason == "unsupported_token_type"
}

// prove reports whether the service still takes what was revoked.
func (c Client) prove(ctx context.Context, refresh, access string) error {
	if c.IntrospectURL == "" {
		return nil
	}
	for _, t := range []struct {
		token string
		hint  Hint
	}{{refresh, RefreshToken}, {access, AccessToken}} {
		if t.token == "" {
			continue
		}
		active, err := c.Active(ctx, t.token, t.hint)
		switch {
		case err != nil:
			return err
		case active:
			return sdk.Errorf(sdk.Unavailable, "the service says that a token still works, although it was revoked: try again later, or withdraw the access at the service")
		}
	}
	return nil
}

// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"time"
)

// Derive returns a key that may do no more than the caller, narrowed by limits,
// and for a while only. It is not stored: it ends with the key it is of.
func (a *Access) Derive(ctx context.Context, of Caller, scopes []Scope, limits Limits, life time.Duration) (token string, expires time.Time, err error) {
	return "", time.Time{}, errUnknown
}

// Link returns a secret with which a person can sign in as c, once, within ten
// minutes: what a link in a terminal carries.
func (a *Access) Link(ctx context.Context, c Caller) (secret string, err error) {
	return "", errUnknown
}

// SignIn ends a link's secret, and returns a session's.
func (a *Access) SignIn(ctx context.Context, link string) (session string, c Caller, err error) {
	return "", Caller{}, errUnknown
}

// Begin starts a session of a person who has signed in otherwise.
func (a *Access) Begin(ctx context.Context, c Caller) (session string, err error) {
	return "", errUnknown
}

// Session returns who has signed in.
func (a *Access) Session(ctx context.Context, session string) (Caller, error) {
	return Caller{}, errUnknown
}

// SignOut ends a session.
func (a *Access) SignOut(ctx context.Context, session string) error { return nil }

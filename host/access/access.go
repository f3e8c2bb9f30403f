// SPDX-License-Identifier: Apache-2.0

// Package access says who may do what with a host: programs that show a key,
// and people who have signed in. Open an [Access] beside a host, and ask it for
// the [Caller] behind a key or a session:
//
//	a, err := access.Open(ctx, access.Config{Host: h})
//	caller, err := a.Caller(ctx, token)
//	if err := caller.Needs(access.Write); err != nil { … }
//
// Read this file first; then actions.go, which says who may do what, limits.go,
// key.go, derived.go, session.go, oidc.go and workspace.go.
//
// Keys and sessions are kept as hashes, sealed, on a shelf of the host. Nobody
// reads one again: what is shown once is all there is.
package access

import (
	"context"
	"slices"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/sdk"
)

// A Scope is a kind of thing that a caller may do.
type Scope string

// The scopes. None includes another.
const (
	Read    Scope = "read"    // see types, credentials, what they need and when they end
	Write   Scope = "write"   // create, edit, connect, revoke and delete credentials
	Use     Scope = "use"     // send requests with credentials, and test them
	Admin   Scope = "admin"   // keys, applications, webhooks and the audit trail of the workspace
	Release Scope = "release" // have a credential handed out, where an operator has opened that
)

// Scopes are all scopes, in the order in which they are shown.
var Scopes = []Scope{Read, Write, Use, Admin, Release}

// A Caller is who asks, and what it may do. The zero Caller may do nothing.
type Caller struct {
	Workspace string     // its own; empty: of the host, and then it may name any
	Actor     host.Actor // as the audit trail knows it
	Key       string     // the ID of the key that was shown; empty: a person
	Derived   string     // the ID of the key that was derived of Key or Session; empty: it is not
	Session   string     // the ID of the session; empty: no person
	Scopes    []Scope
	Limits    []Limits  // each holds; a derived key adds one to its parent's
	Expires   time.Time // zero: never

	narrowed []Limits  // those of Limits that are in the token of a derived key
	until    time.Time // when what a person was given ends, which may be later than the session
	grants   []Grant   // all of a person who may enter several workspaces
	budget   *budget   // of its requests; those that were derived share it
}

// Operator reports whether the caller is the host's own: it may name any
// workspace, and see to plugins and to workspaces.
func (c Caller) Operator() bool { return c.Workspace == "" && c.Actor != "" }

// Has reports whether the caller has a scope.
func (c Caller) Has(s Scope) bool { return slices.Contains(c.Scopes, s) }

// Needs returns nil if the caller has one of the scopes, and an error with the
// code [sdk.Forbidden] that names them if not.
func (c Caller) Needs(any ...Scope) error {
	if slices.ContainsFunc(any, c.Has) {
		return nil
	}
	return sdk.Errorf(sdk.Forbidden, "this key may not do that: it needs the scope %s", any[0])
}

type callerKey struct{}

// With returns a context that carries the caller, as the actor of all that is
// done with it.
func With(ctx context.Context, c Caller) context.Context {
	return host.WithActor(context.WithValue(ctx, callerKey{}, c), c.Actor)
}

// From returns the caller of a context; the zero Caller if it has none.
func From(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller)
	return c
}

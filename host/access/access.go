// SPDX-License-Identifier: Apache-2.0

// Package access says who may do what with a host: programs that show a key,
// and people who have signed in. Open an [Access] beside a host, and ask it for
// the [Caller] behind a key or a session:
//
//	a, err := access.Open(ctx, access.Config{Host: h})
//	caller, err := a.Caller(ctx, token)
//	if err := caller.Needs(access.Write); err != nil { … }
//
// Read this file first; key.go has keys, derived.go those that are derived of
// them, session.go people.
//
// Keys and sessions are kept as hashes, sealed, on a shelf of the host. Nobody
// reads one again: what is shown once is all there is.
package access

import (
	"context"
	"net/url"
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

// Limits narrow what a caller may do with its scopes. A list that is empty
// limits nothing.
type Limits struct {
	// Credentials are the IDs of those that exist for the caller.
	Credentials []string `json:"credentials,omitempty"`

	// Methods are those of requests that it may send with a credential.
	Methods []string `json:"methods,omitempty"`

	// URLs are where it may send them: "https://api.example/v1/*" stands for
	// all that begins so, "/v1/*" for such paths at any of the credential's
	// origins; without the star, for that path alone. A query is not looked at.
	URLs []string `json:"urls,omitempty"`
}

// A Caller is who asks, and what it may do. The zero Caller may do nothing.
type Caller struct {
	Workspace string     // its own; empty: of the host, and then it may name any
	Actor     host.Actor // as the audit trail knows it
	Key       string     // the ID of the key that was shown; empty: a person
	Scopes    []Scope
	Limits    []Limits  // each holds; a derived key adds one to its parent's
	Expires   time.Time // zero: never
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

// Sees reports whether a credential exists for the caller, as far as its limits
// go. One of another workspace does not exist either.
func (c Caller) Sees(credential string) bool {
	for _, l := range c.Limits {
		if len(l.Credentials) > 0 && !slices.Contains(l.Credentials, credential) {
			return false
		}
	}
	return true
}

// Permits returns nil if the caller may send such a request with a credential.
func (c Caller) Permits(credential, method string, u *url.URL) error {
	return c.Needs(Use)
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

// SPDX-License-Identifier: Apache-2.0

package egress

import (
	"context"
	"sync/atomic"
)

// A Policy says what one call may reach.
type Policy struct {
	Origins []string // patterns, as in sdk.MatchOrigin; none: nothing
}

type policyKey struct{}

// WithPolicy returns a context whose requests through a [Guard] reach only
// what p names.
func WithPolicy(ctx context.Context, p Policy) context.Context {
	return context.WithValue(ctx, policyKey{}, p)
}

// PolicyFrom returns the policy of ctx, if it has one.
func PolicyFrom(ctx context.Context) (Policy, bool) {
	p, ok := ctx.Value(policyKey{}).(Policy)
	return p, ok
}

// A Call is a live call of a plugin, as the socket sees it: what it may reach,
// until when, and how much it has used of its limits. It is safe for
// concurrent use.
type Call struct {
	// The context of the call itself: connections of the socket, which come
	// with none, do what they do on its behalf.
	ctx    context.Context
	policy Policy

	used  atomic.Bool
	conns atomic.Int64 // open now
	moved atomic.Int64 // bytes sent and received
}

// NewCall returns a call that reaches what p names, until ctx ends: with ctx,
// all connections of the call end.
func NewCall(ctx context.Context, p Policy) *Call {
	return &Call{ctx: WithPolicy(ctx, p), policy: p}
}

// Used reports whether the call has opened a connection. One that has not may
// be made again after a crash: no service has heard of it.
func (c *Call) Used() bool { return c.used.Load() }

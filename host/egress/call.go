// SPDX-License-Identifier: Apache-2.0

package egress

import (
	"context"
	"net"
	"net/http"
	"sync/atomic"

	"github.com/credhost/credhost/sdk"
)

// A Policy says what one call may reach.
type Policy struct {
	Origins []string // patterns, as in [sdk.MatchOrigin]; none: nothing

	// TLS holds for those of them that are https. Where a route of
	// [Config.Routes] leads to a base URL, that must be https, too.
	TLS TLS

	// Through, if not nil, gets the HTTP requests that a plugin makes on a
	// socket, in place of the guard. It is for hosts that write down what a
	// service answers before the plugin sees it: theirs wraps the guard, which
	// checks as ever.
	Through http.RoundTripper
}

func (p Policy) allows(origin string) bool { return sdk.MatchOrigin(p.Origins, origin) }

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

// A Call is a live call of a plugin, as its socket sees it: what it may reach,
// until when, and how much it has used of its limits. It is safe for
// concurrent use.
type Call struct {
	// The connections of a socket come with no context. This is theirs: it
	// does not outlive the call that it was made for.
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

// closeWith closes conn when the call ends, until stop is called.
func closeWith(c *Call, conn net.Conn) (stop func() bool) {
	return context.AfterFunc(c.ctx, func() { conn.Close() })
}

// errTraffic ends the connections of a call that has sent and received enough.
var errTraffic = sdk.Errorf(sdk.Internal, "the call has sent and received all that it may (egress.Config.MaxTraffic)")

// A metered connection counts what a call sends and receives.
type metered struct {
	net.Conn
	call *Call // nil until the connection belongs to one
	max  int64
}

// Read reads, unless the call has moved too much.
func (m *metered) Read(p []byte) (int, error) {
	n, err := m.Conn.Read(p)
	return m.count(n, err)
}

// Write writes, unless the call has moved too much.
func (m *metered) Write(p []byte) (int, error) {
	n, err := m.Conn.Write(p)
	return m.count(n, err)
}

func (m *metered) count(n int, err error) (int, error) {
	if m.call != nil && m.call.moved.Add(int64(n)) > m.max {
		m.Conn.Close()
		return n, errTraffic
	}
	return n, err
}

// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"context"
	"net"
)

// A Dialer connects to an origin, such as "https://api.example.com" or
// "tcp://db.example.com:5432". What it returns for an https origin speaks
// plain HTTP/1.1: TLS is the business of whoever is behind it.
type Dialer func(ctx context.Context, origin string) (net.Conn, error)

type dialerKey struct{}

// WithDialer returns a context whose calls reach the network through d. It is
// for hosts and tests.
func WithDialer(ctx context.Context, d Dialer) context.Context {
	return context.WithValue(ctx, dialerKey{}, d)
}

// Dial connects to origin through the host, which allows only the origins of
// the credential that the call is about. The connection ends with the call.
//
// Ctx must descend from the call's. The error, if it is an [*Error], says
// which rule refused what.
func Dial(ctx context.Context, origin string) (net.Conn, error) {
	d, ok := ctx.Value(dialerKey{}).(Dialer)
	if !ok {
		return nil, Errorf(Internal, "the connection to %s belongs to no call: use the ctx that the call came with", printable(origin))
	}
	return d(ctx, origin)
}

// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"context"
	"net"
	"net/http"
	"sync"

	"github.com/credhost/credhost/sdk"
)

// transport is the default transport as the program began with it: a plugin
// that has put another around it reaches it still.
var transport, _ = http.DefaultTransport.(*http.Transport)

// InstallTransport sends what goes through [http.DefaultTransport] to
// [sdk.Dial], for the rest of the process's life: requests over http and
// https alike leave in plain HTTP/1.1, by no proxy, each on a connection of
// its own, because a connection belongs to the call whose ctx dialled it. It
// changes the transport that is there, so clones of it do the same.
//
// The first call counts. It must come before any request.
func InstallTransport() { install() }

var install = sync.OnceFunc(func() {
	if transport == nil {
		panic("wire: http.DefaultTransport is not an *http.Transport")
	}
	transport.DialContext = dialOrigin("http")
	transport.DialTLSContext = dialOrigin("https")
	transport.Proxy = nil
	transport.DisableKeepAlives = true
})

// dialOrigin returns a dial function of a transport. What it returns for https
// is not TLS: that is the host's business.
func dialOrigin(scheme string) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, _, addr string) (net.Conn, error) {
		origin := sdk.Origin(scheme + "://" + addr)
		if origin == "" {
			return nil, sdk.Errorf(sdk.Invalid, "the address is not one of a host that can be reached")
		}
		return sdk.Dial(ctx, origin)
	}
}

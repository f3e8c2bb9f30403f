// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"context"
	"net/http"
	"testing"
)

// Context returns a context in which a plugin reaches service, whatever the
// origin, for tests of its own beside the suite:
//
//	g, err := acme{}.Grant(plugintest.Context(t, standIn), in)
//
// Until the test ends, [http.DefaultTransport] leads there for calls with this
// context, and nowhere without it; the test cannot be parallel.
func Context(t *testing.T, service http.Handler) context.Context {
	t.Helper()
	t.Setenv("CREDHOST_PLUGINTEST", "1") // panics in a parallel test
	n := newNetwork(real{t}, &Suite{Service: service})
	t.Cleanup(installTransport())
	c := n.begin("a call", nil)
	c.free = true
	return inProcess{n: n}.call(t.Context(), c.id)
}

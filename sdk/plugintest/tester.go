// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"context"
	"errors"
	"strings"

	"github.com/credhost/credhost/sdk"
)

// test calls Test.
func (c *checks) test(t tb, ctx context.Context, in sdk.Input, g sdk.Grant) outcome {
	t.Helper()
	return c.do(t, ctx, "Test", in, c.reach(in, true), func(ctx context.Context, p sdk.Plugin) error {
		given := clone(g)
		err := p.(sdk.Tester).Test(ctx, in, given)
		if !same(given, g) {
			return changed("grant")
		}
		return err
	})
}

func (c *checks) checkTest(t tb) {
	g := c.must(t)
	in := c.input(c.values, g.State)
	o := c.test(t, t.Context(), in, g)
	switch {
	case o.err != nil:
		t.Fatalf("Test, of a good grant: %v%s", o.err, hint(o))
	case o.requests == 0:
		t.Errorf("Test asked nobody: a credential works when its service says so")
	}
	if bad, ok := spoilt(g); ok {
		if o := c.test(t, t.Context(), in, bad); !errors.Is(o.err, sdk.Denied) {
			t.Errorf("Test, of a grant that the service does not take: got %s, want Denied", codeOf(o.err))
		}
	}
	if origins, _ := c.schema.Expand(c.values); !overHTTP(origins.Grant) {
		return
	}
	defer c.during(forbidden)()
	if o := c.test(t, t.Context(), in, g); !errors.Is(o.err, sdk.Forbidden) {
		t.Errorf("Test, of a grant that lacks a permission (403): got %s, want Forbidden", codeOf(o.err))
	}
}

// spoilt returns a grant that carries something else, if it carries anything
// that can be spoilt.
func spoilt(g sdk.Grant) (sdk.Grant, bool) {
	bad := clone(g)
	wrong := "wrong-EXAMPLE-wrong"
	for name, values := range bad.Header {
		for i, v := range values {
			kept := v[:strings.LastIndexAny(v, " =")+1] // a scheme, or a cookie's name
			bad.Header[name][i] = kept + wrong
		}
	}
	for name := range bad.Query {
		bad.Query.Set(name, wrong)
	}
	for name := range bad.Path {
		bad.Path[name] = wrong
	}
	return bad, len(g.Header)+len(g.Query)+len(g.Path) > 0
}

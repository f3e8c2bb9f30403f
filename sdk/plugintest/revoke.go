// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"context"
	"errors"

	"github.com/credhost/credhost/sdk"
)

// revoke calls Revoke.
func (c *checks) revoke(t tb, ctx context.Context, in sdk.Input, g sdk.Grant) outcome {
	t.Helper()
	return c.do(t, ctx, "Revoke", in, c.reach(in, true), func(ctx context.Context, p sdk.Plugin) error {
		given := clone(g)
		err := p.(sdk.Revoker).Revoke(ctx, in, given)
		if !same(given, g) {
			return changed("grant")
		}
		return err
	})
}

func (c *checks) checkRevoke(t tb) {
	g := c.must(t)
	in := c.input(c.values, g.State)
	if o := c.revoke(t, t.Context(), in, g); o.err != nil {
		t.Fatalf("Revoke, of a good grant: %v%s", o.err, hint(o))
	}
	if c.can.Test && !c.s.Outlives {
		if o := c.test(t, t.Context(), in, g); !errors.Is(o.err, sdk.Denied) {
			t.Errorf("Test, of a revoked grant: got %s, want Denied: revoke the access token, too; if the service cannot, set Suite.Outlives", codeOf(o.err))
		}
	}
	if c.connects {
		if _, o := c.grant(t, t.Context(), in); !errors.Is(o.err, sdk.Denied) {
			t.Errorf("Grant, of a revoked credential: got %s, want Denied", codeOf(o.err))
		}
	}
	if o := c.revoke(t, t.Context(), in, g); o.err != nil && !errors.Is(o.err, sdk.Denied) {
		t.Errorf("Revoke, for the second time: got %s, want success: it is as dead as can be", codeOf(o.err))
	}
}

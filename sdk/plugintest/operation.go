// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"context"

	"github.com/credhost/credhost/sdk"
)

// An operation is a call that reaches the service.
type operation struct {
	name string
	// ready does what must be done before, and returns the call.
	ready func(t tb) func(t tb, ctx context.Context) outcome
}

// operations returns all that the type can do.
func (c *checks) operations() []operation {
	withGrant := func(call func(t tb, ctx context.Context, in sdk.Input, g sdk.Grant) outcome) func(tb) func(tb, context.Context) outcome {
		return func(t tb) func(tb, context.Context) outcome {
			g := c.must(t)
			return func(t tb, ctx context.Context) outcome { return call(t, ctx, c.input(c.values, g.State), g) }
		}
	}
	all := []operation{{"Grant", withGrant(func(t tb, ctx context.Context, in sdk.Input, _ sdk.Grant) outcome {
		if !c.connects {
			in.State = nil
		}
		_, o := c.grant(t, ctx, in)
		return o
	})}}
	if !c.connects {
		all = append(all, operation{"Renew", withGrant(func(t tb, ctx context.Context, in sdk.Input, _ sdk.Grant) outcome {
			if in.State == nil {
				return outcome{}
			}
			_, o := c.grant(t, ctx, in)
			return o
		})})
	} else {
		all = append(all, operation{"Connect", func(tb) func(tb, context.Context) outcome {
			return func(t tb, ctx context.Context) outcome {
				_, o := c.begin(t, ctx, c.values)
				return o
			}
		}}, operation{"Exchange", c.readyExchange})
	}
	if c.can.Test {
		all = append(all, operation{"Test", withGrant(c.test)})
	}
	if c.can.Revoke {
		all = append(all, operation{"Revoke", withGrant(c.revoke)})
	}
	return append(all, c.suggestions()...)
}

// readyExchange goes as far as the person's approval.
func (c *checks) readyExchange(t tb) func(tb, context.Context) outcome {
	v, o := c.begin(t, t.Context(), c.values)
	if o.err != nil {
		t.Fatalf("Connect: %v%s", o.err, hint(o))
	}
	query, err := c.approve(v)
	if err != nil {
		t.Fatalf("the person cannot approve: %v", err)
	}
	return func(t tb, ctx context.Context) outcome {
		_, o := c.exchange(t, ctx, v, query)
		return o
	}
}

// suggestions returns one operation for each field that has any.
func (c *checks) suggestions() (all []operation) {
	for _, f := range c.schema.Fields {
		if f.Suggest == nil || c.values[f.Name] == "" || !c.can.Suggest {
			continue
		}
		all = append(all, operation{"Suggest", func(t tb) func(tb, context.Context) outcome {
			g := c.must(t)
			return func(t tb, ctx context.Context) outcome {
				_, o := c.suggest(t, ctx, c.input(c.draft(), g.State), g, f, "")
				return o
			}
		}})
	}
	return all
}

// reaching returns the operations that send requests when all is well.
func (c *checks) reaching(t tb) (all []operation) {
	t.Helper()
	for _, op := range c.operations() {
		if o := op.ready(t)(t, t.Context()); o.requests > 0 {
			all = append(all, op)
		}
	}
	return all
}

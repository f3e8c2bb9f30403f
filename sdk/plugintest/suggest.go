// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/credhost/credhost/sdk"
)

// suggest calls Suggest.
func (c *checks) suggest(t tb, ctx context.Context, in sdk.Input, g sdk.Grant, f sdk.Field, search string) (options []sdk.Option, o outcome) {
	t.Helper()
	o = c.do(t, ctx, "Suggest", in, c.reach(in, true), func(ctx context.Context, p sdk.Plugin) (err error) {
		options, err = p.(sdk.Suggester).Suggest(ctx, in, g, f, search)
		return err
	})
	return options, o
}

// draft returns the answers without those that the service suggests.
func (c *checks) draft() sdk.Values {
	d := cloneMap(c.values)
	for _, f := range c.schema.Fields {
		if f.Suggest != nil {
			delete(d, f.Name)
		}
	}
	return d
}

func (c *checks) checkSuggest(t tb) {
	in := c.input(c.draft(), nil)
	var g sdk.Grant
	if c.connects {
		g = c.must(t)
		in.State = g.State
	}
	for _, f := range c.schema.Fields {
		if f.Suggest == nil || c.values[f.Name] == "" {
			continue
		}
		options, o := c.suggest(t, t.Context(), in, g, f, "")
		if o.err != nil || len(options) == 0 {
			t.Errorf("Suggest, for %s of a draft: %d options and error %v%s", f.Name, len(options), o.err, hint(o))
			continue
		}
		chosen := slices.ContainsFunc(options, func(o sdk.Option) bool { return o.Value == c.values[f.Name] })
		if !chosen && !f.Many {
			t.Errorf("Suggest, for %s: what the sample answers chose is not among the options", f.Name)
		}
		c.checkOptions(t, f, options)
		first := options[0]
		text := first.Title
		if text == "" {
			text = first.Value
		}
		found, o := c.suggest(t, t.Context(), in, g, f, text)
		if !slices.ContainsFunc(found, func(o sdk.Option) bool { return o.Value == first.Value }) {
			t.Errorf("Suggest, for %s: a search for the title of the first option does not find it (error %v)", f.Name, o.err)
		}
	}
}

// checkOptions checks that each option is an answer.
func (c *checks) checkOptions(t tb, f sdk.Field, options []sdk.Option) {
	t.Helper()
	for i, o := range options {
		values, want := cloneMap(c.values), o.Value
		if f.Many {
			list, _ := json.Marshal([]string{o.Value}) // strings always encode
			want = string(list)
		}
		values[f.Name] = want
		if full, err := c.schema.Complete(values); err != nil || full[f.Name] != want {
			t.Errorf("Suggest, for %s: option %d is not an answer that the field takes as it is: %v", f.Name, i+1, err)
		}
	}
}

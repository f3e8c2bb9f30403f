// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"errors"
	"strings"

	"github.com/credhost/credhost/sdk"
)

// checkWrong enters every secret wrong, one at a time.
func (c *checks) checkWrong(t tb) {
	for _, f := range c.schema.Fields {
		if !f.Secret || c.values[f.Name] == "" {
			continue
		}
		c.run(t, "Wrong/"+f.Name, func(t tb) {
			values, ok := c.wrong(f)
			if !ok {
				t.Fatalf("no wrong answer to %s can be made of the right one: put one into Suite.Wrong", f.Name)
			}
			d := *c
			d.secrets = append(d.secrets[:len(d.secrets):len(d.secrets)], secretsOf(c.schema, values)...)
			err, asked := d.verdict(t, values)
			if !asked {
				return // neither Grant nor a Test asks the service: nobody can say
			}
			if !errors.Is(err, sdk.Denied) {
				t.Errorf("a wrong %s: got %s, want Denied: a person must learn that it is what they entered", f.Name, codeOf(err))
			}
		})
	}
}

// verdict obtains a grant for answers and has it tested. It also returns
// whether anybody was asked.
func (c *checks) verdict(t tb, values sdk.Values) (err error, asked bool) {
	t.Helper()
	g, o := c.obtain(t, values)
	asked = o.requests > 0
	if o.err == nil && c.can.Test {
		o = c.test(t, t.Context(), c.input(values, g.State), g)
		asked = true
	}
	return o.err, asked
}

// wrong returns the answers with a wrong one to f, which the schema takes.
func (c *checks) wrong(f sdk.Field) (sdk.Values, bool) {
	right := c.values[f.Name]
	for _, wrong := range append([]string{c.s.Wrong[f.Name]}, misspelt(right)...) {
		values := cloneMap(c.values)
		values[f.Name] = wrong
		if p := c.schema.ClientCertificate; p != nil && f.Name == p.Key && c.s.Wrong[p.Certificate] != "" {
			values[p.Certificate] = c.s.Wrong[p.Certificate] // or it would be refused before anybody asks
		}
		full, err := c.schema.Complete(values)
		if wrong != "" && err == nil && full[f.Name] != right && full[f.Name] != "" {
			return full, true
		}
	}
	return nil, false
}

// misspelt returns what looks like s, and is not.
func misspelt(s string) []string {
	swap := func(r rune) rune {
		switch {
		case r == 'z' || r == 'Z' || r == '9':
			return r - 1
		case r >= 'a' && r < 'z' || r >= 'A' && r < 'Z' || r >= '0' && r < '9':
			return r + 1
		}
		return r
	}
	runes := []rune(s)
	last, tail := cloneSlice(runes), cloneSlice(runes)
	last[len(last)-1] = swap(last[len(last)-1])
	for i := len(tail) / 2; i < len(tail); i++ {
		tail[i] = swap(tail[i])
	}
	return []string{string(tail), string(last), s + "x", "x" + s, strings.Map(swap, s)}
}

// checkWithout leaves optional answers out, one at a time. The plugin must
// know what to say then; and what the service wants in every set of answers is
// not optional.
func (c *checks) checkWithout(t tb) {
	for _, f := range c.schema.Fields {
		values := cloneMap(c.values)
		delete(values, f.Name)
		full, err := c.schema.Complete(values)
		if c.values[f.Name] == "" || !f.Optional || err != nil || full[f.Name] != "" {
			continue
		}
		c.run(t, "Without/"+f.Name, func(t tb) {
			err, _ := c.verdict(t, full)
			switch always := c.s.always(f); {
			case errors.Is(err, sdk.Internal):
				t.Errorf("without the optional %s: got %s, want success, Denied or Invalid", f.Name, codeOf(err))
			case err != nil && always:
				t.Errorf("without the optional %s: got %s: it is not optional, so the schema must ask for it, perhaps with a When", f.Name, codeOf(err))
			}
		})
	}
}

// always reports whether every set of answers answers f.
func (s *Suite) always(f sdk.Field) bool {
	for _, answers := range s.Answers {
		if answers[f.Name] == "" {
			return false
		}
	}
	return true
}

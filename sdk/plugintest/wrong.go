// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"context"
	"errors"
	"fmt"
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

// checkFaults has everything go wrong, for everything that the plugin does.
func (c *checks) checkFaults(t tb) {
	origins, _ := c.schema.Expand(c.values)
	t.Run("Faults", func(t tb) {
		for _, op := range c.reaching(t) {
			for _, f := range faults {
				lenient := f.unread && (op.name == "Test" || op.name == "Revoke") || f.name == "NotFound" && op.name == "Revoke"
				if lenient || !overHTTP(origins.Grant) && f.answer != nil {
					continue
				}
				c.run(t, op.name+"/"+f.name, func(t tb) { c.checkFault(t, op, f) })
			}
		}
	})
}

func (c *checks) checkFault(t tb, op operation, f *fault) {
	call := op.ready(t)
	undo := c.during(f)
	o := call(t, t.Context())
	undo()
	var e *sdk.Error
	errors.As(o.err, &e)
	switch {
	case errors.Is(o.err, sdk.Unavailable):
		if f.retry > 0 && (e.RetryAfter <= 0 || e.RetryAfter > f.retry) {
			t.Errorf("%s, when the service asks to wait for %v: RetryAfter is %v: keep it", op.name, f.retry, e.RetryAfter)
		}
	case f.address && errors.Is(o.err, sdk.Invalid) && c.isAddress(e.Field):
	default:
		want := "Unavailable"
		if f.address {
			want += ", or Invalid in the field with the address"
		}
		t.Errorf("%s, when %s: got %s, want %s", op.name, circumstance(f), codeOf(o.err), want)
	}
	if o := call(t, t.Context()); o.err != nil {
		t.Errorf("%s, once the service is well again: %v", op.name, o.err)
	}
}

// isAddress reports whether a field says where the service is.
func (c *checks) isAddress(name string) bool {
	f, ok := c.schema.Field(name)
	for _, template := range append(cloneSlice(c.schema.Origins), c.schema.AnswerOrigins...) {
		for _, n := range sdk.TemplateFields(template) {
			ok = ok && n != name
		}
	}
	return f.Kind == sdk.URL || f.Name != "" && !ok
}

func circumstance(f *fault) string {
	text := map[string]string{
		"Unreachable": "the service cannot be reached", "HangsUp": "the service hangs up", "Truncated": "the answer breaks off",
		"TooManyRequests": "the service asks to slow down (429)", "ServerError": "the service fails (500)",
		"Maintenance": "the service is being maintained (503)", "Page": "a page answers in its place (200, HTML)",
		"NotFound": "a page says that there is nothing (404, HTML)", "Redirect": "the answer is a redirect to another origin (307), which must not be followed",
		"Nonsense": "the answer is not the JSON that it says",
	}[f.name]
	if text == "" {
		return f.name
	}
	return text
}

// checkEcho has the service answer with everything that it was sent. What is
// in the error then is looked at wherever there is one; see checkError.
func (c *checks) checkEcho(t tb) {
	if origins, _ := c.schema.Expand(c.values); !overHTTP(origins.Grant) {
		return
	}
	t.Run("Echo", func(t tb) {
		for _, op := range c.reaching(t) {
			for _, status := range []int{200, 400, 401, 403, 422, 500} {
				f := echo(status)
				c.run(t, fmt.Sprintf("%s/%d", op.name, status), func(t tb) {
					call := op.ready(t)
					defer c.during(f)()
					o := call(t, t.Context())
					if o.err == nil && status > 400 && !(op.name == "Revoke" && status < 500) {
						t.Errorf("%s, when the service answers with an error (%d): got success", op.name, status)
					}
				})
			}
		}
	})
}

// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"errors"
	"fmt"

	"github.com/credhost/credhost/sdk"
)

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
		t.Errorf("%s, when %s: got %s, want %s", op.name, f.when, codeOf(o.err), want)
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

// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/credhost/credhost/sdk"
)

// grant calls Grant.
func (c *checks) grant(t tb, ctx context.Context, in sdk.Input) (g sdk.Grant, o outcome) {
	t.Helper()
	o = c.do(t, ctx, "Grant", in, c.reach(in, false), func(ctx context.Context, p sdk.Plugin) (err error) {
		g, err = p.Grant(ctx, in)
		return err
	})
	return g, o
}

// obtain returns the first grant for answers, as a person who approves
// everything gets it.
func (c *checks) obtain(t tb, values sdk.Values) (sdk.Grant, outcome) {
	t.Helper()
	if c.connects {
		return c.connect(t, values)
	}
	return c.grant(t, t.Context(), c.input(values, nil))
}

// must is obtain for the good answers.
func (c *checks) must(t tb) sdk.Grant {
	t.Helper()
	g, o := c.obtain(t, c.values)
	if o.err != nil {
		t.Fatalf("there is no grant for the good answers: %v%s", o.err, hint(o))
	}
	if g.State != nil {
		c.n.kept.Store(true)
	}
	return g
}

// hint says what may be wrong when a good credential does not work.
func hint(o outcome) string {
	if o.requests == 0 && errors.Is(o.err, sdk.Unavailable) {
		return "\nthe service got no request: reach it with http.DefaultTransport, or a clone made when the call comes, and with the call's ctx; or with sdk.Dial"
	}
	return ""
}

func (c *checks) checkGrant(t tb) {
	c.sound(t, c.must(t))
	if !c.connects {
		return
	}
	if _, o := c.grant(t, t.Context(), c.input(c.values, nil)); !errors.Is(o.err, sdk.Denied) {
		t.Errorf("Grant, of a credential that nobody has approved: got %s, want Denied: say \"connect first\"", codeOf(o.err))
	}
}

// sound checks a grant by itself.
func (c *checks) sound(t tb, g sdk.Grant) {
	t.Helper()
	origins, err := c.schema.Expand(c.values)
	if err != nil {
		t.Fatalf("the answers make no origins: %v", err)
	}
	now := time.Now()
	switch {
	case !carried(g) && overHTTP(origins.Grant):
		t.Errorf("the grant carries nothing: set Header, Query, Path or Sign")
	case !g.Expiry.IsZero() && !g.Expiry.After(now):
		t.Errorf("the grant ended at %v already", g.Expiry)
	case !g.Reconnect.IsZero() && c.connects && !g.Reconnect.After(now):
		t.Errorf("the grant had to be connected again at %v already", g.Reconnect)
	case g.Idle < 0:
		t.Errorf("the grant's Idle, %v, is less than nothing: leave it out if the service does not say", g.Idle)
	case g.Idle > 0 && g.State == nil:
		t.Errorf("the grant says how long its State may be idle, but has none")
	case g.Sign != 0 && !c.can.Sign:
		t.Errorf("the grant asks for signatures, but the plugin has no Sign")
	}
	for _, o := range g.Origins {
		if !sdk.MatchOrigin(origins.Grant, o) {
			t.Errorf("the grant is for %s, which is not among the origins of the schema (%s)", o, list(origins.Grant))
		}
	}
	shown := append([]string{g.Account}, sortedKeys(g.Facts)...)
	for _, v := range g.Facts {
		shown = append(shown, v)
	}
	if leak := c.leak(strings.Join(shown, "\n")); leak != "" {
		t.Errorf("the grant's Account or Facts, which everybody sees, have %s", leak)
	}
	for name := range g.Header {
		if strings.TrimSpace(g.Header.Get(name)) == "" {
			t.Errorf("the grant's header %s is empty", name)
		}
	}
}

// overHTTP reports whether requests may go to one of the origins.
func overHTTP(origins []string) bool {
	for _, o := range origins {
		if strings.HasPrefix(o, "http") {
			return true
		}
	}
	return false
}

// checkRenewal renews twice, each time with what the last grant left: a
// refresh token that works only once must have been replaced.
func (c *checks) checkRenewal(t tb) {
	g := c.must(t)
	for n := range 2 {
		next, o := c.grant(t, t.Context(), c.input(c.values, g.State))
		if o.err != nil {
			t.Fatalf("Grant, to renew for the %s time: %v%s", []string{"first", "second"}[n], o.err, hint(o))
		}
		c.sound(t, next)
		c.works(t, next)
		g = next
	}
	in := c.input(c.values, []byte("a state that nobody has made"))
	c.grant(t, t.Context(), in) // whatever comes of it, it is no panic
	if !c.renews(t) {
		return
	}
	in = c.input(c.values, c.must(t).State)
	defer c.during(ended)()
	if _, o := c.grant(t, t.Context(), in); !errors.Is(o.err, sdk.Denied) {
		t.Errorf("Grant, when the refresh token has ended (invalid_grant): got %s, want Denied: say \"connect again\"", codeOf(o.err))
	}
}

// checkReuse renews twice with one state, as a host does that got no answer the
// first time: the schema says that the service lets it.
func (c *checks) checkReuse(t tb) {
	state := c.must(t).State
	if c.schema.ReuseSeconds == 0 || state == nil {
		return
	}
	defer c.n.front.forgive()()
	for _, when := range []string{"for the first time", "for the second time, as ReuseSeconds allows"} {
		g, o := c.grant(t, t.Context(), c.input(c.values, slices.Clone(state)))
		if o.err != nil {
			t.Fatalf("Grant, with the same State %s: got %s, want success", when, codeOf(o.err))
		}
		c.works(t, g)
	}
}

// renews reports whether renewing sends a refresh token.
func (c *checks) renews(t tb) bool {
	t.Helper()
	g := c.must(t)
	if g.State == nil {
		return false
	}
	before := c.n.front.refreshed()
	c.grant(t, t.Context(), c.input(c.values, g.State))
	return c.n.front.refreshed() > before
}

// during makes something go wrong until undo is called.
func (c *checks) during(f *fault) (undo func()) {
	c.n.fault.Store(f)
	return func() { c.n.fault.Store(nil) }
}

// works has the plugin test a grant, if it can.
func (c *checks) works(t tb, g sdk.Grant) {
	t.Helper()
	if !c.can.Test {
		return
	}
	if o := c.test(t, t.Context(), c.input(c.values, g.State), g); o.err != nil {
		t.Errorf("Test, of a good grant: %v%s", o.err, hint(o))
	}
}

// checkMemory asks one and the same plugin again. What it knew from the first
// time, another process would not.
func (c *checks) checkMemory(t tb) {
	d := *c
	d.w = fixed{c.w, c.w.plugin()}
	g, first := d.obtain(t, d.values)
	if d.connects { // what comes first is a grant of another kind
		g, first = d.grant(t, t.Context(), d.input(d.values, g.State))
	}
	_, again := d.grant(t, t.Context(), d.input(d.values, g.State))
	switch {
	case first.err != nil || again.err != nil:
		t.Errorf("Grant, again: %v, %v", first.err, again.err)
	case first.requests > 0 && again.requests == 0:
		t.Errorf("Grant asked the service the first time, and answered from memory the second: keep nothing, the host does; what it calls for again it needs anew")
	}
}

// fixed is a way to one plugin, whichever that is.
type fixed struct {
	way
	p sdk.Plugin
}

func (f fixed) plugin() sdk.Plugin { return f.p }

func (c *checks) checkConcurrent(t tb) {
	d := *c
	d.w = fixed{c.w, c.w.plugin()}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			g, o := d.obtain(t, d.values)
			if o.err == nil && d.can.Test {
				o = d.test(t, t.Context(), d.input(d.values, g.State), g)
			}
			if o.err != nil {
				t.Errorf("of eight calls at once, one fails: %v: methods are called concurrently", o.err)
			}
		})
	}
	group.Wait()
}

// codeOf names the outcome of a call.
func codeOf(err error) string {
	var e *sdk.Error
	switch {
	case err == nil:
		return "success"
	case errors.As(err, &e):
		field := ""
		if e.Field != "" {
			field = " in " + e.Field
		}
		return fmt.Sprintf("%s%s (%q)", strings.ToUpper(e.Code.Error()[:1])+e.Code.Error()[1:], field, e.Message)
	}
	return fmt.Sprintf("%v", err)
}

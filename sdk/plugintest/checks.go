// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"reflect"
	"runtime/debug"
	"strings"
	"time"

	"github.com/credhost/credhost/sdk"
)

// checks are those of one set of answers, over one way.
type checks struct {
	s      *Suite
	n      *network
	w      way
	schema sdk.Schema
	can    sdk.Abilities
	values sdk.Values

	connects bool     // a person must approve
	secrets  []secret // among the answers
}

func newChecks(t tb, s *Suite, n *network, w way, answers sdk.Values) *checks {
	t.Helper()
	p := s.New()
	c := &checks{s: s, n: n, w: w, schema: p.Schema(), can: sdk.Can(p)}
	var err error
	if c.values, err = c.schema.Complete(answers); err != nil {
		t.Fatalf("the answers are not complete: %v", err)
	}
	c.connects = c.can.Connect && c.schema.NeedsConnect(c.values)
	c.secrets = secretsOf(c.schema, c.values)
	return c
}

// run runs a check, and looks at what the plugin prints meanwhile.
func (c *checks) run(t tb, name string, check func(tb)) {
	t.Helper()
	t.Run(name, func(t tb) {
		out := capture()
		defer func() {
			printed := out.stop()
			logged := c.w.log()
			for _, late := range c.n.takeLate() {
				t.Errorf("%s", late)
			}
			for _, where := range []struct{ what, text string }{{"it prints", printed}, {"what goes to the host's log is", logged}} {
				if leak := c.leak(where.text); leak != "" {
					t.Errorf("%s %s: a log is no place for it", where.what, leak)
				} else if where.text == printed && printed != "" {
					t.Errorf("it prints %q: a plugin prints nothing, because a host logs that; return an error instead", printed)
				}
			}
		}()
		check(t)
	})
}

// input returns the answers as the plugin gets them.
func (c *checks) input(values sdk.Values, state []byte) sdk.Input {
	in := sdk.NewInput(c.schema, values)
	in.State = state
	return in
}

// reach says where a call may connect to: to where its answers may go or, if
// it has a grant, also to where that may.
func (c *checks) reach(in sdk.Input, withGrant bool) []string {
	origins, err := c.schema.Expand(in.Values())
	if err != nil {
		return nil // a wrong answer makes none
	}
	if withGrant {
		return append(append([]string(nil), origins.Answers...), origins.Grant...)
	}
	return origins.Answers
}

// An outcome is what came of a call.
type outcome struct {
	requests int // that the service got
	err      error
}

// do makes one call, and checks what is true of every one: where it connects
// to, that it returns when ctx ends, that it leaves what it was given alone,
// and what its error is like.
func (c *checks) do(t tb, ctx context.Context, what string, in sdk.Input, reach []string, call func(ctx context.Context, p sdk.Plugin) error) outcome {
	t.Helper()
	state := string(in.State)
	certificate, _ := c.schema.KeyPair(in.Values()) // what is none was refused when it was completed
	return c.with(t, ctx, what, leave{reach, certificate}, func(ctx context.Context) error {
		err := call(ctx, c.w.plugin())
		if string(in.State) != state {
			return changed("Input.State")
		}
		return err
	})
}

// A changed error names what a plugin has changed that was not its own.
type changed string

func (e changed) Error() string {
	return "it changed the " + string(e) + " that it was given: make a copy"
}

// leave says what a call may reach, and what the host shows there.
type leave struct {
	reach       []string
	certificate *tls.Certificate
}

// with makes one call of anything.
func (c *checks) with(t tb, ctx context.Context, what string, to leave, f func(ctx context.Context) error) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 6*c.s.Patience)
	defer cancel()
	seen := c.n.begin(what, to.reach)
	seen.certificate = to.certificate
	takeStrays()
	done := make(chan error, 1)
	go func() {
		defer func() {
			if v := recover(); v != nil {
				done <- panicked{v, debug.Stack()}
			}
		}()
		done <- f(c.w.call(ctx, seen.id))
	}()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		select {
		case err = <-done:
		case <-time.After(c.s.Patience):
			t.Fatalf("%s did not return within %v after its ctx had ended: pass the ctx on, and heed it where you wait", what, c.s.Patience)
		}
	}
	cut := ctx.Err() != nil
	cancel()
	requests, faults := seen.end(cut)
	for _, addr := range takeStrays() {
		faults = append(faults, fmt.Sprintf("it sent a request to %s without the ctx of the call: use http.NewRequestWithContext", addr))
	}
	for _, fault := range faults {
		t.Errorf("%s: %s", what, fault)
	}
	c.checkError(t, what, err)
	return outcome{requests, err}
}

// A panicked error says that the plugin panicked.
type panicked struct {
	value any
	stack []byte
}

func (e panicked) Error() string { return fmt.Sprintf("it panicked: %v\n%s", e.value, e.stack) }

// checkError checks what is true of every error.
func (c *checks) checkError(t tb, what string, err error) {
	t.Helper()
	var e *sdk.Error
	switch {
	case err == nil, err == context.Canceled, err == context.DeadlineExceeded:
		return
	case reflect.TypeOf(err) == reflect.TypeFor[panicked](), reflect.TypeOf(err) == reflect.TypeFor[changed]():
		t.Errorf("%s: %v", what, err)
		return
	}
	if leak := c.leak(printed(err)); leak != "" {
		t.Errorf("%s: its error has %s: say what happened in words of your own, and keep the rest in Error.Err", what, leak)
		return
	}
	if !errors.As(err, &e) {
		if !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: its error, a %T, is no *sdk.Error: nobody learns who must act; make one with sdk.Errorf", what, err)
		}
		return
	}
	switch _, known := c.schema.Field(e.Field); {
	case e.Field != "" && !known:
		t.Errorf("%s: its error is about %q, which is not a field", what, e.Field)
	case e.Message == "" || strings.HasSuffix(e.Message, ".") || strings.ContainsAny(e.Message, "\r\n\t"):
		t.Errorf("%s: its error says %q: a message is one line without a full stop, and says what to do", what, e.Message)
	case strings.Contains(e.Message, "panicked"):
		t.Errorf("%s: it panicked", what) // over the wire; in process the stack tells more
	}
}

// same reports whether a grant is what it was before a call.
func same(a, b sdk.Grant) bool { return reflect.DeepEqual(a, b) }

// clone returns a grant that shares no memory with g.
func clone(g sdk.Grant) sdk.Grant {
	c := g
	c.Header, c.Query, c.Values = g.Header.Clone(), nil, nil
	if g.Query != nil {
		c.Query = map[string][]string{}
		for name, v := range g.Query {
			c.Query[name] = append([]string(nil), v...)
		}
	}
	c.Path, c.Facts = cloneMap(g.Path), cloneMap(g.Facts)
	c.Values = cloneMap(g.Values)
	c.Origins = cloneSlice(g.Origins)
	c.Refused = cloneSlice(g.Refused)
	c.State = cloneSlice(g.State)
	return c
}

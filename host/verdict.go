// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/credhost/credhost/host/egress"
	"github.com/credhost/credhost/sdk"
)

// An Outcome says what a test found.
type Outcome string

// The outcomes.
const (
	Works    Outcome = "works"
	Limited  Outcome = "limited" // works, but lacks a permission
	Wrong    Outcome = "wrong"   // the answers, or the approval: see Code and Field
	Down     Outcome = "down"    // the service or the plugin could not be asked
	Untested Outcome = "unknown" // its type has no test
)

// Text says the outcome to a person.
func (o Outcome) Text() string {
	switch o {
	case Limited:
		return "works, but lacks a permission"
	case Wrong:
		return "does not work"
	case Down:
		return "could not be tested"
	}
	return string(o)
}

// A Verdict is what a test of a credential found.
type Verdict struct {
	Outcome Outcome   `json:"outcome"`
	Code    string    `json:"code,omitempty"` // of the error, such as "denied"; empty if there is none
	Field   string    `json:"field,omitempty"`
	Message string    `json:"message,omitempty"`
	At      time.Time `json:"at"`
}

// OK reports whether the credential works, if perhaps not for everything.
func (v Verdict) OK() bool { return v.Outcome == Works || v.Outcome == Limited }

// Test asks the service whether the credential works, now. It obtains a grant
// first if there is none, even where one was refused before. The error is for
// what keeps a credential from being tested at all: it is not there, or the
// store fails.
func (w *Workspace) Test(ctx context.Context, id string) (_ Verdict, err error) {
	ctx, end := w.span(ctx, "credential.test", id)
	defer func() { end(err) }()
	v, typ, err := w.test(ctx, id)
	if err != nil {
		w.audit(ctx, "test", id, typ, err)
		return Verdict{}, err
	}
	// What was found is worth keeping, not worth failing for.
	_, err = w.edit(ctx, id, func(_ context.Context, c *credential) error {
		c.Tested = &v
		return nil
	})
	if err != nil {
		w.h.log.WarnContext(ctx, "verdict not kept", "workspace", w.name, "credential", id, "err", err)
	}
	w.report(ctx, Event{Action: "test", Credential: id, Type: typ, Detail: map[string]string{"verdict": string(v.Outcome)}}, nil)
	return v, nil
}

func (w *Workspace) test(ctx context.Context, id string) (Verdict, string, error) {
	c, err := w.load(ctx, id)
	if err != nil {
		return Verdict{}, "", err
	}
	l, err := w.fresh(ctx, id)
	if err != nil {
		v, err := w.verdict(ctx, err)
		return v, c.rec.Type, err
	}
	if !c.typ.Can.Test {
		return Verdict{Outcome: Untested, Message: "this type has no test", At: w.h.now().UTC()}, c.rec.Type, nil
	}
	err = w.ask(ctx, id, l)
	if errors.Is(err, sdk.Denied) && w.h.now().Sub(l.obtained) >= young {
		// The grant may have ended before its time: one try with another.
		if l, again := w.entry(id).fetch(ctx, need{old: l, renew: true, force: true}); again == nil {
			err = w.ask(ctx, id, l)
		}
	}
	v, err := w.verdict(ctx, err)
	return v, c.rec.Type, err
}

// fresh returns a grant, from the service if the last one was refused.
func (w *Workspace) fresh(ctx context.Context, id string) (*live, error) {
	_, l, err := w.grant(ctx, id)
	if err != nil && ctx.Err() == nil {
		return w.entry(id).fetch(ctx, need{force: true})
	}
	return l, err
}

// ask has the plugin test a grant.
func (w *Workspace) ask(ctx context.Context, id string, l *live) error {
	c, err := w.load(ctx, id)
	if err != nil {
		return err
	}
	p, err := w.h.plugins.Plugin(w.name, c.rec.Type)
	if err != nil {
		return err
	}
	in, err := c.input(ctx)
	if err != nil {
		return err
	}
	return p.(sdk.Tester).Test(c.reach(ctx), in, l.Grant)
}

// reach returns ctx with leave to reach all that the credential may: where
// its answers may go and where its grant may.
func (c *credential) reach(ctx context.Context) context.Context {
	return c.allow(ctx, slices.Concat(c.Origins.Answers, c.Origins.Grant))
}

// allow returns ctx with leave to reach these origins of the credential's, with
// its client certificate to show there, and its settings of TLS. If they cannot
// be had, nothing may be reached: another identity than its own is none to act
// with.
func (c *credential) allow(ctx context.Context, origins []string) context.Context {
	t, err := c.tls(ctx)
	if err != nil { // which the caller has heard from c.input
		return egress.WithPolicy(ctx, egress.Policy{})
	}
	return egress.WithPolicy(ctx, egress.Policy{Origins: origins, TLS: t})
}

// verdict says what err means for the credential; an error that is not about
// it is returned.
func (w *Workspace) verdict(ctx context.Context, err error) (Verdict, error) {
	v := Verdict{Outcome: Works, At: w.h.now().UTC()}
	if err == nil {
		return v, nil
	}
	var e *sdk.Error
	if !errors.As(err, &e) || ctx.Err() != nil {
		return Verdict{}, err
	}
	v.Code, v.Field, v.Message = e.Code.Error(), e.Field, e.Message
	switch e.Code {
	case sdk.Forbidden:
		v.Outcome = Limited
	case sdk.Invalid, sdk.Denied:
		v.Outcome = Wrong
	default:
		v.Outcome = Down
	}
	return v, nil
}

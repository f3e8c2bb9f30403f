// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/credhost/credhost/host/egress"
	"github.com/credhost/credhost/host/registry"
	"github.com/credhost/credhost/sdk"
)

// How often a plugin is called in an attempt, if it dies or is slow, and what
// the service had answered is waiting for it: the more often if this process
// alone knows the answer.
const (
	maxCalls      = 3
	maxLoneCalls  = 10
	loneCallPause = time.Second
)

// attempt has the plugin obtain a grant, as in says. What in remembers of the
// service's answers is not asked for again. When it fails, what is left noted
// is what the next attempt must know.
func (c *credential) attempt(ctx context.Context, in *intent) (sdk.Grant, error) {
	p, err := c.w.h.plugins.Plugin(c.w.name, c.rec.Type)
	if err != nil {
		return sdk.Grant{}, err
	}
	input, err := c.input(ctx)
	if err != nil {
		return sdk.Grant{}, err
	}
	if r := in.Refusal; r != nil {
		input.Refused = &sdk.Refusal{Status: r.Status, Header: r.Header}
	}
	j := &journal{c: c, next: c.w.h.out, in: in}
	policy, _ := egress.PolicyFrom(c.allow(ctx, c.Origins.Answers))
	policy.Through = j
	var g sdk.Grant
	for calls := 1; ; calls++ {
		g, err = ask(egress.WithPolicy(ctx, policy), p, input, in)
		j.sending.Wait()
		again, pause := j.again(ctx, err, calls)
		if !again {
			return g, j.end(ctx, err)
		}
		if pause > 0 && sleep(c.w.h.ctx, pause) != nil {
			return g, err
		}
		var cancel context.CancelFunc // the time that the service took was not the plugin's
		ctx, cancel = c.w.h.outliving(ctx, workTime)
		defer cancel()
	}
}

// ask calls the plugin.
func ask(ctx context.Context, p sdk.Plugin, input sdk.Input, in *intent) (sdk.Grant, error) {
	for _, s := range in.Steps {
		s.used = false
	}
	if in.Callback != nil {
		return p.(sdk.Connector).Exchange(ctx, input, in.Callback.callback())
	}
	return p.Grant(ctx, input)
}

// again reports whether the plugin is to be called once more, and when.
func (j *journal) again(ctx context.Context, err error, calls int) (bool, time.Duration) {
	j.mu.Lock()
	defer j.mu.Unlock()
	died := errors.Is(err, registry.ErrDied)
	switch {
	case err == nil || !died && ctx.Err() == nil, j.in.unanswered():
		return false, 0
	case !j.in.brought():
		return died && ctx.Err() == nil && calls < maxCalls, 0
	case calls < maxCalls:
		return true, 0
	}
	return j.alone && calls < maxLoneCalls, loneCallPause
}

// end says what became of an attempt, and sees to it that what is noted is
// what the next one must know.
func (j *journal) end(ctx context.Context, err error) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaseTime/4)
	defer cancel()
	in, c := j.in, j.c
	switch {
	case err == nil:
		return nil // it is forgotten with the save
	case in.spends(c) && in.unanswered():
		if in.forgiven(c.typ.Schema, c.w.h.now()) {
			return err // and may be tried again, for a while
		}
		return fmt.Errorf("%w (%w)", errLost, err)
	case isDenied(err) && in.Callback == nil:
		return err // which is saved, and forgotten with that
	case isDenied(err):
	case in.spends(c) && in.brought():
		in.prune()
		j.note(ctx) // and else the same is noted, and more
		return err
	}
	if len(in.Steps) > 0 {
		c.held.note(ctx, nil) // or it is found to be over, by whoever looks
	}
	return err
}

// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/credhost/credhost/internal/defence"
	"github.com/credhost/credhost/sdk"
)

// errUnchanged says that there is nothing to save.
var errUnchanged = errors.New("unchanged")

// edit calls f with a credential that no other process is editing, and saves
// what f did unless it returns an error; errUnchanged is none. It is the only
// way in which a credential's record changes.
//
// What another host has begun and not ended is brought to its end first.
func (w *Workspace) edit(ctx context.Context, id string, f func(context.Context, *credential) error) (*credential, error) {
	rec, err := w.get(ctx, id, KindCredential)
	if err != nil {
		return nil, err
	}
	k, err := w.hold(ctx, id)
	if err != nil {
		return nil, err
	}
	defer func() { k.release(ctx) }()
	c, err := w.resume(ctx, k)
	if defence.Off(ctx, defence.Reread) {
		if c, err = w.open(ctx, rec); err == nil {
			c.held = k
		}
	}
	if err != nil {
		return c, err
	}
	work, cancel := context.WithTimeout(ctx, workTime)
	defer cancel()
	before := c.content
	switch err := f(work, c); {
	case errors.Is(err, errUnchanged):
		return c, nil
	case err != nil:
		return c, err
	case c.unfinished != nil && c.Serial == before.Serial:
		return c, c.unfinished // to save would be to forget what the service answered
	}
	return c.commit(ctx)
}

// resume opens the credential that k holds, after it has brought to its end
// what another host, or an earlier attempt, has left unfinished. If that cannot
// be done now, the credential says so.
func (w *Workspace) resume(ctx context.Context, k *hold) (*credential, error) {
	for {
		c, err := w.load(ctx, k.id) // again: it may have changed while we waited
		if err != nil {
			return nil, err
		}
		c.held = k
		if c.rec.Intent == nil {
			return c, nil
		}
		done, err := c.recover(ctx)
		if err != nil {
			c.unfinished = err
			return c, nil
		}
		if !done {
			return c, nil
		}
		if c, err = c.commit(ctx); err != nil {
			return c, err
		}
		if err := k.take(ctx); err != nil {
			return nil, err
		}
	}
}

// recover brings an attempt to its end that was left unfinished, and reports
// whether there is anything to save.
func (c *credential) recover(ctx context.Context) (done bool, err error) {
	log := c.w.h.log.With("workspace", c.w.name, "credential", c.rec.ID, "type", c.typeName())
	in, err := c.openIntent(ctx)
	switch {
	case err != nil: // whatever it was, it may have been spent for
		log.ErrorContext(ctx, "what was noted cannot be read", "err", err)
		c.lose(newIntent(nil, nil))
		return true, nil
	case in.unanswered() && !in.spends(c), in.unanswered() && in.forgiven(c.typ.Schema, c.w.h.now()):
		c.spent = in.Spent
		return false, nil
	case in.unanswered():
		log.WarnContext(ctx, "the answer to an earlier renewal was lost")
		c.lose(in)
		return true, nil
	case in.Callback == nil && len(in.Steps) == 0:
		return false, nil
	}
	log.InfoContext(ctx, "going on with an attempt that was left unfinished")
	work, cancel := context.WithTimeout(ctx, workTime)
	defer cancel()
	g, err := c.attempt(work, in)
	if err == nil {
		err = c.take(g, in)
	}
	switch {
	case errors.Is(err, errLost):
		c.lose(in)
		return true, nil
	case isDenied(err) && in.Callback == nil:
		c.refuse(err)
		return true, nil
	case err != nil && !(in.brought() && in.spends(c)):
		return false, nil // nothing came of it, so it may be begun anew
	case errors.Is(err, sdk.Internal) && in.Callback != nil:
		log.ErrorContext(ctx, "what a person has approved cannot be used", "err", err)
		return false, nil // the grant before it goes on as ever
	}
	return err == nil, err
}

// lose notes that something was spent and the answer lost. It is not shown to
// the service again: what works only once would look stolen. Where no person is
// needed, the answers make a new beginning.
func (c *credential) lose(in *intent) {
	c.Lost = append(c.Lost, in.Attempt)
	c.Lost = c.Lost[max(0, len(c.Lost)-10):]
	switch {
	case in.Callback != nil: // the person was there, and sees that it failed
	case !c.typ.Can.Connect || !c.typ.Schema.NeedsConnect(c.answers()):
		c.State = nil
	default:
		c.Spent = true
		c.refuse(errLost)
	}
}

var errLost = sdk.Errorf(sdk.Denied, "the service's answer to the last renewal was lost, and the service gives each only once: connect again")

// commit saves the credential and ends its lease. What cannot be had again,
// because it was spent for, is saved with all patience, and even if the lease
// has lapsed meanwhile.
func (c *credential) commit(ctx context.Context) (*credential, error) {
	ctx = context.WithoutCancel(ctx) // what was done at the service cannot be undone
	c.rec.Generation = c.stored.Generation + 1
	if err := c.seal(ctx); err != nil {
		return c, err
	}
	err := c.held.save(ctx, c.rec)
	if err != nil && c.obtained != nil {
		return c.rescue(ctx, err)
	}
	if err != nil {
		return c, fmt.Errorf("host: saving %s: %w", c.rec.ID, err)
	}
	c.saved(ctx)
	return c, nil
}

// saved tells the cache, and whoever listens, that the record is as c is.
func (c *credential) saved(ctx context.Context) {
	if e, ok := c.w.entries.Load(c.rec.ID); ok {
		e.(*entry).saved(c)
	}
	c.warn(ctx)
}

// rescue saves a grant that could not be saved at the first attempt, err says
// why. It goes on when its caller has gone.
func (c *credential) rescue(ctx context.Context, err error) (*credential, error) {
	type outcome struct {
		c   *credential
		err error
	}
	done := make(chan outcome, 1)
	begun := c.w.h.background(func() {
		ctx, cancel := context.WithTimeout(c.w.h.ctx, keepTime)
		defer cancel()
		saved, err := c.keep(ctx, err)
		done <- outcome{saved, err}
	})
	if !begun {
		return c, err
	}
	select {
	case o := <-done:
		return o.c, o.err
	case <-c.w.h.ctx.Done():
		return c, errClosed
	case <-time.After(workTime):
		return c, sdk.Errorf(sdk.Unavailable, "the grant was obtained and cannot be saved at the moment: try again later").Because(err)
	}
}

// keep saves what c has obtained until that is done, or nobody wants it any
// more.
func (c *credential) keep(ctx context.Context, err error) (*credential, error) {
	for try := 1; ; try++ {
		c.w.h.log.WarnContext(ctx, "saving a grant again", "workspace", c.w.name, "credential", c.rec.ID, "err", err)
		if !errors.Is(err, ErrConflict) { // the store is down, or was
			if sleep(ctx, c.w.h.backoff(min(try, 5))) != nil {
				return c, err
			}
		}
		var next *credential
		if next, err = c.again(ctx); next != nil || errors.Is(err, ErrNotFound) || errors.Is(err, errSuperseded) || ctx.Err() != nil {
			return next, err
		}
	}
}

// errSuperseded says that a person has changed or connected the credential
// while a grant was obtained for it.
var errSuperseded = sdk.Errorf(sdk.Unavailable, "the credential was changed meanwhile: try again")

// again looks at the record as it is now, and puts what c has obtained into
// it, unless it is there already, or something newer is.
func (c *credential) again(ctx context.Context) (*credential, error) {
	c.held.release(ctx) // or it would have to wait for itself
	if err := c.held.take(ctx); err != nil && !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	defer func() { c.held.release(ctx) }()
	now, err := c.w.resume(ctx, c.held) // which another may have left unfinished
	if errors.Is(err, ErrNotFound) {
		c.giveBack(ctx)
		return nil, err
	}
	if err == nil {
		err = now.unfinished
	}
	if err != nil {
		return nil, err
	}
	switch mine := c.obtained.intent.Attempt; {
	case now.Attempt == mine:
		now.saved(ctx)
		return now, nil
	case now.rec.Generation == c.stored.Generation, slices.Contains(now.Lost, mine):
	default:
		c.giveBack(ctx)
		return nil, errSuperseded
	}
	if err := now.take(c.obtained.grant, c.obtained.intent); err != nil {
		return nil, err
	}
	now.rec.Generation = now.stored.Generation + 1
	if err := now.seal(ctx); err != nil {
		return nil, err
	}
	if err := now.held.save(ctx, now.rec); err != nil {
		return nil, err
	}
	now.saved(ctx)
	return now, nil
}

// giveBack revokes, where that can be done, a grant that nobody will use.
func (c *credential) giveBack(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := c.revoke(ctx); err != nil {
		c.w.h.log.WarnContext(ctx, "a grant that came too late was not revoked", "workspace", c.w.name, "credential", c.rec.ID, "err", err)
	}
}

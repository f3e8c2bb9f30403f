// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/credhost/credhost/host/egress"
	"github.com/credhost/credhost/internal/defence"
	"github.com/credhost/credhost/sdk"
)

// A live grant is one that requests may carry. It never changes.
type live struct {
	sdk.Grant
	typ      string   // of the credential
	origins  []string // where it may go
	serial   uint64   // of the credential's grants
	obtained time.Time
	renewAt  time.Time // from when on it is renewed in the background; zero: never
	until    time.Time // until when it is used; zero: for good

	signer sdk.Signer // if Sign is not zero
	in     sdk.Input  // for it

	tls egress.TLS // for where it goes

	made trace.SpanContext // where it was put into the cache

	attached
}

// good reports whether l can be used now.
func (l *live) good(now time.Time) bool { return l.until.IsZero() || now.Before(l.until) }

// An entry is a credential in the cache.
type entry struct {
	w  *Workspace
	id string

	live   atomic.Pointer[live] // nil: to be fetched
	used   atomic.Int64         // when last, in Unix seconds; coarse
	signed atomic.Uint64        // how often with live's serial

	mu     sync.Mutex // also held to change live
	newest uint64     // the record's generation, as far as this host knows
	flight *flight    // who fetches, if somebody does
	next   time.Time  // not to be fetched before, since it failed
	failed error      // how
	tries  int
}

// A flight is one fetch that any number of callers wait for.
type flight struct {
	done chan struct{}
	live *live
	err  error
}

func (w *Workspace) entry(id string) *entry {
	if e, ok := w.entries.Load(id); ok {
		return e.(*entry)
	}
	fresh := &entry{w: w, id: id}
	fresh.used.Store(w.h.now().Unix()) // or it would look idle while its first grant is fetched
	e, _ := w.entries.LoadOrStore(id, fresh)
	return e.(*entry)
}

// forget drops a credential from the cache.
func (w *Workspace) forget(id string) {
	if e, ok := w.entries.LoadAndDelete(id); ok {
		e.(*entry).live.Store(nil)
	}
}

// blind is how long a host serves from its cache without seeing the store.
const blind = 30 * time.Second

// cached returns the credential's grant, if there is one in the cache that is
// good now. It is the hot path: it takes no lock, calls nobody and touches no
// store.
func (w *Workspace) cached(id string) (*entry, *live) {
	e := w.entry(id)
	now := w.h.now()
	l := e.live.Load()
	if l == nil || !l.good(now) || now.UnixNano()-w.h.seen.Load() > int64(blind) {
		return e, nil
	}
	if s := now.Unix(); s-e.used.Load() > 30 {
		e.used.Store(s)
	}
	if !l.renewAt.IsZero() && now.After(l.renewAt) {
		e.ahead(l)
	}
	return e, l
}

// grant returns a grant that is good now, wherever it is to be had.
func (w *Workspace) grant(ctx context.Context, id string) (*entry, *live, error) {
	e, l := w.cached(id)
	switch {
	case l != nil:
		return e, l, nil
	case w.err != nil:
		return e, nil, w.err
	}
	l, err := e.fetch(ctx, need{old: e.live.Load()})
	return e, l, err
}

// grantFor returns a grant that may go where r goes. A request that goes
// elsewhere is refused before a grant is obtained for it.
func (w *Workspace) grantFor(ctx context.Context, id string, r *http.Request) (*entry, *live, error) {
	e, l := w.cached(id)
	if l == nil {
		origins, err := w.origins(ctx, id)
		if err == nil {
			err = w.allows(origins, r)
		}
		if err == nil {
			e, l, err = w.grant(ctx, id)
		}
		if errors.Is(err, ErrNotFound) {
			w.forget(id) // whoever guesses IDs must not fill the memory
		}
		if err != nil {
			return e, nil, err
		}
	}
	return e, l, w.allows(l.origins, r)
}

// allows is the function of that name, unless a test does without it.
func (w *Workspace) allows(origins []string, r *http.Request) error {
	err := allows(origins, r)
	if err != nil {
		w.h.measure.refused(r.Context(), "origin")
	}
	if err != nil && defence.Off(w.h.ctx, defence.Destined) {
		return nil
	}
	return err
}

// origins returns where the credential's grants may go. Callers that ask at once
// share one answer of the store: thousands may, when a grant has ended.
func (w *Workspace) origins(ctx context.Context, id string) ([]string, error) {
	shared := w.loads.DoChan(id, func() (any, error) {
		ctx, cancel := w.h.outliving(ctx, workTime)
		defer cancel()
		c, err := w.load(ctx, id)
		if err != nil {
			return []string(nil), err
		}
		return c.Origins.Grant, nil
	})
	select {
	case answer := <-shared:
		return answer.Val.([]string), answer.Err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// young is the age below which a refused grant is not renewed: the service
// means something else than that the grant has ended.
const young = time.Minute

// obtain returns a grant that is better than n.old: another host's, or one
// from the plugin, which it saves before anybody sees it.
func (e *entry) obtain(ctx context.Context, n need) (*live, error) {
	w, id := e.w, e.id
	c, err := w.load(ctx, id)
	if err != nil {
		return nil, err
	}
	if l := c.better(n); l != nil {
		return e.publish(ctx, c, l, n)
	}
	if err := c.usable(n); err != nil {
		return nil, err
	}
	var got *live
	var refused error
	c, err = w.edit(ctx, id, func(ctx context.Context, c *credential) error {
		if got = c.better(n); got != nil {
			return errUnchanged
		}
		if err := c.usable(n); err != nil {
			return err
		}
		refused = c.renew(ctx, n)
		if refused != nil && !isDenied(refused) {
			return refused
		}
		if refused == nil && defence.Off(ctx, defence.Committed) {
			e.publish(ctx, c, c.live(), n)
		}
		return nil
	})
	switch {
	case errors.Is(err, ErrConflict) && ctx.Err() == nil: // another host was faster: what came of it?
		return e.obtain(ctx, n)
	case refused != nil:
		w.h.log.WarnContext(ctx, "grant not obtained", "workspace", w.name, "credential", id, "type", c.typeName(), "err", refused)
		return nil, refused
	case err != nil:
		return nil, err
	case got == nil:
		got = c.live()
		w.h.log.InfoContext(ctx, "grant obtained", "workspace", w.name, "credential", id, "type", c.typeName(), "expiry", got.Expiry)
	}
	return e.publish(ctx, c, got, n)
}

func isDenied(err error) bool {
	return errors.Is(err, sdk.Denied) || errors.Is(err, sdk.Invalid)
}

// better returns the stored grant, if it is newer than the one that will not
// do, or else if it is good and nothing is wrong with it.
func (c *credential) better(n need) *live {
	if c.Grant == nil || c.upgrade != nil {
		return nil
	}
	if l := c.live(); l.good(c.w.h.now()) && n.instead(l) {
		return l
	}
	return nil
}

// usable reports why the plugin need not even be asked for a grant.
func (c *credential) usable(n need) error {
	status, reason := c.status()
	switch status {
	case StatusAnswers, StatusDraft:
		return sdk.Errorf(sdk.Invalid, "the credential cannot be used yet: %s", reason)
	case StatusConnect:
		return sdk.Errorf(sdk.Denied, "the credential must be connected first: nobody has approved access yet")
	case StatusAgain:
		if !n.force || c.Spent {
			return c.Refused.Error.Because(nil)
		}
	case StatusDenied:
		if !n.force && c.w.h.now().Before(c.Refused.Next) {
			return c.Refused.Error.Because(nil)
		}
	}
	return nil
}

// renew asks the plugin for a grant and takes its answer into the content.
func (c *credential) renew(ctx context.Context, n need) (err error) {
	if c.unfinished != nil {
		return c.unfinished
	}
	end := c.w.h.measure.renewal(c.rec.Type)
	defer func() { end(ctx, err) }()
	in := newIntent(n.refusal, nil)
	in.Spent = c.spent
	g, err := c.attempt(ctx, in)
	if errors.Is(err, errLost) {
		if c.lose(in); c.Spent {
			return err
		}
		in = newIntent(n.refusal, nil) // with the answers alone
		g, err = c.attempt(ctx, in)
	}
	if err == nil {
		return c.take(g, in)
	}
	if isDenied(err) {
		c.refuse(err)
		if n.refusal != nil {
			c.Grant, c.Serial = nil, c.Serial+1 // or else it serves until it ends
		}
	}
	return err
}

// refuse notes that the service does not take the credential. It is tried
// again after a while, unless a person must connect it.
func (c *credential) refuse(err error) {
	e := &sdk.Error{Code: sdk.Denied, Message: "the service refuses"}
	errors.As(err, &e)
	now := c.w.h.now().UTC()
	r := &refused{Error: *e, Since: now}
	if c.Refused != nil {
		r.Since, r.Tries = c.Refused.Since, c.Refused.Tries
	}
	r.Tries++
	r.Next = now.Add(min(30*time.Second<<min(r.Tries-1, 10), 15*time.Minute))
	r.Error.Err = nil
	if c.Refused == nil {
		c.warnRefused(r)
	}
	c.Refused = r
}

// publish puts a grant into the cache, from a record as it is stored. If the
// record has changed meanwhile, it fetches again: what was changed may have
// cost the credential this grant.
func (e *entry) publish(ctx context.Context, c *credential, l *live, n need) (*live, error) {
	if err := c.signing(ctx, l); err != nil {
		return nil, err
	}
	var err error
	if l.tls, err = c.tls(ctx); err != nil {
		return nil, err
	}
	l.made = trace.SpanContextFromContext(ctx)
	e.mu.Lock()
	stale := c.rec.Generation < e.newest
	if !stale {
		e.newest = c.rec.Generation
		e.used.Store(e.w.h.now().Unix())
		if old := e.live.Swap(l); old == nil || old.serial != l.serial {
			e.signed.Store(0)
		}
	}
	e.mu.Unlock()
	if stale && ctx.Err() == nil {
		return e.obtain(ctx, n)
	}
	return l, ctx.Err()
}

// saved is called when this host has saved the record: the grant in the cache
// is dropped, unless it is still the credential's.
func (e *entry) saved(c *credential) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.newest = max(e.newest, c.rec.Generation)
	if l := e.live.Load(); l != nil && l.serial != c.Serial {
		e.live.Store(nil)
	}
	e.failed, e.tries = nil, 0
}

// changed is called when the record may be another than the cache knows.
func (e *entry) changed(generation uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.newest == generation {
		return // it was this host
	}
	e.newest = generation
	e.live.Store(nil)
	e.failed, e.tries = nil, 0
}

// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"time"

	"github.com/credhost/credhost/sdk"
)

// A need says why a grant is fetched.
type need struct {
	old     *live        // what will not do; nil if there is none
	refusal *sdk.Refusal // the answer that old got; nil if it only ends
	renew   bool         // even though old is still good
	force   bool         // even though it failed a moment ago
}

// instead reports whether l can take the place of what will not do.
func (n need) instead(l *live) bool {
	return n.old == nil || l.serial != n.old.serial || !n.renew && n.refusal == nil
}

// fetch returns a grant that is better than n.old. Concurrent callers share
// one fetch, which goes on when the caller that began it gives up.
func (e *entry) fetch(ctx context.Context, n need) (*live, error) {
	for {
		f, mine, err := e.join(ctx, n)
		if err != nil {
			return nil, err
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if mine || f.err != nil || n.instead(f.live) {
			return f.live, f.err
		}
		// That fetch was begun for less than is needed here.
	}
}

// join returns the fetch that is under way, or else begins one, which is then
// the caller's. If there is no need for any, it returns one that is done.
func (e *entry) join(ctx context.Context, n need) (f *flight, mine bool, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.w.h.now()
	if l := e.live.Load(); l != nil && l != n.old && n.instead(l) && l.good(now) && e.w.h.sees() {
		return &flight{done: closed, live: l}, true, nil // another was faster
	}
	if !n.force && e.failed != nil && now.Before(e.next) {
		return nil, false, retryIn(e.failed, e.next.Sub(now))
	}
	if e.flight != nil {
		return e.flight, false, nil
	}
	f = &flight{done: make(chan struct{})}
	if !e.w.h.background(func() { e.fly(e.w.h.on(ctx), f, n) }) {
		return nil, false, errClosed
	}
	e.flight = f
	return f, true, nil
}

// closed is a channel that is closed.
var closed = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// fly fetches for everybody who waits for f. Ctx has the trace of who began.
func (e *entry) fly(ctx context.Context, f *flight, n need) {
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	ctx, end := e.w.span(ctx, "credential.grant", e.id, n.after(ctx)...)
	f.live, f.err = e.obtain(ctx, n)
	end(f.err)
	e.mu.Lock()
	e.flight = nil
	e.remember(f.err)
	e.mu.Unlock()
	if errors.Is(f.err, ErrNotFound) {
		e.w.forget(e.id)
	}
	close(f.done)
}

// remember spaces out fetches that fail.
func (e *entry) remember(err error) {
	var se *sdk.Error
	if !errors.As(err, &se) {
		e.failed, e.tries = nil, 0
		return
	}
	e.tries++
	e.failed, e.next = err, e.w.h.now().Add(max(e.w.h.backoff(e.tries), se.RetryAfter))
}

// backoff returns how long to wait after the n-th failure in a row: from half
// a second to a minute, a half of it by chance, so that hosts do not march in
// step.
func (h *Host) backoff(n int) time.Duration {
	d := min(500*time.Millisecond<<min(n-1, 10), time.Minute)
	return d/2 + h.chance(d/2)
}

// retryIn returns err with what is left of the wait.
func retryIn(err error, d time.Duration) error {
	var se *sdk.Error
	if !errors.As(err, &se) {
		return err
	}
	c := *se
	c.RetryAfter = d
	return &c
}

// SPDX-License-Identifier: Apache-2.0

package events

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/credhost/credhost/host"
)

// A log is that of one workspace, as far as this host has it in memory.
type log struct {
	e         *Events
	workspace string

	looking sync.Mutex // held while the store is read for what is new

	mu      sync.Mutex
	known   bool          // the end was found
	stale   bool          // there may be more
	doubted bool          // and what is known may be wrong
	unsure  bool          // the newest batch was changed or removed
	tail    uint64        // the number of the newest batch; 0: there is none
	end     uint64        // the number of the next one
	recent  []*batch      // the newest ones, without a gap
	moved   chan struct{} // closed when there is more
	waiting []*waiter
	writing bool
	readers int
	used    time.Time
}

// maxRecent is how many batches are kept in memory, for all who read at once.
const maxRecent = 64

// A waiter waits for its event to be written.
type waiter struct {
	ev   Event
	err  error
	done chan struct{}
}

// errClosed is for calls that come after Close.
var errClosed = errors.New("events: closed")

// writeTime is how long an event may take to be written.
const writeTime = 10 * time.Second

// append writes an event. Those that come meanwhile are written together.
func (l *log) append(ctx context.Context, ev Event) (Event, error) {
	w := &waiter{ev: ev, done: make(chan struct{})}
	l.mu.Lock()
	l.waiting = append(l.waiting, w)
	if !l.writing {
		if !l.e.begin(l.write) {
			l.mu.Unlock()
			return Event{}, errClosed
		}
		l.writing = true
	}
	l.mu.Unlock()
	select {
	case <-w.done:
		return w.ev, w.err
	case <-ctx.Done():
		return Event{}, ctx.Err()
	}
}

// write writes what waits, until nothing does.
func (l *log) write() {
	for {
		l.mu.Lock()
		some := l.waiting[:min(len(l.waiting), maxBatch)]
		l.waiting = l.waiting[len(some):]
		if len(some) == 0 {
			l.writing, l.waiting = false, nil
			l.mu.Unlock()
			return
		}
		l.mu.Unlock()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(l.e.ctx), writeTime)
		err := l.put(ctx, some)
		l.e.measure.wrote(ctx, some, err)
		cancel()
		for _, w := range some {
			w.err = err
			close(w.done)
		}
	}
}

// put writes a batch of what some wait for, as the next one.
func (l *log) put(ctx context.Context, some []*waiter) error {
	b := &batch{Mark: newMark(), Events: make([]Event, len(some))}
	for {
		if err := l.look(ctx); err != nil {
			return err
		}
		l.mu.Lock()
		b.n = l.end
		l.mu.Unlock()
		if b.n == 1 {
			if err := l.e.list(ctx, l.workspace); err != nil {
				return err
			}
		}
		for i, w := range some {
			w.ev.ID = place{b.n, i, b.Mark}.String()
			b.Events[i] = w.ev
		}
		_, err := l.e.batches.Create(ctx, host.Item{Workspace: l.workspace, ID: batchID(b.n)}, b)
		if err != nil && !errors.Is(err, host.ErrConflict) {
			err = l.settle(ctx, b, err)
		}
		switch {
		case errors.Is(err, host.ErrConflict): // another host was faster
			l.stir(b.n)
		case err != nil:
			return fmt.Errorf("events: writing: %w", err)
		default:
			l.arrived(b)
			l.e.wake(l.workspace, false)
			return nil
		}
	}
}

// settle finds out whether a batch was written whose writing has failed with err,
// and tries again if not.
func (l *log) settle(ctx context.Context, b *batch, err error) error {
	for range 3 {
		var now batch
		_, looked := l.e.batches.Get(ctx, l.workspace, batchID(b.n), &now)
		switch {
		case looked == nil && now.Mark == b.Mark:
			return nil
		case looked == nil:
			return host.ErrConflict
		case errors.Is(looked, host.ErrNotFound):
			_, err = l.e.batches.Create(ctx, host.Item{Workspace: l.workspace, ID: batchID(b.n)}, b)
			if err == nil || errors.Is(err, host.ErrConflict) && l.e.sleep(ctx, 0) == nil {
				continue // whose is it?
			}
		}
		if l.e.sleep(ctx, 50*time.Millisecond) != nil {
			break
		}
	}
	return err
}

// list notes that a workspace has a log, so that it is found though nothing
// happens in it.
func (e *Events) list(ctx context.Context, workspace string) error {
	_, err := e.index.Create(ctx, host.Item{ID: "el-" + workspace, Type: workspace}, struct{}{})
	if errors.Is(err, host.ErrConflict) {
		return nil
	}
	return err
}

// stir says that there may be a batch of a number. 0: nobody knows what there is.
func (l *log) stir(n uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known && n > 0 && n < l.end {
		l.unsure = l.unsure || n == l.tail
		return // it is known, or was removed
	}
	l.stale, l.doubted = true, l.doubted || n == 0
	l.call()
}

// call wakes those who wait for more.
func (l *log) call() {
	close(l.moved)
	l.moved = make(chan struct{})
}

// arrived takes a batch in that follows the newest.
func (l *log) arrived(b *batch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b.n != l.end {
		l.stale = l.stale || b.n > l.end
		return
	}
	l.tail, l.end = b.n, b.next()
	l.recent = append(l.recent, b)
	if len(l.recent) > maxRecent {
		l.recent = append([]*batch(nil), l.recent[len(l.recent)-maxRecent/2:]...)
	}
	l.call()
}

// look reads what is new, if there may be anything.
func (l *log) look(ctx context.Context) error {
	l.looking.Lock()
	defer l.looking.Unlock()
	l.mu.Lock()
	known, stale, doubted, unsure := l.known, l.stale, l.doubted, l.unsure
	l.stale, l.doubted, l.unsure, l.used = false, false, false, l.e.now()
	l.mu.Unlock()
	var err error
	if known && !doubted && unsure {
		doubted, err = l.gone(ctx)
	}
	switch {
	case err != nil:
	case !known || doubted:
		err = l.orient(ctx)
	case stale:
		err = l.catchUp(ctx)
	default:
		return nil
	}
	if err != nil {
		l.mu.Lock()
		l.stale, l.doubted = true, l.doubted || doubted
		l.mu.Unlock()
	}
	return err
}

// gone reports whether the newest batch is gone. None is removed while it is the
// newest, unless all are.
func (l *log) gone(ctx context.Context) (bool, error) {
	l.mu.Lock()
	tail := l.tail
	l.mu.Unlock()
	b, err := l.fetch(ctx, tail)
	return b == nil, err
}

// catchUp reads the batches that came after the newest that is known.
func (l *log) catchUp(ctx context.Context) error {
	for {
		l.mu.Lock()
		tail := l.tail
		l.mu.Unlock()
		some, err := l.load(ctx, tail, maxRecent)
		if err != nil {
			return err
		}
		for _, b := range some {
			l.mu.Lock()
			if b.n > l.end { // pruned meanwhile, all that was between
				l.end, l.recent = b.n, nil
			}
			l.mu.Unlock()
			l.arrived(b)
		}
		if len(some) < maxRecent {
			return nil
		}
	}
}

// orient finds the end of the log in the store, whatever was known of it: a
// store that was put back to an earlier state has another.
func (l *log) orient(ctx context.Context) error {
	n, err := l.find(ctx)
	if err != nil {
		return err
	}
	b := &batch{}
	if n > 0 {
		if b, err = l.fetch(ctx, n); err != nil {
			return err
		}
		if b == nil { // the newest is never pruned: the workspace is being purged
			b = &batch{}
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.known, l.recent = true, nil
	l.tail, l.end = b.n, max(b.next(), 1)
	l.call()
	return nil
}

// find returns the number of the newest batch, by halving: stores list in
// rising order only.
func (l *log) find(ctx context.Context) (uint64, error) {
	beyond := func(n uint64) (uint64, error) {
		q := host.Query{Workspace: l.workspace, Limit: 1}
		if n > 0 {
			q.After = batchID(n)
		}
		items, err := l.e.batches.List(ctx, q)
		if err != nil || len(items) == 0 {
			return 0, err
		}
		return numberOf(items[0].ID), nil
	}
	low, err := beyond(0)
	if err != nil || low == 0 {
		return 0, err
	}
	high := uint64(0) // low is there, and nothing beyond high, once there is one
	for step := uint64(1); high == 0 || low < high; {
		mid := low + step
		if high > 0 {
			mid = low + (high-low)/2
		}
		n, err := beyond(mid)
		switch {
		case err != nil:
			return 0, err
		case n == 0:
			high = mid
		default:
			low, step = n, 2*step
		}
	}
	return low, nil
}

// SPDX-License-Identifier: Apache-2.0

package events

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/credhost/credhost/host"
)

// numberOf returns the number in the ID of a batch; 0 if it has none.
func numberOf(id string) uint64 {
	n, err := strconv.ParseUint(strings.TrimPrefix(id, "ev-"), 16, 48)
	if err != nil {
		return 0
	}
	return n
}

// load reads batches after a number from the store.
func (l *log) load(ctx context.Context, after uint64, limit int) ([]*batch, error) {
	q := host.Query{Workspace: l.workspace, Limit: limit}
	if after > 0 {
		q.After = batchID(after)
	}
	items, err := l.e.batches.List(ctx, q)
	if err != nil {
		return nil, err
	}
	all := make([]*batch, len(items))
	for i, item := range items {
		b := &batch{n: numberOf(item.ID)}
		if err := l.e.batches.Open(ctx, item, b); err != nil {
			return nil, err
		}
		all[i] = b
	}
	return all, nil
}

// newest returns the newest batch; nil if there is none.
func (l *log) newest(ctx context.Context) (*batch, error) {
	l.mu.Lock()
	tail := l.tail
	l.mu.Unlock()
	if tail == 0 {
		return nil, nil
	}
	return l.get(ctx, tail)
}

// get returns the batch of a number; nil if there is none.
func (l *log) get(ctx context.Context, n uint64) (*batch, error) {
	if b := l.held(n); b != nil {
		return b, nil
	}
	return l.fetch(ctx, n)
}

// held returns the batch of a number if it is in memory.
func (l *log) held(n uint64) *batch {
	l.mu.Lock()
	defer l.mu.Unlock()
	i, ok := slices.BinarySearchFunc(l.recent, n, func(b *batch, n uint64) int { return cmp.Compare(b.n, n) })
	if !ok {
		return nil
	}
	return l.recent[i]
}

// fetch is get from the store.
func (l *log) fetch(ctx context.Context, n uint64) (*batch, error) {
	b := &batch{n: n}
	_, err := l.e.batches.Get(ctx, l.workspace, batchID(n), b)
	if errors.Is(err, host.ErrNotFound) {
		return nil, nil
	}
	return b, err
}

// from returns the place after which to read: of the event with the given ID, or
// before all others.
func (l *log) from(ctx context.Context, after string) (place, error) {
	if err := l.look(ctx); err != nil {
		return place{}, err
	}
	if after == "" || after == Oldest {
		return place{}, nil
	}
	p, ok := parsePlace(after)
	if !ok {
		return place{}, ErrBehind
	}
	b, err := l.get(ctx, p.n)
	switch {
	case err != nil:
		return place{}, err
	case b != nil && b.Mark == p.mark && p.i < len(b.Events):
		return p, nil
	case b != nil:
		return place{}, ErrBehind // of another history
	}
	first, err := l.load(ctx, 0, 1)
	if err == nil && (len(first) == 0 || first[0].n != p.next()) {
		err = ErrBehind
	}
	return p, err // it is gone, but nothing that came after it
}

// read returns the events of one batch that come after a place; none if there
// are none yet. The error is [ErrBehind] if some are not kept any more.
func (l *log) read(ctx context.Context, p place) ([]Event, error) {
	if err := l.look(ctx); err != nil {
		return nil, err
	}
	l.mu.Lock()
	end := l.end
	l.mu.Unlock()
	if p.n > 0 && p.next() >= end {
		return nil, nil
	}
	if b := l.held(p.n); b != nil && p.i+1 < len(b.Events) {
		return b.Events[p.i+1:], nil
	}
	if b := l.held(p.next()); b != nil && p.n > 0 {
		return b.Events, nil
	}
	some, err := l.load(ctx, p.n, 1)
	if err != nil || len(some) == 0 && p.n == 0 {
		return nil, err
	}
	if p.n == 0 || len(some) > 0 && some[0].n == p.next() {
		return some[0].Events, nil
	}
	b, err := l.fetch(ctx, p.n) // there is more in the batch that p is of
	if err == nil && (b == nil || p.i+1 >= len(b.Events)) {
		err = ErrBehind
	}
	if err != nil {
		return nil, err
	}
	return b.Events[p.i+1:], nil
}

// Subscribe returns the events of a workspace after the one with the given ID,
// and then those that come, until ctx ends or the loop is left. With "" it
// begins with the next one, with [Oldest] with all that are kept. An error ends
// it; one of [ErrBehind] says that events are lost. It keeps nothing for a
// reader that is slow: that reads later what the store has.
func (e *Events) Subscribe(ctx context.Context, workspace, after string) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		ctx, cancel := e.bounded(ctx)
		defer cancel()
		l := e.logOf(workspace)
		l.join(1)
		defer l.join(-1)
		var err error
		if after == "" {
			after, err = e.Last(ctx, workspace)
		}
		var p place
		if err == nil {
			p, err = l.from(ctx, after)
		}
		for err == nil {
			var more <-chan struct{}
			var some []Event
			if some, more, err = l.next(ctx, p); err != nil {
				break
			}
			for _, ev := range some {
				if !yield(ev, nil) {
					return
				}
				p, _ = parsePlace(ev.ID)
			}
			if len(some) > 0 {
				continue
			}
			select {
			case <-more:
			case <-ctx.Done():
				err = ctx.Err()
			}
		}
		yield(Event{}, err)
	}
}

// next is read, with what is closed when there is more.
func (l *log) next(ctx context.Context, p place) ([]Event, <-chan struct{}, error) {
	l.mu.Lock()
	more := l.moved
	l.mu.Unlock()
	some, err := l.read(ctx, p)
	return some, more, err
}

// join counts who reads the log.
func (l *log) join(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.readers += n
	l.used = l.e.now()
}

// bounded returns ctx, which then also ends with Close.
func (e *Events) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(e.ctx, cancel)
	return ctx, func() { stop(); cancel() }
}

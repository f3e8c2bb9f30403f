// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"container/list"
	"context"
	"sync"
	"time"
)

// A gate lets so many requests in at once, and lets others wait for a moment. No
// key and no credential gets more than its share: a service that hangs, or a
// caller who is slow, holds that, and no more.
//
// How long a request may wait depends on how the queue does: while it empties now
// and then, for [Limits].Wait; while it has stood for that long, for a twentieth
// of it, since all that a queue does then is to make everybody late (the idea is
// CoDel's, RFC 8289).
type gate struct {
	limits Limits

	mu      sync.Mutex
	active  int
	held    map[holder]int
	waiting *list.List // of *waiter
	empty   time.Time  // when the queue was last seen empty
	refused uint64
}

// A holder is a key, which needs no workspace, or a credential of one.
type holder struct{ workspace, id string }

// A waiter waits for its turn.
type waiter struct{ turn chan struct{} }

func newGate(l Limits) *gate {
	return &gate{limits: l, held: map[holder]int{}, waiting: list.New()}
}

var (
	errKeyFull        = fail("rate", "this key has as many requests under way as one may have: wait until some are done").after(time.Second)
	errCredentialFull = fail("full", "this credential has as many requests under way as one may have: its service may be slow; try again in a moment").after(time.Second)
	errFull           = fail("full", "this host has as much to do as it can: try again in a moment").after(time.Second)
)

// enter lets a request in, for whom leave must be called, or says why not.
func (g *gate) enter(ctx context.Context, key, credential holder) error {
	g.mu.Lock()
	if err := g.hold(key, credential); err != nil {
		g.refused++
		g.mu.Unlock()
		return err
	}
	if g.active < g.limits.Active {
		g.active++
		g.mu.Unlock()
		return nil
	}
	now := time.Now()
	if g.waiting.Len() == 0 {
		g.empty = now
	}
	wait := g.limits.Wait
	if now.Sub(g.empty) > wait {
		wait /= 20
	}
	w := &waiter{make(chan struct{})}
	place := g.waiting.PushBack(w)
	g.mu.Unlock()
	late := time.NewTimer(wait)
	defer late.Stop()
	select {
	case <-w.turn:
		return nil
	case <-late.C:
		return g.giveUp(w, place, key, credential, errFull)
	case <-ctx.Done():
		return g.giveUp(w, place, key, credential, ctx.Err())
	}
}

// hold counts a request for those who hold it, if there is room.
func (g *gate) hold(key, credential holder) error {
	switch {
	case g.held[key] >= g.limits.PerKey:
		return errKeyFull
	case g.held[credential] >= g.limits.PerCredential:
		return errCredentialFull
	case g.active >= g.limits.Active && g.waiting.Len() >= g.limits.Queue:
		return errFull
	}
	g.held[key]++
	g.held[credential]++
	return nil
}

// giveUp takes a waiter out of the queue, unless its turn has come meanwhile.
func (g *gate) giveUp(w *waiter, place *list.Element, key, credential holder, err error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-w.turn:
		return nil
	default:
	}
	g.waiting.Remove(place)
	g.let(key, credential)
	if err == error(errFull) {
		g.refused++
	}
	return err
}

// let forgets what a request held.
func (g *gate) let(holders ...holder) {
	for _, h := range holders {
		if g.held[h]--; g.held[h] == 0 {
			delete(g.held, h)
		}
	}
}

// leave says that a request is done.
func (g *gate) leave(key, credential holder) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.let(key, credential)
	first := g.waiting.Front()
	if first == nil {
		g.active--
		return
	}
	close(g.waiting.Remove(first).(*waiter).turn)
	if g.waiting.Len() == 0 {
		g.empty = time.Now()
	}
}

func (g *gate) stats() Stats {
	g.mu.Lock()
	defer g.mu.Unlock()
	return Stats{g.active, g.waiting.Len(), g.refused}
}

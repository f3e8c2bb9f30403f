// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"cmp"
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/credhost/credhost/host"
)

// A Use is a request that was sent with a credential, or refused.
type Use struct {
	Workspace  string
	Credential string
	Type       string
	Origin     string // where it was sent, or would have been
	Outcome    string // "ok", or an error's code; empty: "ok"
}

// ActionUse is the action of the events of uses. Their Subject is the origin.
const ActionUse = "use"

const (
	mostCounters = 50_000  // as of here, addresses and derived keys are not told apart; as of twice as many, nor is what was used, and where
	mostQueued   = 100_000 // of single uses that wait to be written; more are counted
	idleRounds   = 60      // for how many CountEvery a counter is kept without a use
)

// A counter counts the uses that differ in no more than their request.
type counter struct {
	n     atomic.Uint64
	due   bool // it is in uses.due
	idle  int  // rounds since it was last due with a count
	event host.Event
}

// A same is what two uses have in common that are counted together.
type same struct {
	Use
	actor                 host.Actor
	key, derived, address string
}

// uses counts.
type uses struct {
	most int // mostCounters, but in a test

	mu       sync.RWMutex
	counters map[same]*counter
	due      []*counter // to be written
	queue    []host.Event
}

// Use counts a use of a credential by the actor, and from the source, of ctx:
// see [Config.EachUse]. It waits for nothing and costs no I/O. What is counted is
// recorded at the latest by Close; kill -9 loses what was counted since the last
// CountEvery.
func (t *Trail) Use(ctx context.Context, u Use) {
	u.Outcome = cmp.Or(u.Outcome, "ok")
	who := host.Event{}.From(ctx)
	s := same{u, who.Actor, who.Key, who.Derived, who.Address}
	if !t.cfg.EachUse && t.uses.count(s) {
		return
	}
	e := host.Event{Time: t.now(), Workspace: u.Workspace, Actor: who.Actor, Address: who.Address, Key: who.Key, Derived: who.Derived, Request: who.Request,
		Action: ActionUse, Credential: u.Credential, Type: u.Type, Subject: u.Origin, Outcome: u.Outcome}
	if t.cfg.EachUse && t.uses.enqueue(e) || t.uses.first(s, e) {
		t.mu.Lock()
		defer t.mu.Unlock()
		if !t.closed {
			t.signal()
		}
	}
}

// count counts a use like one before, if there was one.
func (u *uses) count(s same) bool {
	u.mu.RLock()
	defer u.mu.RUnlock()
	c := u.counters[s]
	if c != nil {
		c.n.Add(1)
	}
	return c != nil
}

// first counts a use, and reports whether it is the first of its like, which is
// to be written soon.
func (u *uses) first(s same, e host.Event) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.counters) >= u.most { // somebody makes up what they ask for
		s.derived, s.address, e.Derived, e.Address = "", "", "", ""
	}
	if len(u.counters) >= 2*u.most {
		s.Credential, s.Type, s.Origin = "", "", ""
		e.Credential, e.Type, e.Subject = "", "", "many"
	}
	c := u.counters[s]
	if c != nil {
		c.n.Add(1)
		return false
	}
	if u.counters == nil {
		u.counters = make(map[same]*counter)
	}
	c = &counter{event: e, due: true}
	c.n.Store(1)
	u.counters[s] = c
	u.due = append(u.due, c)
	return true
}

// enqueue keeps a use to be written by itself, unless too many wait already.
func (u *uses) enqueue(e host.Event) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.queue) >= mostQueued {
		return false
	}
	u.queue = append(u.queue, e)
	return true
}

// dueAll makes all counters due, and forgets those that have counted nothing for
// long, whose next use is a first one again.
func (u *uses) dueAll() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for s, c := range u.counters {
		switch {
		case c.due:
		case c.n.Load() > 0:
			c.due, c.idle = true, 0
			u.due = append(u.due, c)
		default:
			if c.idle++; c.idle >= idleRounds {
				delete(u.counters, s)
			}
		}
	}
}

// counted is an event of uses that were counted, or of a single one.
type counted struct {
	event host.Event
	of    *counter // nil: of none
	n     uint64
}

// take returns at most n events to write.
func (u *uses) take(n int, now time.Time) (events []counted) {
	u.mu.Lock()
	defer u.mu.Unlock()
	single := min(n, len(u.queue))
	for _, e := range u.queue[:single] {
		events = append(events, counted{event: e})
	}
	u.queue = u.queue[single:]
	several := min(n-single, len(u.due))
	for _, c := range u.due[:several] {
		one := counted{c.event, c, c.n.Swap(0)}
		c.due = false
		if one.n > 1 {
			one.event.Count = one.n
		}
		events = append(events, one)
		// The next count is of later, and of many requests.
		c.event.Request = ""
	}
	u.due = u.due[several:]
	for i := range events {
		if of := events[i].of; of != nil && events[i].event.Request == "" {
			events[i].event.Time = now
		}
	}
	return events
}

// giveBack counts again what could not be written.
func (u *uses) giveBack(events []counted) {
	u.mu.Lock()
	defer u.mu.Unlock()
	var single []host.Event
	for _, e := range events {
		if e.of == nil {
			single = append(single, e.event)
			continue
		}
		e.of.n.Add(e.n)
	}
	u.queue = append(single, u.queue...)
}

// unwritten returns how many uses are not on record.
func (u *uses) unwritten() (n uint64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, c := range u.counters {
		n += c.n.Load()
	}
	return n + uint64(len(u.queue))
}

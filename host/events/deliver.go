// SPDX-License-Identifier: Apache-2.0

package events

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/credhost/credhost/host"
)

// An agenda says when this host looks at which webhooks.
type agenda struct {
	mu     sync.Mutex
	woken  map[string]bool // workspaces in which something has happened; true: to their webhooks, too
	all    bool            // nobody knows where something has happened
	called chan struct{}   // has one element if there is anything of that
}

// An errand is a webhook on the agenda. The agenda's goroutine has it alone.
type errand struct {
	workspace, id string
	at            time.Time // when to look next; zero: when woken
	running       bool
	again         bool // it was woken while it ran
}

// wake says that something has happened in a workspace, to its webhooks if hooks
// says so. It never waits.
func (e *Events) wake(workspace string, hooks bool) {
	a := &e.agenda
	a.mu.Lock()
	defer a.mu.Unlock()
	if workspace == "" && hooks {
		a.all = true // also where it is the host's own webhook, which is rare
	} else {
		if a.woken == nil {
			a.woken = map[string]bool{}
		}
		a.woken[workspace] = a.woken[workspace] || hooks
	}
	select {
	case a.called <- struct{}{}:
	default:
	}
}

// take returns what has happened since it was called last.
func (a *agenda) take() (woken map[string]bool, all bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	woken, all = a.woken, a.all
	a.woken, a.all = nil, false
	return woken, all
}

// The times of the agenda.
const (
	leaseTime = 45 * time.Second // that a desk is held for
	peekEvery = 15 * time.Second // at what another host is working at, which may die
	tryAgain  = 5 * time.Second  // what the store did not let happen
)

// This host sends to so many webhooks at once, and to so many of one workspace:
// receivers that hang are nobody else's.
const (
	atOnce      = 64
	atOnceOfOne = 4
)

// deliver sends what webhooks are owed, until Close.
func (e *Events) deliver() {
	errands := map[string]*errand{}
	done := make(chan *errand)
	e.wake("", true)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-e.ctx.Done():
			return
		case <-e.agenda.called:
			if woken, all := e.agenda.take(); !e.rouse(errands, woken, all) {
				e.begin(func() { // the store is away
					if e.sleep(e.ctx, tryAgain) == nil {
						e.wake("", true)
					}
				})
			}
		case x := <-done:
			if x.running = false; x.again {
				x.at, x.again = e.now(), false
			}
		case <-timer.C:
		}
		timer.Reset(e.send(errands, done))
	}
}

// send has what is due be done, as far as there is room, and returns when to
// look again. Each errand comes back through done.
func (e *Events) send(errands map[string]*errand, done chan<- *errand) (wait time.Duration) {
	running, of := 0, map[string]int{}
	for _, x := range errands {
		if x.running {
			running++
			of[x.workspace]++
		}
	}
	wait = time.Hour
	for _, x := range errands {
		switch {
		case x.running || x.at.IsZero():
		case x.at.After(e.now()):
			wait = min(wait, x.at.Sub(e.now()))
		case running < atOnce && of[x.workspace] < atOnceOfOne: // and else when one is done
			x.running = true
			running++
			of[x.workspace]++
			e.tasks.Go(func() {
				x.at = e.run(x.workspace, x.id)
				select {
				case done <- x:
				case <-e.ctx.Done():
				}
			})
		}
	}
	return wait
}

// rouse puts the webhooks on the agenda to which something has happened, and
// takes off those that are gone. It reports false if the store did not answer.
func (e *Events) rouse(errands map[string]*errand, woken map[string]bool, all bool) bool {
	if all {
		woken = map[string]bool{}
		err := e.eachLog(e.ctx, func(workspace string) error { woken[workspace] = true; return nil })
		if err != nil {
			return false
		}
		for _, x := range errands {
			woken[x.workspace] = true
		}
	}
	for workspace, hooks := range woken {
		if hooks && !e.reload(errands, workspace) {
			return false
		}
		for _, x := range errands {
			if x.workspace == workspace {
				x.again = x.running
				if !x.running {
					x.at = e.now()
				}
			}
		}
	}
	return true
}

// reload makes errands of a workspace's webhooks.
func (e *Events) reload(errands map[string]*errand, workspace string) bool {
	there := map[string]bool{}
	for after := ""; ; {
		items, err := e.hooks.List(e.ctx, host.Query{Workspace: workspace, After: after})
		if err != nil {
			return false
		}
		for _, item := range items {
			key := workspace + "/" + item.ID
			there[key], after = true, item.ID
			if errands[key] == nil {
				errands[key] = &errand{workspace: workspace, id: item.ID}
			}
		}
		if len(items) == 0 {
			break
		}
	}
	for key, x := range errands {
		if x.workspace == workspace && !there[key] {
			delete(errands, key)
		}
	}
	return true
}

// run works at the desk of a webhook, if no other host does, and returns when to
// look at it again; zero: when something happens.
func (e *Events) run(workspace, id string) time.Time {
	if next, ok := e.idle(e.ctx, workspace, id); ok {
		return next
	}
	store := e.h.Store()
	lease, err := store.Lease(e.ctx, workspace, deskOf(id), e.owner, leaseTime)
	switch {
	case errors.Is(err, host.ErrLeased):
		return e.now().Add(e.peek + e.chance(e.peek/2))
	case errors.Is(err, host.ErrNotFound):
		return time.Time{}
	case err != nil:
		return e.now().Add(tryAgain + e.chance(tryAgain))
	}
	w := &worker{e: e, workspace: workspace, id: id, lease: lease, held: e.now()}
	next, err := w.work(e.ctx)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(e.ctx), tryAgain)
	defer cancel()
	store.Unlease(ctx, lease)
	switch {
	case err == nil:
		return next
	case errors.Is(err, host.ErrNotFound):
		return time.Time{} // it was deleted
	case !errors.Is(err, host.ErrConflict) && e.ctx.Err() == nil:
		e.log.WarnContext(e.ctx, "a webhook's events wait", "workspace", workspace, "webhook", id, "err", err)
	}
	return e.now().Add(tryAgain + e.chance(tryAgain))
}

// idle reports whether there is nothing to do at a desk, and when there will be:
// hosts are woken by what another has done already, and a lease is a write.
func (e *Events) idle(ctx context.Context, workspace, id string) (next time.Time, ok bool) {
	var d desk
	_, s, err := e.read(ctx, workspace, id)
	if err == nil {
		_, err = e.desks.Get(ctx, workspace, deskOf(id), &d)
	}
	if errors.Is(err, host.ErrNotFound) {
		return time.Time{}, true
	}
	order := d.Order
	if d.obeyAll(s); err != nil || order != d.Order {
		return time.Time{}, false
	}
	if s.Off || d.GivenUp {
		return time.Time{}, true
	}
	if _, due := d.due(e.now()); due {
		return time.Time{}, false
	}
	if !d.Line {
		l := e.logOf(workspace)
		p, err := l.from(ctx, d.After)
		var some []Event
		if err == nil {
			some, err = l.read(ctx, p)
		}
		if err != nil || len(some) > 0 {
			return time.Time{}, false
		}
	}
	return d.next(), true
}

// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"time"
)

// sees reports whether the host has read the store's changes recently enough
// to serve from its cache.
func (h *Host) sees() bool { return h.now().UnixNano()-h.seen.Load() <= int64(blind) }

// follow reads the store's changes each second, or sooner if the store tells of
// them, and drops what they make stale from the cache, so that a deletion
// reaches every host.
func (h *Host) follow(since uint64) {
	told := make(chan struct{}, 1)
	if n, ok := h.cfg.Store.(Notifier); ok {
		h.background(func() {
			n.Notify(h.open, func() {
				select {
				case told <- struct{}{}:
				default: // it reads all there is once it looks
				}
			})
		})
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-h.open.Done():
			return
		case <-tick.C:
		case <-told:
		}
		ctx, cancel := context.WithTimeout(h.open, 10*time.Second)
		newest, err := h.catchUp(ctx, since)
		cancel()
		if err != nil && h.open.Err() == nil {
			h.log.WarnContext(ctx, "the store cannot be read; cached grants are served for at most 30 s", "err", err)
			continue
		}
		since = newest
	}
}

// catchUp drops what has changed after since, and returns the newest change.
func (h *Host) catchUp(ctx context.Context, since uint64) (uint64, error) {
	for {
		at := h.now()
		changes, next, err := h.store.Changes(ctx, since)
		switch {
		case errors.Is(err, ErrBehind): // what was deleted meanwhile, nobody knows
			h.forgetAll()
			h.tell("", "")
			h.seen.Store(at.UnixNano())
			return next, nil
		case err != nil:
			return since, err
		}
		for _, c := range changes {
			h.changed(c)
			h.tell(c.Workspace, c.ID)
		}
		since = next
		if len(changes) == 0 {
			h.seen.Store(at.UnixNano())
			return since, nil
		}
	}
}

// forgetAll empties the cache.
func (h *Host) forgetAll() {
	h.workspaces.Range(func(_, v any) bool {
		w := v.(*Workspace)
		w.entries.Range(func(id, _ any) bool {
			w.forget(id.(string))
			return true
		})
		return true
	})
}

// changed drops a credential from the cache if its record is not the one that
// the cache is from.
func (h *Host) changed(c Change) {
	v, ok := h.workspaces.Load(c.Workspace)
	if !ok {
		return
	}
	w := v.(*Workspace)
	if c.Generation == 0 {
		w.forget(c.ID)
		return
	}
	if v, ok := w.entries.Load(c.ID); ok {
		v.(*entry).changed(c.Generation)
	}
}

// The background looks for grants to renew this often; it renews those that
// were used within recent, and forgets those that were not used within idle.
const (
	lookEvery = 5 * time.Second
	recent    = 10 * time.Minute
	idle      = time.Hour
)

// renewAhead renews grants before they end, so that requests need not wait,
// and keeps only those in memory that are used.
func (h *Host) renewAhead() {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-h.open.Done():
			return
		case <-tick.C:
			h.look()
		}
	}
}

func (h *Host) look() {
	now := h.now()
	h.workspaces.Range(func(_, v any) bool {
		w := v.(*Workspace)
		w.entries.Range(func(id, v any) bool {
			e := v.(*entry)
			used := time.Unix(e.used.Load(), 0)
			l := e.live.Load()
			switch {
			case now.Sub(used) > idle:
				w.forget(id.(string))
			case l != nil && !l.renewAt.IsZero() && now.After(l.renewAt) && now.Sub(used) < recent:
				e.ahead(l)
			}
			return true
		})
		return true
	})
	h.forgetEndpoints(now)
}

// ahead renews in the background a grant that is still good.
func (e *entry) ahead(l *live) {
	e.mu.Lock()
	waiting := e.flight != nil || e.failed != nil && e.w.h.now().Before(e.next)
	e.mu.Unlock()
	if waiting {
		return
	}
	e.w.h.background(func() { e.fetch(e.w.h.ctx, need{old: l, renew: true}) }) // logged where it fails
}

// SPDX-License-Identifier: Apache-2.0

package events

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/credhost/credhost/host"
)

// sweepEvery is how often events are looked for that are too old, and keys that
// are about to end.
const sweepEvery = time.Hour

// sweep removes what is too old, from time to time. Any number of hosts may.
func (e *Events) sweep() {
	for e.sleep(e.ctx, sweepEvery+e.chance(sweepEvery/4)) == nil {
		if err := e.sweepAll(e.ctx); err != nil && e.ctx.Err() == nil {
			e.log.WarnContext(e.ctx, "old events were not removed", "err", err)
		}
		if err := e.lookAtKeys(e.ctx); err != nil && e.ctx.Err() == nil {
			e.log.WarnContext(e.ctx, "keys that are about to end were not looked for", "err", err)
		}
	}
}

func (e *Events) sweepAll(ctx context.Context) error {
	err := e.eachLog(ctx, func(workspace string) error { return e.prune(ctx, workspace) })
	old := e.now().Add(-sweepEvery)
	e.logs.Range(func(name, v any) bool {
		l := v.(*log)
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.readers == 0 && !l.writing && l.used.Before(old) {
			e.logs.CompareAndDelete(name, v)
		}
		return true
	})
	return err
}

// eachLog calls f with each workspace that has a log.
func (e *Events) eachLog(ctx context.Context, f func(workspace string) error) error {
	after := ""
	var all error
	for {
		items, err := e.index.List(ctx, host.Query{After: after})
		if err != nil {
			return errors.Join(all, err)
		}
		for _, item := range items {
			all = errors.Join(all, f(item.Type))
		}
		if len(items) == 0 {
			return all
		}
		after = items[len(items)-1].ID
	}
}

// prune removes the batches of a workspace that are too old or too many, from
// the oldest on. The newest stays, so that numbers go on from there.
func (e *Events) prune(ctx context.Context, workspace string) error {
	l := e.logOf(workspace)
	if err := l.look(ctx); err != nil {
		return err
	}
	l.mu.Lock()
	tail, end := l.tail, l.end
	l.mu.Unlock()
	old := e.now().Add(-e.cfg.Keep)
	for {
		items, err := e.batches.List(ctx, host.Query{Workspace: workspace})
		if err != nil {
			return err
		}
		for _, item := range items {
			n := numberOf(item.ID)
			if n >= tail || !item.Created.Before(old) && end-n <= uint64(e.cfg.MaxKept) {
				return nil
			}
			if err := e.batches.Delete(ctx, workspace, item.ID); err != nil && !errors.Is(err, host.ErrNotFound) {
				return err
			}
		}
		if len(items) == 0 {
			return nil
		}
	}
}

// Purge removes a workspace's events and webhooks: for when the workspace is
// deleted.
func (e *Events) Purge(ctx context.Context, workspace string) error {
	for _, shelf := range []*host.Shelf{e.hooks, e.desks, e.batches, e.told} {
		for {
			items, err := shelf.List(ctx, host.Query{Workspace: workspace})
			if err != nil {
				return err
			}
			if len(items) == 0 {
				break
			}
			for _, item := range items {
				if err := shelf.Delete(ctx, workspace, item.ID); err != nil && !errors.Is(err, host.ErrNotFound) {
					return err
				}
			}
		}
	}
	e.logs.Delete(workspace)
	err := e.index.Delete(ctx, "", "el-"+workspace)
	if errors.Is(err, host.ErrNotFound) {
		return nil
	}
	return err
}

// sleep waits for d, unless ctx ends before.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// chance returns a random time below d.
func chance(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return rand.N(d)
}

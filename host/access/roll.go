// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"hash/maphash"
	"sync"
	"sync/atomic"

	"github.com/credhost/credhost/host"
)

// A roll has the IDs of keys, sessions and links that exist, or did. It is called
// only when somebody guesses: who shares an address with them, and shows something
// that this host has not seen yet, is known by it and need not wait. Who guesses
// finds none, and who knows one costs one look into the store. So does a false hit,
// and therefore hashes of 64 bits do.
type roll struct {
	seed maphash.Seed
	ids  sync.Map // hash → nothing
	read atomic.Bool
}

// add adds what was made since the roll was called.
func (r *roll) add(id string) {
	if r.read.Load() {
		r.ids.Store(maphash.String(r.seed, id), nil)
	}
}

// onRoll reports whether there is, or was, something with this ID, as far as is
// known yet.
func (a *Access) onRoll(id string) bool {
	if _, ok := a.roll.ids.Load(maphash.String(a.roll.seed, id)); ok {
		return true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ctx.Err() == nil && a.roll.read.CompareAndSwap(false, true) {
		a.busy.Go(func() {
			if a.callRoll(a.ctx) != nil {
				a.roll.read.Store(false) // again soon
			}
		})
	}
	return false
}

// callRoll reads all there are.
func (a *Access) callRoll(ctx context.Context) error {
	for _, shelf := range []*host.Shelf{a.keys, a.sessions, a.links} {
		after := ""
		for {
			items, err := shelf.List(ctx, host.Query{After: after, Limit: 500})
			if err != nil {
				return err
			}
			if len(items) == 0 {
				break
			}
			for _, item := range items {
				after = item.ID
				a.roll.add(item.ID)
			}
		}
	}
	return nil
}

// forget has the roll called anew when somebody guesses next: when changes were
// missed, and from time to time, since nothing is ever struck off it.
func (r *roll) forget() {
	r.read.Store(false)
	r.ids.Clear()
}

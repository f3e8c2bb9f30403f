// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"hash/maphash"
	"sync"
	"sync/atomic"

	"github.com/credhost/credhost/host"
)

// A roll has the IDs of keys that exist, or have existed. It is called only when
// somebody guesses: who shares an address with them, and shows a key that this
// host has not seen yet, is known by it and need not wait. Who guesses IDs finds
// none, and who knows one costs one look into the store. A false hit costs one,
// too, and so hashes of 64 bits do.
type roll struct {
	seed maphash.Seed
	ids  sync.Map // hash → nothing
	read atomic.Bool
}

func (r *roll) add(id string) { r.ids.Store(maphash.String(r.seed, id), nil) }

// onRoll reports whether there is, or was, a key with this ID, as far as is known
// yet.
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
	after := ""
	for {
		items, err := a.keys.List(ctx, host.Query{After: after, Limit: 500})
		if err != nil || len(items) == 0 {
			return err
		}
		for _, item := range items {
			after = item.ID
			a.roll.add(after[len("k-"):])
		}
	}
}

// forget is for when changes were missed.
func (r *roll) forget() {
	r.read.Store(false)
	r.ids.Clear()
}

// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// maxCached bounds what a cache holds of things that exist: what does not exist
// is not kept.
const maxCached = 50_000

// A cache keeps what was read of a shelf, by ID, until it is told that it has
// changed. Reading it takes no lock. What is read while it changes is given to
// who asked before, and not kept.
type cache[T any] struct {
	sees  func() bool // whether changes are told of
	kept  sync.Map    // ID → *T
	count atomic.Int64

	mu      sync.Mutex
	flights map[string]*flight[T]
}

// A flight is a look into the store, for all who wait for it.
type flight[T any] struct {
	done  chan struct{}
	value *T
	err   error
	stale bool // it has changed since the look began
}

// cached returns what is kept, if it may be relied on.
func (c *cache[T]) cached(id string) *T {
	if v, ok := c.kept.Load(id); ok && c.sees() {
		return v.(*T)
	}
	return nil
}

// get returns what is kept, or else what load reads.
func (c *cache[T]) get(ctx context.Context, id string, load func(context.Context, string) (*T, error)) (*T, error) {
	if v := c.cached(id); v != nil {
		return v, nil
	}
	c.mu.Lock()
	f := c.flights[id]
	if f == nil || f.stale {
		f = &flight[T]{done: make(chan struct{})}
		if c.flights == nil {
			c.flights = make(map[string]*flight[T])
		}
		c.flights[id] = f
		go c.fly(ctx, id, f, load)
	}
	c.mu.Unlock()
	select {
	case <-f.done:
		return f.value, f.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// lookTime is how long the store may take to answer.
const lookTime = 10 * time.Second

func (c *cache[T]) fly(ctx context.Context, id string, f *flight[T], load func(context.Context, string) (*T, error)) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookTime) // others wait for it, too
	defer cancel()
	f.value, f.err = load(ctx, id)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.flights[id] == f {
		delete(c.flights, id)
	}
	if f.err == nil && !f.stale {
		c.keep(id, f.value)
	}
	close(f.done)
}

// keep makes room by dropping any other. The cache is locked.
func (c *cache[T]) keep(id string, v *T) {
	if c.count.Load() >= maxCached {
		c.kept.Range(func(other, _ any) bool {
			c.drop(other.(string))
			return false
		})
	}
	if _, had := c.kept.Swap(id, v); !had {
		c.count.Add(1)
	}
}

func (c *cache[T]) drop(id string) {
	if _, had := c.kept.LoadAndDelete(id); had {
		c.count.Add(-1)
	}
}

// forget drops what has changed.
func (c *cache[T]) forget(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.flights[id]; f != nil {
		f.stale = true
	}
	c.drop(id)
}

// forgetAll drops everything.
func (c *cache[T]) forgetAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range c.flights {
		f.stale = true
	}
	c.kept.Range(func(id, _ any) bool {
		c.drop(id.(string))
		return true
	})
}

// each calls f for all that is kept.
func (c *cache[T]) each(f func(id string, v *T)) {
	c.kept.Range(func(id, v any) bool {
		f(id.(string), v.(*T))
		return true
	})
}

// SPDX-License-Identifier: Apache-2.0

// Package audit keeps what was done, in a trail that only grows: each entry
// carries a keyed hash of itself and of the one before it, so that nobody who
// has the store alone can change, remove or insert one unseen.
//
//	trail, err := audit.Open(ctx, audit.Config{Store: store, Sealer: sealer})
//	h, err := host.Open(ctx, host.Config{Store: store, Sealer: sealer, Audit: trail.Record, Fingerprint: trail.Fingerprint, …})
//	…
//	h.Close()
//	trail.Close() // before the store
//
// Read this file first; chain.go has the hash, write.go how entries are added,
// use.go how uses are counted, verify.go how the chain is checked, and keep.go
// how old entries go. inspect.go lets those outside verify it.
//
// # What it promises
//
// The key of the hash is a record of the store, sealed like the others: who has
// the store and not the key that lives outside it can make no entry that
// verifies. They can cut off the end of the trail, or put back an older copy of
// all the store. A host that is running notices, and says so in the trail and in
// its log. When none is, it shows only to who has written down the head, and
// compares: see [Trail.Verify].
//
// Who has both, or runs code in a host, can write what they like from then on.
// What is in another's hands by then, a head or a copy, they cannot change.
//
// Entries are not encrypted: who reads the store reads who did what. There is no
// secret in one; of a secret that was given there is a keyed hash.
package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/credhost/credhost/host"
)

// Config says what a [Trail] is made of. Store and Sealer are required, and are
// those of the hosts that use it; the zero value of everything else works.
type Config struct {
	Store  host.Store // which must be a [host.TrailStore]: those of this module are
	Sealer host.Sealer

	// Keep is how long entries are kept; zero: for ever. When some go, a sealed
	// mark takes their place, from which the chain is verified onward.
	Keep time.Duration

	// EachUse records each use of a credential by itself. Otherwise the first
	// use by a caller at an origin is recorded soon, and those after it are
	// counted and recorded each CountEvery; zero: each minute.
	EachUse    bool
	CountEvery time.Duration

	// Metrics is where it is counted how the trail is written, as OpenTelemetry
	// has it; nil: nowhere.
	Metrics metric.MeterProvider

	Logger *slog.Logger     // slog.Default() if nil
	Now    func() time.Time // nil: time.Now
}

// An Entry is an event in its place in the trail.
type Entry struct {
	Seq uint64 `json:"seq"`
	host.Event
	Hash string `json:"hash"` // of this entry and all before it, in hexadecimal
}

// A Trail is safe for concurrent use. Any number of hosts, in any number of
// processes, may share one by sharing a store.
type Trail struct {
	cfg   Config
	store host.TrailStore
	shelf *host.Shelf
	log   *slog.Logger
	now   func() time.Time
	keys  atomic.Pointer[keys]
	uses  uses

	measure    measure
	inspecting inspecting

	mu      sync.Mutex
	waiting []*waiting // in the order in which they came
	closed  bool

	wake chan struct{} // holds one if there is something to write
	done chan struct{} // closed when nothing is written any more

	head head // of the goroutine that writes

	open context.Context // ends as Close begins
	shut context.CancelFunc
	busy sync.WaitGroup // what else goes on in the background
}

// Open returns the trail of a store. The first to open it makes its key. The
// caller must Close it after the hosts that use it, and before the store.
func Open(ctx context.Context, cfg Config) (*Trail, error) {
	store, ok := cfg.Store.(host.TrailStore)
	switch {
	case cfg.Store == nil || cfg.Sealer == nil:
		return nil, errors.New("audit: Config needs a Store and a Sealer")
	case !ok:
		return nil, fmt.Errorf("audit: a %T keeps no trail: it is no host.TrailStore", cfg.Store)
	}
	t := &Trail{cfg: cfg, store: store, log: cfg.Logger, now: cfg.Now, wake: make(chan struct{}, 1), done: make(chan struct{})}
	t.uses.most = mostCounters
	if t.log == nil {
		t.log = slog.Default()
	}
	if t.now == nil {
		t.now = time.Now
	}
	if t.cfg.CountEvery <= 0 {
		t.cfg.CountEvery = time.Minute
	}
	t.shelf = host.EarlyShelf(host.Config{Store: cfg.Store, Sealer: cfg.Sealer, Now: t.now}, Kind)
	if err := t.loadKeys(ctx, true); err != nil {
		return nil, err
	}
	t.measure = newMeasure(t)
	t.open, t.shut = context.WithCancel(context.WithoutCancel(ctx))
	go t.write()
	return t, nil
}

// Close records what was counted, and waits for what is being written. Record
// reports an error afterwards.
func (t *Trail) Close() error {
	t.shut()
	t.mu.Lock()
	again := t.closed
	t.closed = true
	t.mu.Unlock()
	if !again {
		close(t.wake)
	}
	<-t.done
	t.busy.Wait()
	t.measure.stop()
	if n := t.uses.unwritten(); n > 0 {
		return fmt.Errorf("audit: %d uses of credentials are not on record: the store could not be written", n)
	}
	return nil
}

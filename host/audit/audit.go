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
// how old entries go.
package audit

import (
	"context"
	"log/slog"
	"time"

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

	Logger *slog.Logger     // slog.Default() if nil
	Now    func() time.Time // nil: time.Now
}

// An Entry is an event in its place in the trail.
type Entry struct {
	Seq uint64 `json:"seq"`
	host.Event
	Hash string `json:"hash"` // of this entry and all before it, in hexadecimal
}

// A Query says which entries to list: the newest first. What is zero restricts
// nothing.
type Query struct {
	Workspace  string // empty: of all, and of the host itself
	Credential string
	Actor      host.Actor
	Action     string
	Since      time.Time // not before
	Until      time.Time // before
	Before     uint64    // only those with a lower Seq
	After      uint64    // only those with a higher Seq; then the oldest first
	Limit      int       // 0: 100
}

// A Use is a request that was sent with a credential, or refused.
type Use struct {
	Workspace  string
	Credential string
	Type       string
	Origin     string // where it was sent, or would have been
	Outcome    string // "ok", or an error's code; empty: "ok"
}

// A Trail is safe for concurrent use. Any number of hosts, in any number of
// processes, may share one by sharing a store.
type Trail struct{}

// Open returns the trail of a store. The first to open it makes its key. The
// caller must Close it after the hosts that use it, and before the store.
func Open(ctx context.Context, cfg Config) (*Trail, error) { return &Trail{}, nil }

// Record adds an event, and returns when it is kept. It is what
// [host.Config.Audit] wants. Of an event without a time it is now.
func (t *Trail) Record(ctx context.Context, e host.Event) error { return nil }

// Use counts a use of a credential by the actor, and from the source, of ctx:
// see [Config.EachUse]. It waits for nothing and costs no I/O. What is counted is
// recorded at the latest by Close.
func (t *Trail) Use(ctx context.Context, u Use) {}

// Fingerprint is what [host.Config.Fingerprint] wants.
func (t *Trail) Fingerprint(workspace, credential, field, answer string) string { return "" }

// List returns entries.
func (t *Trail) List(ctx context.Context, q Query) ([]Entry, error) { return nil, nil }

// Close writes what is left to write.
func (t *Trail) Close() error { return nil }

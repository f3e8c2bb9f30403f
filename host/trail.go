// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"time"
)

// A TrailEntry is one entry of the trail of what was done, as a store keeps it.
// All columns but Hash are copies of what Event says, to find it by.
type TrailEntry struct {
	Seq        uint64 // from 1, without a gap
	Time       time.Time
	Workspace  string
	Credential string
	Actor      string
	Action     string

	Event []byte // as package audit encodes it; it comes back byte for byte
	Hash  []byte // of the entry and all before it; the store does not look at it
}

// A TrailQuery says which entries [TrailStore.Trail] returns. What is zero
// restricts nothing.
type TrailQuery struct {
	Workspace    string
	Credential   string
	Actor        string
	Action       string
	Since, Until time.Time // not before, and before
	After        uint64    // only numbers above it
	Before       uint64    // only numbers below it
	Newest       bool      // the highest number first; otherwise the lowest
	Limit        int       // at most this many; 0: 100
}

// A TrailStore is a [Store] that keeps a trail beside its records, which every
// host that shares it sees. It is optional; package audit needs one. Entries are
// not changed, and only the oldest are removed.
type TrailStore interface {
	// AppendTrail adds entries, all or none, if the newest entry has the number
	// after and that hash; 0 and nil, if there is none. The first has the number
	// after+1, and each of the others one more. Otherwise it reports ErrConflict:
	// another was faster. As with every method of a store, after any other error
	// it may have happened or not.
	AppendTrail(ctx context.Context, after uint64, hash []byte, entries []TrailEntry) error

	// Trail returns entries in the order of their numbers.
	Trail(ctx context.Context, q TrailQuery) ([]TrailEntry, error)

	// TrimTrail removes the entries up to a number, which must be below the
	// newest's, so that numbers go on: it reports ErrConflict if it is not.
	TrimTrail(ctx context.Context, upTo uint64) error
}

// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"time"
)

// A Record is what a [Store] keeps: ciphertext, and the few columns that are
// needed to find it. All columns but Updated and Due are part of the associated
// data of what is sealed, so that a record opens nowhere else and an old one put
// back is noticed.
type Record struct {
	Workspace string
	ID        string
	Kind      Kind
	Type      string // of the credential
	Name      string // what people call it; not unique, may be empty

	// Generation counts the times that the record was saved, from 1.
	Generation uint64

	// Created and Updated come back as the same instant, to the nanosecond,
	// and in UTC. A store need not keep years before 1678 or after 2261, but
	// for the zero time.
	Created, Updated time.Time

	// Due is when a host should look at the record without being asked, to warn
	// before its grant dies, say; zero: never. It comes back as Created does.
	// It is a hint, and not bound to what is sealed.
	Due time.Time

	// Sealed is all the rest.
	Sealed []byte

	// Intent is what the holder of a lease has noted with [Store.Note], sealed;
	// nil: nothing. Only Get returns it. Create and Save take no notice of it.
	Intent []byte
}

// A Kind says what a record is.
type Kind string

// The kinds of records.
const (
	KindCredential  Kind = "credential"
	KindApplication Kind = "application"
	KindFlow        Kind = "flow" // a visit of a person to a provider; its ID is a hash of the state
)

// The errors of a [Store].
var (
	ErrNotFound = errors.New("host: no such record")                      // for a Get, Save, Delete or Lease of what is not there
	ErrConflict = errors.New("host: the record has changed")              // for a Save or Delete that another was faster than
	ErrLeased   = errors.New("host: another process works on the record") // for a Lease that is taken
	ErrBehind   = errors.New("host: the store has forgotten changes")     // for Changes since too long ago
)

// A Query says which records [Store.List] returns: those of a workspace and a
// kind, in the order of the bytes of their IDs.
type Query struct {
	Workspace string
	Kind      Kind
	Type      string    // of this type only; empty: of all types
	After     string    // only IDs after this one
	Before    time.Time // updated before this; zero: whenever
	Limit     int       // at most this many; 0: 100
}

// A Lease is the right to renew a record's grant, until a time in the store's
// clock. Its Epoch is higher than that of every lease on the record before
// it: a host that has slept through the end of its lease cannot save.
type Lease struct {
	Workspace, ID string
	Owner         string
	Epoch         uint64
}

// A Change says that a record was created, saved or deleted.
type Change struct {
	Seq           uint64
	Workspace, ID string
	Generation    uint64 // 0 if it was deleted
}

// A Store keeps records. Any number of hosts, in any number of processes, may
// share one. Package storetest has the tests for it.
//
// A lease keeps two hosts from spending the same refresh token; the check of
// the generation keeps a slow one from overwriting what came after; the check
// of the epoch keeps a host whose lease has lapsed from saving at all; what is
// noted tells the next one what became of the token. None suffices without the
// others.
//
// What a method has acknowledged survives kill -9 of the process and the loss
// of power. Methods must be safe for concurrent use, must return when ctx
// ends, and hold no lock or transaction between two calls. Records are copied:
// a store shares no memory with its callers.
//
// A method that reports ErrNotFound, ErrConflict or ErrLeased has changed
// nothing. After any other error what was asked for may have happened or not,
// but never in part: look again.
type Store interface {
	// Get returns a record, or ErrNotFound.
	Get(ctx context.Context, workspace, id string) (Record, error)

	// List returns the records that q asks for, at most q.Limit.
	List(ctx context.Context, q Query) ([]Record, error)

	// Due returns the records of all workspaces whose Due is neither zero nor
	// after until, at most limit, the earliest first. They come without their
	// Sealed.
	Due(ctx context.Context, until time.Time, limit int) ([]Record, error)

	// Create stores a new record, whose Generation must be 1. It reports
	// ErrConflict if there is one with its workspace and ID.
	Create(ctx context.Context, r Record) error

	// Save replaces a record whose Generation is r.Generation-1. Otherwise it
	// reports ErrConflict, or ErrNotFound if there is none. If lease is not
	// nil, it also reports ErrConflict unless the lease is the record's
	// newest and has not ended, and ends it, and forgets the record's Intent:
	// all in one step. A nil lease leaves another's, and the Intent, as they
	// are.
	Save(ctx context.Context, r Record, lease *Lease) error

	// Delete removes a record whose Generation is the given one for good, its
	// lease and its Intent with it; with 0, whatever its Generation is. Otherwise
	// it reports ErrConflict, or ErrNotFound if there is none. If lease is not nil,
	// it also reports ErrConflict unless the lease is the record's newest and has
	// not ended. Of two concurrent calls exactly one succeeds; the other reports
	// ErrNotFound.
	Delete(ctx context.Context, workspace, id string, generation uint64, lease *Lease) error

	// Lease gives owner the right to renew a record's grant for ttl. It
	// reports ErrLeased while another's lease, or one of owner's own, lasts.
	// The clock may count whole milliseconds.
	Lease(ctx context.Context, workspace, id, owner string, ttl time.Duration) (Lease, error)

	// Extend lets a lease last for ttl from now. It reports ErrConflict unless
	// the lease is the record's newest and has not ended, and ErrNotFound if
	// there is no such record.
	Extend(ctx context.Context, l Lease, ttl time.Duration) error

	// Note writes down beside a record what the holder of its lease is about to
	// do, or has learnt, in the place of what was noted before; nil: nothing.
	// It reports ErrConflict and ErrNotFound as Extend does. What is noted
	// outlives the lease, until a Save with a lease or a Delete; it is no
	// change of the record.
	Note(ctx context.Context, l Lease, intent []byte) error

	// Unlease ends a lease without saving. A lease that has ended, or that
	// another has taken since, is left alone, without an error.
	Unlease(ctx context.Context, l Lease) error

	// Changes returns what has changed after the given sequence number, at
	// most 1000 changes, oldest first, and the number to ask after next: that
	// of the last change returned if there may be more, or else the newest.
	// It is never 0, even of an empty store. Changes to the same record may be
	// merged into the newest. Since 0 returns none, only the newest number.
	//
	// What was acknowledged before the call is seen by it, and a number never
	// appears below one that was returned before.
	//
	// A deletion is remembered for an hour at least. Who asks since so long
	// ago that one may have been forgotten, or since a number that the store
	// has not reached because it was restored from a backup, gets ErrBehind
	// beside the newest number: it must then forget every record that it
	// holds, and go on from there.
	Changes(ctx context.Context, since uint64) (changes []Change, next uint64, err error)

	// Close releases the store's resources.
	Close() error
}

// A Notifier is a [Store] that can tell of changes sooner than who polls it
// each second. It is optional: hosts find it by type assertion, and poll all
// the same.
type Notifier interface {
	// Notify calls changed soon after something in the store has changed, and
	// after it may have missed a change, until ctx ends; then it returns. It
	// calls it for many changes once, and for none at times, and never twice at
	// once. Where nothing can be told, it only waits for ctx. It may be called
	// any number of times, also at once.
	Notify(ctx context.Context, changed func())
}

// A Sealer encrypts what a store keeps. The associated data binds a ciphertext
// to its record: Open refuses it with any other. Package sealer has one.
type Sealer interface {
	// Seal encrypts plaintext, which it does not keep.
	Seal(ctx context.Context, plaintext, associated []byte) ([]byte, error)

	// Open decrypts what Seal returned for the same associated data. Anything
	// else is an error, never a wrong answer.
	Open(ctx context.Context, sealed, associated []byte) ([]byte, error)
}

// SPDX-License-Identifier: Apache-2.0

// Package memstore keeps records in memory, for tests, and for programs that
// want nothing kept: what it holds ends with the process. Hosts of one process
// may share a Store; for hosts of several there is package sqlitestore, and for
// those of several machines pgstore.
package memstore

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/credhost/credhost/host"
)

// A Store is a [host.Store] in memory. The zero Store is empty and ready; it
// must not be copied once it is used. Sealed records stay sealed in it.
type Store struct {
	// Now is the clock that leases end by; nil: [time.Now]. It is called with
	// the store locked, so it must not call the store. Set it before use.
	Now func() time.Time

	mu      sync.Mutex
	records map[key]*entry
	ids     map[string][]string // :: workspace → its IDs, sorted
	log     log
	trail   []host.TrailEntry // in the order of their numbers
	epoch   uint64            // of the newest lease on any record; so one made again starts no lower
}

var _ host.Store = (*Store)(nil)

type key struct{ workspace, id string }

type entry struct {
	host.Record
	lease host.Lease
	until time.Time // the lease's end; zero: there is none
}

// holds reports whether l is the record's newest lease and has not ended.
func (e *entry) holds(l host.Lease, now time.Time) bool { return e.lease == l && now.Before(e.until) }

// New returns an empty store with the clock of this machine.
func New() *Store { return &Store{} }

// Get returns a record, as [host.Store] says.
func (s *Store) Get(ctx context.Context, workspace, id string) (host.Record, error) {
	if err := ctx.Err(); err != nil {
		return host.Record{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.records[key{workspace, id}]
	if e == nil {
		return host.Record{}, host.ErrNotFound
	}
	r := clone(e.Record)
	r.Intent = bytes.Clone(e.Intent)
	return r, nil
}

// List returns records, as [host.Store] says.
func (s *Store) List(ctx context.Context, q host.Query) ([]host.Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	limit := q.Limit
	if limit <= 0 {
		limit = 100
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := s.ids[q.Workspace]
	from, found := slices.BinarySearch(ids, q.After)
	if found {
		from++
	}
	var page []host.Record
	for _, id := range ids[from:] {
		if len(page) == limit {
			break
		}
		if e := s.records[key{q.Workspace, id}]; matches(q, e.Record) {
			page = append(page, clone(e.Record))
		}
	}
	return page, nil
}

func matches(q host.Query, r host.Record) bool {
	return r.Kind == q.Kind &&
		(q.Type == "" || r.Type == q.Type) &&
		(q.Before.IsZero() || r.Updated.Before(q.Before))
}

// Due returns the records that are due, as [host.Store] says. It looks at all
// of them.
func (s *Store) Due(ctx context.Context, until time.Time, limit int) ([]host.Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var due []host.Record
	for _, e := range s.records {
		if !e.Due.IsZero() && !e.Due.After(until) {
			r := e.Record
			r.Sealed = nil
			due = append(due, clone(r))
		}
	}
	slices.SortFunc(due, func(a, b host.Record) int {
		return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.Workspace, b.Workspace), cmp.Compare(a.ID, b.ID))
	})
	return due[:min(len(due), max(limit, 0))], nil
}

// Create stores a new record, as [host.Store] says.
func (s *Store) Create(ctx context.Context, r host.Record) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if r.Generation != 1 {
		return errors.New("memstore: a new record must have the generation 1")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r.Intent = nil
	return s.add(r)
}

// add is called with mu held.
func (s *Store) add(r host.Record) error {
	k := key{r.Workspace, r.ID}
	if s.records[k] != nil {
		return host.ErrConflict
	}
	if s.records == nil {
		s.records, s.ids = make(map[key]*entry), make(map[string][]string)
	}
	intent := bytes.Clone(r.Intent)
	s.records[k] = &entry{Record: clone(r)}
	s.records[k].Intent = intent
	ids := s.ids[r.Workspace]
	at, _ := slices.BinarySearch(ids, r.ID)
	s.ids[r.Workspace] = slices.Insert(ids, at, r.ID)
	s.log.add(k, r.Generation)
	return nil
}

// Save replaces a record, as [host.Store] says.
func (s *Store) Save(ctx context.Context, r host.Record, lease *host.Lease) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	k := key{r.Workspace, r.ID}
	e := s.records[k]
	switch {
	case e == nil:
		return host.ErrNotFound
	case e.Generation != r.Generation-1:
		return host.ErrConflict
	case lease != nil && !e.holds(*lease, s.now()):
		return host.ErrConflict
	}
	intent := e.Intent
	e.Record = clone(r)
	if lease != nil {
		e.until = time.Time{}
	} else {
		e.Intent = intent
	}
	s.log.add(k, r.Generation)
	return nil
}

// Delete removes a record, as [host.Store] says.
func (s *Store) Delete(ctx context.Context, workspace, id string, generation uint64, lease *host.Lease) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	k := key{workspace, id}
	e := s.records[k]
	switch {
	case e == nil:
		return host.ErrNotFound
	case generation != 0 && e.Generation != generation, lease != nil && !e.holds(*lease, s.now()):
		return host.ErrConflict
	}
	delete(s.records, k)
	ids := s.ids[workspace]
	at, _ := slices.BinarySearch(ids, id)
	if ids = slices.Delete(ids, at, at+1); len(ids) == 0 {
		delete(s.ids, workspace)
	} else {
		s.ids[workspace] = ids
	}
	s.log.addDeletion(k, s.now())
	return nil
}

// Lease gives owner the right to renew, as [host.Store] says.
func (s *Store) Lease(ctx context.Context, workspace, id, owner string, ttl time.Duration) (host.Lease, error) {
	if err := ctx.Err(); err != nil {
		return host.Lease{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.records[key{workspace, id}]
	if e == nil {
		return host.Lease{}, host.ErrNotFound
	}
	now := s.now()
	if now.Before(e.until) {
		return host.Lease{}, host.ErrLeased
	}
	s.epoch++
	e.lease = host.Lease{Workspace: workspace, ID: id, Owner: owner, Epoch: s.epoch}
	e.until = now.Add(ttl)
	return e.lease, nil
}

// Extend lets a lease last longer, as [host.Store] says.
func (s *Store) Extend(ctx context.Context, l host.Lease, ttl time.Duration) error {
	return s.held(ctx, l, func(e *entry) { e.until = s.now().Add(ttl) })
}

// Note writes down what a lease is used for, as [host.Store] says.
func (s *Store) Note(ctx context.Context, l host.Lease, intent []byte) error {
	return s.held(ctx, l, func(e *entry) { e.Intent = bytes.Clone(intent) })
}

// held calls f with the entry that l is the lease of.
func (s *Store) held(ctx context.Context, l host.Lease, f func(*entry)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.records[key{l.Workspace, l.ID}]
	switch {
	case e == nil:
		return host.ErrNotFound
	case !e.holds(l, s.now()):
		return host.ErrConflict
	}
	f(e)
	return nil
}

// Unlease ends a lease, as [host.Store] says.
func (s *Store) Unlease(ctx context.Context, l host.Lease) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.records[key{l.Workspace, l.ID}]; e != nil && e.lease == l {
		e.until = time.Time{}
	}
	return nil
}

// Changes returns what has changed, as [host.Store] says.
func (s *Store) Changes(ctx context.Context, since uint64) ([]host.Change, uint64, error) {
	if err := ctx.Err(); err != nil {
		return nil, 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.since(since)
}

// Close does nothing: hosts that share the store may each close it.
func (s *Store) Close() error { return nil }

func (s *Store) now() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}

// clone returns a record that shares no memory with r, without its Intent.
func clone(r host.Record) host.Record {
	r.Sealed, r.Intent = bytes.Clone(r.Sealed), nil
	r.Created, r.Updated, r.Due = r.Created.Round(0).UTC(), r.Updated.Round(0).UTC(), r.Due.Round(0).UTC()
	return r
}

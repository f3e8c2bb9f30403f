// SPDX-License-Identifier: Apache-2.0

package memstore

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/credhost/credhost/host"
)

var _ host.WholeStore = (*Store)(nil)

var errNumbers = errors.New("memstore: entries of the trail must be numbered without a gap")

// All returns records, as [host.WholeStore] says. It looks at all of them.
func (s *Store) All(ctx context.Context, workspace, id string, limit int) ([]host.Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.sorted()
	at, found := slices.BinarySearchFunc(all, key{workspace, id}, func(r host.Record, k key) int { return compare(key{r.Workspace, r.ID}, k) })
	if found {
		at++
	}
	return all[at:min(len(all), at+max(limit, 0))], nil
}

// sorted returns copies of all records.
func (s *Store) sorted() []host.Record {
	all := make([]host.Record, 0, len(s.records))
	for _, e := range s.records {
		r := clone(e.Record)
		r.Intent = bytes.Clone(e.Intent)
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b host.Record) int { return compare(key{a.Workspace, a.ID}, key{b.Workspace, b.ID}) })
	return all
}

func compare(a, b key) int {
	return cmp.Or(cmp.Compare(a.workspace, b.workspace), cmp.Compare(a.id, b.id))
}

// Reseal replaces what is sealed, as [host.WholeStore] says.
func (s *Store) Reseal(ctx context.Context, was, now host.Record) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.records[key{was.Workspace, was.ID}]
	switch {
	case e == nil:
		return host.ErrNotFound
	case !bytes.Equal(e.Sealed, was.Sealed), !bytes.Equal(e.Intent, was.Intent):
		return host.ErrConflict
	}
	e.Sealed, e.Intent = bytes.Clone(now.Sealed), bytes.Clone(now.Intent)
	return nil
}

// Snapshot hands over all, as [host.WholeStore] says.
func (s *Store) Snapshot(ctx context.Context, record func(host.Record) error, entry func(host.TrailEntry) error) error {
	s.mu.Lock()
	records, trail := s.sorted(), s.trail
	s.mu.Unlock()
	for _, r := range records {
		if err := errors.Join(ctx.Err(), record(r)); err != nil {
			return err
		}
	}
	for _, e := range trail {
		if err := errors.Join(ctx.Err(), entry(cloneEntry(e))); err != nil {
			return err
		}
	}
	return nil
}

// Restore fills the store, as [host.WholeStore] says.
func (s *Store) Restore(ctx context.Context, replace bool, fill func(context.Context, host.Filling) error) error {
	var fresh filling
	if err := errors.Join(ctx.Err(), fill(ctx, &fresh)); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !replace && (len(s.records) > 0 || len(s.trail) > 0) {
		return host.ErrConflict
	}
	last := s.log.position()
	s.records, s.ids, s.trail = nil, nil, fresh.trail
	s.log = log{last: last + 1, forgotten: last + 1}
	for _, r := range fresh.records {
		if err := s.add(r); err != nil {
			return err // which fill's own Record has refused already
		}
	}
	return nil
}

// A filling collects what a store is to hold.
type filling struct {
	records []host.Record
	seen    map[key]bool
	trail   []host.TrailEntry
}

// Record implements [host.Filling].
func (f *filling) Record(_ context.Context, r host.Record) error {
	k := key{r.Workspace, r.ID}
	if f.seen[k] {
		return host.ErrConflict
	}
	if f.seen == nil {
		f.seen = make(map[key]bool)
	}
	f.seen[k] = true
	intent := bytes.Clone(r.Intent)
	r = clone(r)
	r.Intent = intent
	f.records = append(f.records, r)
	return nil
}

// Entry implements [host.Filling].
func (f *filling) Entry(_ context.Context, e host.TrailEntry) error {
	if n := len(f.trail); n > 0 && e.Seq != f.trail[n-1].Seq+1 {
		return errNumbers
	}
	f.trail = append(f.trail, cloneEntry(e))
	return nil
}

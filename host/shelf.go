// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"slices"
	"time"
)

// A Shelf keeps sealed records of one kind beside the credentials: what
// packages around a host remember, such as the keys of its callers. Every host
// that shares the store sees the same. It is safe for concurrent use.
type Shelf struct {
	h    *Host
	kind Kind
}

// Shelf returns the shelf for a kind of record, which must be none of this
// package's.
func (h *Host) Shelf(kind Kind) *Shelf {
	switch kind {
	case "", KindCredential, KindApplication, KindFlow:
		panic("host: a shelf cannot be of kind " + string(kind))
	}
	return &Shelf{h, kind}
}

// An Item is what can be seen of a record on a [Shelf] without opening it.
type Item struct {
	Workspace string // empty: of the host itself
	ID        string // unique among all records of its workspace
	Type      string // to list by; may be empty
	Name      string // may be empty

	Generation       uint64 // how often it was saved
	Created, Updated time.Time

	rec Record
}

func itemOf(rec Record) Item {
	return Item{rec.Workspace, rec.ID, rec.Type, rec.Name, rec.Generation, rec.Created, rec.Updated, rec}
}

// Create puts a new item on the shelf, with v as JSON for its content. Of the
// item it takes Workspace, ID, Type and Name. It reports [ErrConflict] if the
// workspace has a record with that ID.
func (s *Shelf) Create(ctx context.Context, item Item, v any) (Item, error) {
	rec := Record{Workspace: item.Workspace, ID: item.ID, Kind: s.kind, Type: item.Type, Name: item.Name,
		Generation: 1, Created: s.h.now().UTC()}
	if err := s.h.seal(ctx, &rec, v); err != nil {
		return Item{}, err
	}
	return itemOf(rec), s.h.store.Create(ctx, rec)
}

// Get opens an item into v. It reports [ErrNotFound] if there is none.
func (s *Shelf) Get(ctx context.Context, workspace, id string, v any) (Item, error) {
	rec, err := s.h.store.Get(ctx, workspace, id)
	if err == nil && rec.Kind != s.kind {
		err = ErrNotFound
	}
	if err != nil {
		return Item{}, err
	}
	return itemOf(rec), s.h.unseal(ctx, rec, v)
}

// List returns items of a workspace in the order of their IDs, at most q.Limit:
// those that q asks for, whose Kind is the shelf's whatever it says. Open opens
// them.
func (s *Shelf) List(ctx context.Context, q Query) ([]Item, error) {
	q.Kind = s.kind
	recs, err := s.h.store.List(ctx, q)
	if err != nil {
		return nil, err
	}
	items := make([]Item, len(recs))
	for i, rec := range recs {
		items[i] = itemOf(rec)
	}
	return items, nil
}

// Open opens an item that List returned into v.
func (s *Shelf) Open(ctx context.Context, item Item, v any) error {
	return s.h.unseal(ctx, item.rec, v)
}

// Save replaces an item that this shelf returned, with the Type and Name that
// item has now. It reports [ErrConflict] if another was faster.
func (s *Shelf) Save(ctx context.Context, item Item, v any) (Item, error) {
	rec := item.rec
	rec.Type, rec.Name = item.Type, item.Name
	rec.Generation++
	if err := s.h.seal(ctx, &rec, v); err != nil {
		return Item{}, err
	}
	return itemOf(rec), s.h.store.Save(ctx, rec, nil)
}

// Delete removes an item for good. It reports [ErrNotFound] if there is none.
func (s *Shelf) Delete(ctx context.Context, workspace, id string) error {
	rec, err := s.h.store.Get(ctx, workspace, id)
	if err == nil && rec.Kind != s.kind {
		err = ErrNotFound
	}
	if err != nil {
		return err
	}
	return s.h.store.Delete(ctx, workspace, id, 0, nil)
}

// A watcher is told of changes until it is closed.
type watcher struct{ changed func(workspace, id string) }

// Watch calls changed for each record of the store, of whatever kind, that was
// created, saved or deleted by any host, soon after; with two empty strings if
// it is not known which were: forget all that you remember. It must return
// soon. It is called until stop is.
func (h *Host) Watch(changed func(workspace, id string)) (stop func()) {
	w := &watcher{changed}
	h.watching.Lock()
	defer h.watching.Unlock()
	h.watchers = append(h.watchers, w)
	return func() {
		h.watching.Lock()
		defer h.watching.Unlock()
		h.watchers = slices.DeleteFunc(slices.Clone(h.watchers), func(o *watcher) bool { return o == w })
	}
}

// tell tells those who watch.
func (h *Host) tell(workspace, id string) {
	h.watching.Lock()
	all := h.watchers
	h.watching.Unlock()
	for _, w := range all {
		w.changed(workspace, id)
	}
}

// Sees reports whether the host has read the store's changes within the last
// 30 s. If not, what was remembered of the store may be out of date, and must
// not be relied on. It costs an atomic load.
func (h *Host) Sees() bool { return h.sees() }

// Store returns the store that the host was opened with, for its optional
// capabilities.
func (h *Host) Store() Store { return h.cfg.Store }

// Now is the host's clock.
func (h *Host) Now() time.Time { return h.now() }

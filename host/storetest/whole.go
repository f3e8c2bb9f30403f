// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/credhost/credhost/host"
)

// A store that cannot be gone through whole has nothing to show here.
var wholeTests = map[string]func(*trial){
	"All has every record":             allHasEvery,
	"Reseal changes nothing else":      resealOnly,
	"Reseal gives way to changes":      resealGivesWay,
	"Snapshot is of one moment":        snapshotOfOneMoment,
	"Snapshot ends with an error":      snapshotEnds,
	"Restore gives back a Snapshot":    restoreGivesBack,
	"Restore fills an empty store":     restoreFillsEmpty,
	"Restore is all or nothing":        restoreAllOrNothing,
	"Restore is noticed":               restoreIsNoticed,
	"Restore leaves a store that goes": restoreGoesOn,
}

// whole returns a handle that can be gone through, or skips the test.
func (x *trial) whole(s host.Store) host.WholeStore {
	w, ok := s.(host.WholeStore)
	if !ok {
		x.Skip("the store is no host.WholeStore")
	}
	return w
}

// several fills a store with records of all sorts, and some entries.
func (x *trial) several() {
	x.Helper()
	x.create("b", "a")
	for i, kind := range []host.Kind{host.KindFlow, host.KindApplication, "key"} {
		r := record(fmt.Sprint("of kind ", i))
		r.Workspace, r.Kind = "", kind
		x.ok(x.store.Create(x.Context(), r))
	}
	r := record("a")
	r.Workspace, r.Due = "other", moment
	x.ok(x.store.Create(x.Context(), r))
	x.ok(x.store.Save(x.Context(), next(r), nil))
	l := x.lease(x.store, "b", "me", time.Hour)
	x.ok(x.store.Note(x.Context(), l, []byte("noted")))
	x.append(x.trail(x.store), 0, 3)
}

// everything returns all records and entries of a store.
func (x *trial) everything(s host.Store) (records []host.Record, trail []host.TrailEntry) {
	x.Helper()
	x.ok(x.whole(s).Snapshot(x.Context(),
		func(r host.Record) error { records = append(records, r); return nil },
		func(e host.TrailEntry) error { trail = append(trail, e); return nil }))
	return records, trail
}

func names(all []host.Record) (names []string) {
	for _, r := range all {
		names = append(names, r.Workspace+"/"+r.ID)
	}
	return names
}

var severalNames = []string{"/of kind 0", "/of kind 1", "/of kind 2", "acme/a", "acme/b", "other/a"}

func allHasEvery(x *trial) {
	s := x.whole(x.store)
	x.several()
	var all []host.Record
	var workspace, id string
	for {
		page, err := s.All(x.Context(), workspace, id, 2)
		x.ok(err)
		if len(page) == 0 {
			break
		}
		if len(page) > 2 {
			x.Fatalf("a page has %d records, want at most 2", len(page))
		}
		all = append(all, page...)
		last := page[len(page)-1]
		workspace, id = last.Workspace, last.ID
	}
	if got := names(all); !slices.Equal(got, severalNames) {
		x.Fatalf("All has %q, want %q", got, severalNames)
	}
	for _, r := range all {
		x.holds(s, r)
		if noted := r.Workspace+r.ID == "acmeb"; noted != (string(r.Intent) == "noted") {
			x.Errorf("beside %s is noted %q", r.ID, r.Intent)
		}
	}
	page, err := s.All(x.Context(), "acme", "aa", 1) // which is not there
	x.ok(err)
	if got := names(page); !slices.Equal(got, []string{"acme/b"}) {
		x.Errorf("after aa comes %q", got)
	}
}

func resealOnly(x *trial) {
	s := x.whole(x.store)
	x.create("a")
	l := x.lease(x.store, "a", "me", time.Hour)
	x.ok(s.Note(x.Context(), l, []byte("noted")))
	f := x.follow(s)
	was := x.get(s, "a")
	now := was
	now.Sealed, now.Intent = []byte("sealed by another key, and longer"), []byte("noted by another key")
	now.Name, now.Generation, now.Updated = "no matter", 7, moment
	x.ok(s.Reseal(x.Context(), was, now))
	want := was
	want.Sealed = now.Sealed
	x.holds(x.again(), want)
	if got := x.get(s, "a"); string(got.Intent) != string(now.Intent) {
		x.Errorf("beside it is noted %q, want %q", got.Intent, now.Intent)
	}
	if n := f.poll(); n > 0 {
		x.Errorf("%d changes were seen, want none", n)
	}
	x.isLeased("a")
	x.ok(s.Save(x.Context(), next(want), &l))
}

func resealGivesWay(x *trial) {
	s := x.whole(x.store)
	r := x.create("a")
	now := r
	now.Sealed = []byte("new")
	other := r
	other.Sealed = []byte("not what is there")
	x.want(s.Reseal(x.Context(), other, now), host.ErrConflict)
	noted := r
	noted.Intent = []byte("not there")
	x.want(s.Reseal(x.Context(), noted, now), host.ErrConflict)
	l := x.lease(s, "a", "me", time.Hour)
	x.ok(s.Note(x.Context(), l, []byte("noted since")))
	x.want(s.Reseal(x.Context(), r, now), host.ErrConflict)
	x.ok(s.Note(x.Context(), l, nil))
	x.ok(s.Save(x.Context(), next(r), nil))
	x.want(s.Reseal(x.Context(), r, now), host.ErrConflict)
	x.holds(s, next(r))
	x.ok(s.Delete(x.Context(), workspace, "a", 0, nil))
	x.want(s.Reseal(x.Context(), next(r), now), host.ErrNotFound)
}

func snapshotOfOneMoment(x *trial) {
	s, other := x.whole(x.store), x.again()
	x.several()
	var records []host.Record
	var trail []host.TrailEntry
	meanwhile := func() {
		if len(records)+len(trail) != 1 {
			return
		}
		x.ok(other.Create(x.Context(), record("a2")))
		x.ok(other.Save(x.Context(), next(record("a")), nil))
		x.ok(other.Delete(x.Context(), workspace, "b", 0, nil))
		x.append(x.trail(other), 3, 1)
	}
	x.ok(s.Snapshot(x.Context(),
		func(r host.Record) error { records = append(records, r); meanwhile(); return nil },
		func(e host.TrailEntry) error { trail = append(trail, e); return nil }))
	if got := names(records); !slices.Equal(got, severalNames) {
		x.Errorf("Snapshot has %q, want %q", got, severalNames)
	}
	for _, r := range records {
		if r.Workspace == workspace && r.Generation != 1 {
			x.Errorf("Snapshot has %s as it was saved meanwhile", r.ID)
		}
	}
	if len(trail) != 3 || !sameEntry(trail[2], entry(3)) {
		x.Errorf("Snapshot has %d entries, want 3", len(trail))
	}
	after, trail := x.everything(s)
	if len(after) != len(records) || len(trail) != 4 {
		x.Errorf("afterwards there are %d records and %d entries", len(after), len(trail))
	}
}

func snapshotEnds(x *trial) {
	s := x.whole(x.store)
	x.several()
	enough := errors.New("enough")
	n := 0
	nothing := func(host.TrailEntry) error { return nil }
	x.want(s.Snapshot(x.Context(), func(host.Record) error { n++; return enough }, nothing), enough)
	x.want(s.Snapshot(x.Context(), func(host.Record) error { return nil }, func(host.TrailEntry) error { n++; return enough }), enough)
	if n != 2 {
		x.Errorf("it went on after the error, %d times", n)
	}
	x.ok(s.Create(x.Context(), record("later")))
}

// from returns what fills a store with these.
func from(records []host.Record, trail []host.TrailEntry) func(context.Context, host.Filling) error {
	return func(ctx context.Context, into host.Filling) error {
		for _, r := range records {
			if err := into.Record(ctx, r); err != nil {
				return err
			}
		}
		for _, e := range trail {
			if err := into.Entry(ctx, e); err != nil {
				return err
			}
		}
		return nil
	}
}

// hasAll fails unless the store has exactly these.
func (x *trial) hasAll(s host.Store, records []host.Record, trail []host.TrailEntry) {
	x.Helper()
	gotRecords, gotTrail := x.everything(s)
	if !slices.Equal(names(gotRecords), names(records)) || len(gotTrail) != len(trail) {
		x.Fatalf("there are %q and %d entries, want %q and %d", names(gotRecords), len(gotTrail), names(records), len(trail))
	}
	for i, r := range records {
		x.same(gotRecords[i], r)
		if string(gotRecords[i].Intent) != string(r.Intent) {
			x.Errorf("beside %s is noted %q, want %q", r.ID, gotRecords[i].Intent, r.Intent)
		}
	}
	for i, e := range trail {
		if !sameEntry(gotTrail[i], e) {
			x.Errorf("the entry is\n%+v, want\n%+v", gotTrail[i], e)
		}
	}
}

func restoreGivesBack(x *trial) {
	s := x.whole(x.store)
	x.several()
	records, trail := x.everything(s)
	x.ok(s.Create(x.Context(), record("since")))
	x.ok(s.Save(x.Context(), next(record("a")), nil))
	x.append(s, 3, 2)
	x.ok(s.Restore(x.Context(), true, from(records, trail)))
	x.hasAll(x.again(), records, trail)
}

func restoreFillsEmpty(x *trial) {
	s := x.whole(x.store)
	r := record("a")
	r.Generation, r.Intent = 9, []byte("noted")
	all, trail := []host.Record{r, record("b")}, entries(41, 2)
	x.ok(s.Restore(x.Context(), false, from(all, trail)))
	x.hasAll(s, all, trail)
	x.want(s.Restore(x.Context(), false, from(all, trail)), host.ErrConflict)
	x.ok(s.Restore(x.Context(), true, from(nil, trail)))
	x.want(s.Restore(x.Context(), false, from(all, nil)), host.ErrConflict) // the trail is something
	x.hasAll(s, nil, trail)
}

func restoreAllOrNothing(x *trial) {
	s := x.whole(x.store)
	x.several()
	records, trail := x.everything(s)
	enough := errors.New("enough")
	fresh := []host.Record{record("x"), record("y")}
	fails := func(fill func(context.Context, host.Filling) error, want error) {
		x.Helper()
		err := s.Restore(x.Context(), true, fill)
		if err == nil || want != nil && !errors.Is(err, want) {
			x.Errorf("Restore says %v, want %v", err, want)
		}
		x.hasAll(x.again(), records, trail)
	}
	fails(func(ctx context.Context, into host.Filling) error {
		return errors.Join(from(fresh, entries(0, 2))(ctx, into), enough)
	}, enough)
	fails(from(append(fresh, record("x")), nil), host.ErrConflict)
	fails(from(fresh, []host.TrailEntry{entry(1), entry(3)}), nil)
	l, err := s.Lease(x.Context(), workspace, "b", "you", time.Hour)
	if !errors.Is(err, host.ErrLeased) {
		x.Errorf("after a Restore that failed, Lease = %+v, %v", l, err)
	}
}

func restoreIsNoticed(x *trial) {
	s := x.whole(x.store)
	x.create("a", "b")
	_, old, err := s.Changes(x.Context(), 0)
	x.ok(err)
	x.create("c")
	_, newest, err := s.Changes(x.Context(), 0)
	x.ok(err)
	x.ok(s.Restore(x.Context(), true, from([]host.Record{record("d")}, nil)))
	var now uint64
	for _, since := range []uint64{old, newest, newest + 1000} {
		if _, now, err = s.Changes(x.Context(), since); !errors.Is(err, host.ErrBehind) {
			x.Errorf("Changes since %d says %v, want %v", since, err, host.ErrBehind)
		}
	}
	if now <= newest {
		x.Errorf("the numbers go on from %d, and were at %d", now, newest)
	}
	x.create("e")
	changes, _, err := s.Changes(x.Context(), now)
	x.ok(err)
	if len(changes) != 1 || changes[0].ID != "e" {
		x.Errorf("the changes since are %+v", changes)
	}
}

func restoreGoesOn(x *trial) {
	s := x.whole(x.store)
	r := x.create("a")
	before := x.lease(s, "a", "me", time.Hour)
	x.ok(s.Restore(x.Context(), true, from([]host.Record{r}, entries(7, 1))))
	x.want(s.Extend(x.Context(), before, time.Hour), host.ErrConflict)
	after := x.lease(s, "a", "you", time.Hour)
	if after.Epoch <= before.Epoch {
		x.Errorf("a lease has the epoch %d, and before the Restore %d", after.Epoch, before.Epoch)
	}
	x.ok(s.Save(x.Context(), next(r), &after))
	x.append(s, 8, 1)
	x.ok(s.Delete(x.Context(), workspace, "a", 0, nil))
	x.want(s.Save(x.Context(), next(next(r)), nil), host.ErrNotFound)
}

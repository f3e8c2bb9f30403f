// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"fmt"
	"maps"
	"time"

	"github.com/credhost/credhost/host"
)

var changeTests = map[string]func(*trial){
	"begin above zero":           beginAboveZero,
	"are seen":                   areSeen,
	"are what has happened":      areWhatHappened,
	"come a thousand at once":    thousandAtOnce,
	"are remembered for an hour": rememberedAnHour,
	"say who is behind":          sayWhoIsBehind,
}

// A follower keeps what a host would: the generation of every record.
type follower struct {
	x       *trial
	store   host.Store
	since   uint64
	records map[string]uint64 // :: ID → generation
}

func (x *trial) follow(s host.Store) *follower {
	x.Helper()
	changes, since, err := s.Changes(x.Context(), 0)
	x.ok(err)
	if since == 0 || len(changes) > 0 {
		x.Fatalf("Changes since 0 are %+v, and then %d; want none, and a number above 0", changes, since)
	}
	return &follower{x, s, since, make(map[string]uint64)}
}

// poll catches up, and returns how many changes it took.
func (f *follower) poll() (n int) {
	f.x.Helper()
	for {
		changes, next, err := f.store.Changes(f.x.Context(), f.since)
		f.x.ok(err)
		f.check(changes, next)
		for _, c := range changes {
			if c.Generation == 0 {
				delete(f.records, c.ID)
			} else {
				f.records[c.ID] = c.Generation
			}
		}
		n += len(changes)
		if f.since = next; len(changes) < 1000 {
			return n
		}
	}
}

// check fails unless changes are in order, above what was asked for, and none
// is above the number to go on from.
func (f *follower) check(changes []host.Change, next uint64) {
	f.x.Helper()
	last := f.since
	for _, c := range changes {
		if c.Seq <= last || c.Workspace != workspace {
			f.x.Fatalf("since %d, after %d, comes %+v", f.since, last, c)
		}
		last = c.Seq
	}
	if last > next || len(changes) > 1000 || len(changes) == 1000 && last != next {
		f.x.Fatalf("%d changes since %d, the last %d, and then %d", len(changes), f.since, last, next)
	}
}

func (f *follower) has(want map[string]uint64) {
	f.x.Helper()
	if !maps.Equal(f.records, want) {
		f.x.Fatalf("a follower has %v, want %v", f.records, want)
	}
}

func beginAboveZero(x *trial) {
	f := x.follow(x.store)
	x.create("a") // must not be missed by who followed from the empty store
	if f.poll() != 1 {
		x.Fatal("the first change was not seen")
	}
	f.has(map[string]uint64{"a": 1})
}

func areSeen(x *trial) {
	f := x.follow(x.store)
	f.poll()
	a := x.create("b", "a")
	f.poll()
	f.has(map[string]uint64{"a": 1, "b": 1})
	x.ok(x.store.Save(x.Context(), next(a), nil))
	f.poll()
	f.has(map[string]uint64{"a": 2, "b": 1})
	x.ok(x.store.Save(x.Context(), next(next(a)), nil))
	x.ok(x.store.Delete(x.Context(), workspace, "b", 0, nil))
	f.poll()
	f.has(map[string]uint64{"a": 3})
	x.create("b")
	x.ok(x.store.Delete(x.Context(), workspace, "a", 0, nil))
	f.poll()
	f.has(map[string]uint64{"b": 1})
	if n := f.poll(); n != 0 {
		x.Errorf("without a change, %d changes were seen", n)
	}
}

func areWhatHappened(x *trial) {
	r := x.create("a")
	f := x.follow(x.store)
	x.want(x.store.Create(x.Context(), record("a")), host.ErrConflict)
	x.want(x.store.Save(x.Context(), r, nil), host.ErrConflict)
	x.want(x.store.Save(x.Context(), next(record("b")), nil), host.ErrNotFound)
	x.want(x.store.Delete(x.Context(), workspace, "b", 0, nil), host.ErrNotFound)
	x.want(x.store.Save(x.Context(), next(r), &host.Lease{Workspace: workspace, ID: "a", Epoch: 1}), host.ErrConflict)
	if n := f.poll(); n != 0 {
		x.Errorf("nothing has changed, and %d changes were seen", n)
	}
	l := x.lease(x.store, "a", "me", time.Hour)
	x.ok(x.store.Save(x.Context(), next(r), &l))
	if n := f.poll(); n != 1 {
		x.Errorf("one record has changed, and %d changes were seen", n)
	}
	f.has(map[string]uint64{"a": 2})
}

func thousandAtOnce(x *trial) {
	f := x.follow(x.store)
	want := make(map[string]uint64)
	for i := range 1050 {
		id := fmt.Sprint(i)
		x.create(id)
		want[id] = 1
	}
	x.ok(x.store.Delete(x.Context(), workspace, "7", 0, nil))
	delete(want, "7")
	f.poll()
	f.has(want)
}

func rememberedAnHour(x *trial) {
	if x.suite.Pass == nil {
		x.Skip("SKIPPED: hours must pass for this test, and Suite.Pass is nil")
	}
	x.create("a", "b", "c")
	f := x.follow(x.store)
	x.ok(x.store.Delete(x.Context(), workspace, "a", 0, nil))
	x.pass(59 * time.Minute)
	f.records = map[string]uint64{"a": 1, "b": 1, "c": 1}
	for i := range 20 { // may make the store forget
		x.create(fmt.Sprint(i))
		x.ok(x.store.Delete(x.Context(), workspace, fmt.Sprint(i), 0, nil))
	}
	f.poll()
	f.has(map[string]uint64{"b": 1, "c": 1})
}

func sayWhoIsBehind(x *trial) {
	x.create("a", "b")
	f := x.follow(x.store)
	newest := f.since
	for _, since := range []uint64{newest + 1, newest + 1000, 1<<64 - 1} { // as if restored from a backup
		changes, position, err := x.store.Changes(x.Context(), since)
		x.want(err, host.ErrBehind)
		if position != newest || len(changes) > 0 {
			x.Errorf("since %d there are %+v, and then %d; want none and %d", since, changes, position, newest)
		}
	}
	if x.suite.Pass == nil {
		return
	}
	// A store may remember for longer than it must, but never leave a deletion
	// out and say nothing.
	x.ok(x.store.Delete(x.Context(), workspace, "a", 0, nil))
	x.pass(365 * 24 * time.Hour)
	for i := range 20 {
		x.create(fmt.Sprint(i))
		x.ok(x.store.Delete(x.Context(), workspace, fmt.Sprint(i), 0, nil))
	}
	changes, position, err := x.store.Changes(x.Context(), newest)
	if err == nil {
		f.records = map[string]uint64{"a": 1, "b": 1}
		f.poll()
		f.has(map[string]uint64{"b": 1})
		return
	}
	x.want(err, host.ErrBehind)
	if len(changes) > 0 || position <= newest {
		x.Errorf("who is behind gets %+v, and then %d", changes, position)
	}
	f.since = position
	x.create("z")
	f.poll()
	if f.records["z"] != 1 {
		x.Error("who was behind cannot go on")
	}
}

// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/credhost/credhost/host"
)

// A store that keeps no trail has nothing to show here.
var trailTests = map[string]func(*trial){
	"gives back what it was given":   trailComesBack,
	"adds after the newest alone":    trailAfterNewest,
	"finds by each column":           trailFinds,
	"pages in either direction":      trailPages,
	"is trimmed from its old end":    trailTrims,
	"is one chain of many hosts":     trailIsOne,
	"keeps no entry of a failed one": trailAllOrNothing,
}

// trail returns a handle's trail, or skips the test.
func (x *trial) trail(s host.Store) host.TrailStore {
	t, ok := s.(host.TrailStore)
	if !ok {
		x.Skip("the store is no host.TrailStore")
	}
	return t
}

// moment is when the first entry is of.
var moment = time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)

// entry returns an entry that is like no other.
func entry(seq uint64) host.TrailEntry {
	return host.TrailEntry{
		Seq: seq, Time: moment.Add(time.Duration(seq) * time.Minute), Workspace: workspace, Credential: fmt.Sprint("c-", seq%3),
		Actor: fmt.Sprint("actor ", seq%2), Action: "test", Event: fmt.Appendf(nil, "{\"n\": %d}\x00\xff", seq), Hash: hashOf(seq),
	}
}

// hashOf is the hash of the entry with that number; nil of 0.
func hashOf(seq uint64) []byte {
	if seq == 0 {
		return nil
	}
	return fmt.Appendf(nil, "hash %d", seq)
}

// entries returns n entries after a number.
func entries(after uint64, n int) (all []host.TrailEntry) {
	for i := range n {
		all = append(all, entry(after+1+uint64(i)))
	}
	return all
}

// append adds n entries after a number.
func (x *trial) append(t host.TrailStore, after uint64, n int) {
	x.Helper()
	x.ok(t.AppendTrail(x.Context(), after, hashOf(after), entries(after, n)))
}

// numbers returns the numbers of the entries that q asks for.
func (x *trial) numbers(t host.TrailStore, q host.TrailQuery) (all []uint64) {
	x.Helper()
	page, err := t.Trail(x.Context(), q)
	x.ok(err)
	for _, e := range page {
		all = append(all, e.Seq)
	}
	return all
}

// finds fails unless q finds exactly the entries with these numbers.
func (x *trial) finds(t host.TrailStore, q host.TrailQuery, want ...uint64) {
	x.Helper()
	if got := x.numbers(t, q); !slices.Equal(got, want) {
		x.Errorf("%+v finds the entries %v, want %v", q, got, want)
	}
}

func sameEntry(got, want host.TrailEntry) bool {
	return got.Seq == want.Seq && got.Time.Equal(want.Time) && got.Time.Location() == time.UTC && got.Workspace == want.Workspace &&
		got.Credential == want.Credential && got.Actor == want.Actor && got.Action == want.Action &&
		string(got.Event) == string(want.Event) && string(got.Hash) == string(want.Hash)
}

func trailComesBack(x *trial) {
	t := x.trail(x.store)
	x.finds(t, host.TrailQuery{})
	x.append(t, 0, 3)
	x.ok(x.store.Close())
	again := x.trail(x.again())
	page, err := again.Trail(x.Context(), host.TrailQuery{})
	x.ok(err)
	for i, got := range page {
		if want := entry(uint64(i) + 1); !sameEntry(got, want) {
			x.Errorf("the entry is\n%+v, want\n%+v", got, want)
		}
	}
	if len(page) != 3 {
		x.Errorf("there are %d entries, want 3", len(page))
	}
	empty := host.TrailEntry{Seq: 4, Time: moment, Event: []byte("{}"), Hash: hashOf(4)}
	x.ok(again.AppendTrail(x.Context(), 3, hashOf(3), []host.TrailEntry{empty}))
	x.finds(again, host.TrailQuery{After: 3}, 4)
}

func trailAfterNewest(x *trial) {
	t := x.trail(x.store)
	refused := func(after uint64, hash []byte) {
		x.Helper()
		x.want(t.AppendTrail(x.Context(), after, hash, entries(after, 1)), host.ErrConflict)
	}
	refused(1, hashOf(1))
	refused(0, hashOf(1))
	x.append(t, 0, 2)
	refused(0, nil)
	refused(1, hashOf(1))
	refused(3, hashOf(3))
	refused(2, hashOf(1))
	refused(2, nil)
	x.finds(t, host.TrailQuery{}, 1, 2)
	if err := t.AppendTrail(x.Context(), 2, hashOf(2), []host.TrailEntry{entry(3), entry(5)}); err == nil || errors.Is(err, host.ErrConflict) {
		x.Errorf("of entries with a gap, AppendTrail says %v", err)
	}
	x.append(t, 2, 1)
	x.finds(t, host.TrailQuery{}, 1, 2, 3)
	x.want(t.AppendTrail(ended(x.Context()), 3, hashOf(3), entries(3, 1)), ended(x.Context()).Err())
}

func trailFinds(x *trial) {
	t := x.trail(x.store)
	all := entries(0, 6)
	all[4].Workspace, all[5].Action = "other", "delete"
	all[5].Credential = ""
	x.ok(t.AppendTrail(x.Context(), 0, nil, all))
	x.finds(t, host.TrailQuery{Workspace: workspace}, 1, 2, 3, 4, 6)
	x.finds(t, host.TrailQuery{Workspace: "other"}, 5)
	x.finds(t, host.TrailQuery{Credential: "c-1"}, 1, 4)
	x.finds(t, host.TrailQuery{Credential: "c-2", Workspace: workspace}, 2)
	x.finds(t, host.TrailQuery{Actor: "actor 1"}, 1, 3, 5)
	x.finds(t, host.TrailQuery{Action: "delete"}, 6)
	x.finds(t, host.TrailQuery{Action: "nothing"})
	x.finds(t, host.TrailQuery{Since: all[2].Time}, 3, 4, 5, 6)
	x.finds(t, host.TrailQuery{Until: all[2].Time}, 1, 2)
	x.finds(t, host.TrailQuery{Since: all[1].Time, Until: all[1].Time.Add(1)}, 2)
	x.finds(t, host.TrailQuery{Since: all[1].Time, Actor: "actor 0", Workspace: workspace, Newest: true, Limit: 2}, 6, 4)
}

func trailPages(x *trial) {
	t := x.trail(x.store)
	x.append(t, 0, 120)
	if n := len(x.numbers(t, host.TrailQuery{})); n != 100 {
		x.Errorf("without a limit, a page has %d entries, want 100", n)
	}
	x.finds(t, host.TrailQuery{After: 5, Limit: 3}, 6, 7, 8)
	x.finds(t, host.TrailQuery{Newest: true, Limit: 2}, 120, 119)
	x.finds(t, host.TrailQuery{Newest: true, Before: 119, Limit: 2}, 118, 117)
	x.finds(t, host.TrailQuery{After: 116, Before: 119}, 117, 118)
	x.finds(t, host.TrailQuery{After: 120})
	x.finds(t, host.TrailQuery{Before: 1})
}

func trailTrims(x *trial) {
	t := x.trail(x.store)
	x.want(t.TrimTrail(x.Context(), 0), host.ErrConflict)
	x.append(t, 0, 5)
	x.want(t.TrimTrail(x.Context(), 5), host.ErrConflict)
	x.want(t.TrimTrail(x.Context(), 9), host.ErrConflict)
	x.finds(t, host.TrailQuery{}, 1, 2, 3, 4, 5)
	x.ok(t.TrimTrail(x.Context(), 2))
	x.ok(t.TrimTrail(x.Context(), 1)) // nothing is left of it
	x.finds(t, host.TrailQuery{}, 3, 4, 5)
	x.append(t, 5, 1)
	x.ok(t.TrimTrail(x.Context(), 5))
	x.finds(x.trail(x.again()), host.TrailQuery{}, 6)
	x.append(t, 6, 1)
}

// trailIsOne has hosts add what follows on what each has seen, as package audit
// does.
func trailIsOne(x *trial) {
	x.trail(x.store)
	const hosts, each = 6, 15
	x.together(hosts, func(i int, s host.Store) {
		t := s.(host.TrailStore)
		for n := range each {
			if x.failed(x.appendSoon(t, fmt.Sprint(i, " ", n))) {
				return
			}
		}
	})
	page, err := x.store.(host.TrailStore).Trail(x.Context(), host.TrailQuery{Limit: 1000})
	x.ok(err)
	seen := make(map[string]int)
	for i, e := range page {
		if e.Seq != uint64(i)+1 {
			x.Fatalf("after the entry %d comes %d", i, e.Seq)
		}
		if want := "after " + string(hashBefore(page, i)); string(e.Event) != want {
			x.Errorf("the entry %d was added %s, not %s", e.Seq, e.Event, want)
		}
		seen[e.Actor]++
	}
	for i := range hosts {
		for n := range each {
			if c := seen[fmt.Sprint(i, " ", n)]; c != 2 {
				x.Errorf("what host %d added as its %d. is there %d times, want twice", i, n, c)
			}
		}
	}
}

func hashBefore(page []host.TrailEntry, i int) []byte {
	if i == 0 {
		return nil
	}
	return page[i-1].Hash
}

// appendSoon adds two entries after whatever is the newest.
func (x *trial) appendSoon(t host.TrailStore, actor string) error {
	for {
		page, err := t.Trail(x.Context(), host.TrailQuery{Newest: true, Limit: 1})
		if err != nil {
			return err
		}
		var newest host.TrailEntry
		if len(page) > 0 {
			newest = page[0]
		}
		one := host.TrailEntry{Seq: newest.Seq + 1, Time: moment, Actor: actor, Event: []byte("after " + string(newest.Hash)), Hash: []byte(actor + " one")}
		two := host.TrailEntry{Seq: newest.Seq + 2, Time: moment, Actor: actor, Event: []byte("after " + string(one.Hash)), Hash: []byte(actor + " two")}
		err = t.AppendTrail(x.Context(), newest.Seq, newest.Hash, []host.TrailEntry{one, two})
		if !errors.Is(err, host.ErrConflict) {
			return err
		}
	}
}

func trailAllOrNothing(x *trial) {
	t := x.trail(x.store)
	x.append(t, 0, 1)
	all := entries(1, 3)
	all[2].Seq = 1 // is there
	if err := t.AppendTrail(x.Context(), 1, hashOf(1), all); err == nil {
		x.Error("an entry was added twice")
	}
	x.finds(t, host.TrailQuery{}, 1)
}

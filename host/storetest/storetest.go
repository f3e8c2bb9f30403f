// SPDX-License-Identifier: Apache-2.0

// Package storetest has the tests that every [host.Store] must pass: each
// sentence of its contract is one. A store of your own runs them in one call:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t testing.TB) host.Store { return mystore.New() })
//	}
//
// A store that processes share, or whose clock can be moved, says so in a
// [Suite] instead, and is tested harder.
//
// What it cannot test is what outlives kill -9 and the loss of power: for that
// a store needs a test with a process to kill, as package sqlitestore has one.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
)

// A Suite says how to test a store. Only Open is required.
type Suite struct {
	// Open returns an empty store that has nothing to do with any other. It
	// must see to it that the store is closed when t ends.
	Open func(t testing.TB) host.Store

	// Again opens the data of a store once more, as another process would, and
	// even after s was closed. It too must see to the closing. If it is nil, s
	// itself is used again.
	Again func(t testing.TB, s host.Store) host.Store

	// Pass lets a time pass in the store's clock: it moves the clock, or all
	// times in the store the other way. If it is nil, the tests of leases
	// sleep for some milliseconds, and the one of forgotten deletions, for
	// which hours must pass, is skipped.
	Pass func(t testing.TB, s host.Store, d time.Duration)
}

// Run tests the stores that open returns, as [Suite.Run] does.
func Run(t *testing.T, open func(t testing.TB) host.Store) {
	t.Helper()
	Suite{Open: open}.Run(t)
}

// groups are all tests.
var groups = []struct {
	name  string
	tests map[string]func(*trial)
}{
	{"Records", recordTests},
	{"Leases", leaseTests},
	{"Intents", intentTests},
	{"Due", dueTests},
	{"Changes", changeTests},
	{"Sharing", sharingTests},
	{"Trail", trailTests},
	{"Whole", wholeTests},
}

// Run runs each test as a subtest, with a store of its own, in parallel.
func (s Suite) Run(t *testing.T) {
	for _, group := range groups {
		t.Run(group.name, func(t *testing.T) {
			for name, test := range group.tests {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					test(&trial{TB: t, suite: s, store: s.Open(t)})
				})
			}
		})
	}
}

// A trial is one test of one store.
type trial struct {
	testing.TB
	suite Suite
	store host.Store
}

// workspace is where the tests work, unless they need two.
const workspace = "acme"

// again opens the store's data once more.
func (x *trial) again() host.Store {
	if x.suite.Again == nil {
		return x.store
	}
	return x.suite.Again(x, x.store)
}

func (x *trial) pass(d time.Duration) {
	if x.suite.Pass != nil {
		x.suite.Pass(x, x.store, d)
		return
	}
	time.Sleep(d)
}

// record returns a record of the first generation that is like no other.
func record(id string) host.Record {
	now := time.Now().UTC()
	return host.Record{
		Workspace: workspace, ID: id, Kind: host.KindCredential, Type: "halopsa", Name: "the one of " + id,
		Generation: 1, Created: now, Updated: now.Add(time.Second), Sealed: []byte("sealed " + id),
	}
}

// next returns what a host saves after r.
func next(r host.Record) host.Record {
	r.Generation++
	r.Updated = r.Updated.Add(time.Minute)
	r.Sealed = fmt.Appendf(nil, "sealed %s %d", r.ID, r.Generation)
	return r
}

// create stores new records and returns the last.
func (x *trial) create(ids ...string) (r host.Record) {
	x.Helper()
	for _, id := range ids {
		r = record(id)
		x.ok(x.store.Create(x.Context(), r))
	}
	return r
}

func (x *trial) get(s host.Store, id string) host.Record {
	x.Helper()
	r, err := s.Get(x.Context(), workspace, id)
	x.ok(err)
	return r
}

func (x *trial) lease(s host.Store, id, owner string, ttl time.Duration) host.Lease {
	x.Helper()
	l, err := s.Lease(x.Context(), workspace, id, owner, ttl)
	x.ok(err)
	want := host.Lease{Workspace: workspace, ID: id, Owner: owner, Epoch: l.Epoch}
	if l != want || l.Epoch == 0 {
		x.Fatalf("the lease is %+v, want %+v with an epoch", l, want)
	}
	return l
}

// isLeased fails unless nobody can take a lease on the record.
func (x *trial) isLeased(id string) {
	x.Helper()
	_, err := x.store.Lease(x.Context(), workspace, id, "somebody else", time.Hour)
	x.want(err, host.ErrLeased)
}

func (x *trial) ok(err error) {
	x.Helper()
	if err != nil {
		x.Fatalf("unexpected error: %v", err)
	}
}

func (x *trial) want(err, want error) {
	x.Helper()
	if !errors.Is(err, want) {
		x.Fatalf("the error is %v, want %v", err, want)
	}
}

// holds fails unless the store has exactly this record, whatever is noted
// beside it.
func (x *trial) holds(s host.Store, want host.Record) {
	x.Helper()
	got, err := s.Get(x.Context(), want.Workspace, want.ID)
	x.ok(err)
	x.same(got, want)
}

func (x *trial) same(got, want host.Record) {
	x.Helper()
	if !same(got, want) {
		x.Fatalf("the record is\n%+v, want\n%+v", got, want)
	}
}

// same tells whether two records are equal and the times of got are in UTC.
func same(got, want host.Record) bool {
	utc := got.Created.Location() == time.UTC && got.Updated.Location() == time.UTC && got.Due.Location() == time.UTC
	times := got.Created.Equal(want.Created) && got.Updated.Equal(want.Updated) && got.Due.Equal(want.Due)
	sealed := string(got.Sealed) == string(want.Sealed)
	return utc && times && sealed &&
		got.Workspace == want.Workspace && got.ID == want.ID && got.Kind == want.Kind &&
		got.Type == want.Type && got.Name == want.Name && got.Generation == want.Generation
}

// list returns the IDs of a page.
func (x *trial) list(s host.Store, q host.Query) (ids []string) {
	x.Helper()
	page, err := s.List(x.Context(), q)
	x.ok(err)
	for _, r := range page {
		ids = append(ids, r.ID)
	}
	return ids
}

// ended returns a ctx that has ended.
func ended(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	return ctx
}

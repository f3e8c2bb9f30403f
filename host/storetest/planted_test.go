// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/memstore"
)

// A flawed store is a memstore, but for what a planted fault makes of it.
type flawed struct {
	*memstore.Store
	now    time.Time
	newest map[string]host.Lease  // :: ID → the newest lease on it
	known  map[string]host.Record // :: ID → the record as it was last given to Create or Save

	get     func(r host.Record) host.Record
	list    func(page []host.Record) []host.Record
	due     func(ctx context.Context, until time.Time, limit int) ([]host.Record, error)
	create  func(r host.Record) host.Record // what is stored instead
	save    func(ctx context.Context, r host.Record, l *host.Lease) error
	remove  func(ctx context.Context, id string, generation uint64, l *host.Lease) error
	lease   func(l host.Lease)
	extend  func(ctx context.Context, l host.Lease, ttl time.Duration) error
	note    func(ctx context.Context, l host.Lease, intent []byte) error
	unlease func(l host.Lease)

	appendTrail func(ctx context.Context, after uint64, hash []byte, entries []host.TrailEntry) error
	trail       func(q host.TrailQuery) host.TrailQuery
	trim        func(upTo uint64) uint64
	all         func(page []host.Record) []host.Record
	reseal      func(ctx context.Context, was, now host.Record) error
	snapshot    func(ctx context.Context, record func(host.Record) error, entry func(host.TrailEntry) error) error
	restore     func(ctx context.Context, replace bool, fill func(context.Context, host.Filling) error) error
}

func newFlawed(plant func(f *flawed)) *flawed {
	f := &flawed{now: time.Now(), newest: map[string]host.Lease{}, known: map[string]host.Record{}}
	f.Store = &memstore.Store{Now: func() time.Time { return f.now }}
	plant(f)
	return f
}

func (f *flawed) Get(ctx context.Context, workspace, id string) (host.Record, error) {
	r, err := f.Store.Get(ctx, workspace, id)
	if err == nil && f.get != nil {
		r = f.get(r)
	}
	return r, err
}

func (f *flawed) List(ctx context.Context, q host.Query) ([]host.Record, error) {
	page, err := f.Store.List(ctx, q)
	if err == nil && f.list != nil {
		page = f.list(page)
	}
	return page, err
}

func (f *flawed) Due(ctx context.Context, until time.Time, limit int) ([]host.Record, error) {
	if f.due != nil {
		return f.due(ctx, until, limit)
	}
	return f.Store.Due(ctx, until, limit)
}

func (f *flawed) Create(ctx context.Context, r host.Record) error {
	if f.create != nil {
		r = f.create(r)
	}
	f.known[r.ID] = r
	return f.Store.Create(ctx, r)
}

func (f *flawed) Save(ctx context.Context, r host.Record, l *host.Lease) error {
	if f.save != nil {
		return f.save(ctx, r, l)
	}
	return f.Store.Save(ctx, r, l)
}

func (f *flawed) Delete(ctx context.Context, workspace, id string, generation uint64, l *host.Lease) error {
	if f.remove != nil {
		return f.remove(ctx, id, generation, l)
	}
	return f.Store.Delete(ctx, workspace, id, generation, l)
}

func (f *flawed) Lease(ctx context.Context, workspace, id, owner string, ttl time.Duration) (host.Lease, error) {
	l, err := f.Store.Lease(ctx, workspace, id, owner, ttl)
	if err == nil {
		f.newest[id] = l
		if f.lease != nil {
			f.lease(l)
		}
	}
	return l, err
}

func (f *flawed) Extend(ctx context.Context, l host.Lease, ttl time.Duration) error {
	if f.extend != nil {
		return f.extend(ctx, l, ttl)
	}
	return f.Store.Extend(ctx, l, ttl)
}

func (f *flawed) Note(ctx context.Context, l host.Lease, intent []byte) error {
	if f.note != nil {
		return f.note(ctx, l, intent)
	}
	return f.Store.Note(ctx, l, intent)
}

func (f *flawed) Unlease(ctx context.Context, l host.Lease) error {
	if f.unlease != nil {
		f.unlease(l)
	}
	return f.Store.Unlease(ctx, l)
}

// A planted fault is one that the suite must find, in the test of that group
// and name, with a message that contains says.
type planted struct {
	name     string
	in, says string
	plant    func(f *flawed)
}

// The suite catches every fault, in the test that is about it.
func TestPlantedFaults(t *testing.T) {
	tests := make(map[string]func(*trial))
	for _, group := range groups {
		for name, test := range group.tests {
			tests[group.name+" "+name] = test
		}
	}
	var all []planted
	for _, some := range [][]planted{noteFaults, forgetFaults, extendFaults, dueFaults, timeFaults, trailFaults, wholeFaults} {
		all = append(all, some...)
	}
	for _, p := range all {
		t.Run(p.name, func(t *testing.T) {
			if tests[p.in] == nil {
				t.Fatalf("there is no test %q", p.in)
			}
			if said := failsWith(t, flawedSuite(func(*flawed) {}), tests[p.in]); said != "" {
				t.Fatalf("without the fault, %s says %s", p.in, said)
			}
			said := failsWith(t, flawedSuite(p.plant), tests[p.in])
			if said == "" || !strings.Contains(said, p.says) {
				t.Errorf("%s says %q, and not %q", p.in, said, p.says)
			}
		})
	}
}

// flawedSuite's handles share one store, but not what the fault keeps.
func flawedSuite(plant func(*flawed)) Suite {
	return Suite{
		Open: func(testing.TB) host.Store { return newFlawed(plant) },
		Again: func(_ testing.TB, s host.Store) host.Store {
			again := newFlawed(plant)
			again.Store = s.(*flawed).Store
			return again
		},
		Pass: func(_ testing.TB, s host.Store, d time.Duration) { s.(*flawed).now = s.(*flawed).now.Add(d) },
	}
}

// long ago, no lease has ended, not even one that was given back.
func (f *flawed) longAgo(do func() error) error {
	now := f.now
	f.now = time.Time{}.Add(-time.Hour)
	defer func() { f.now = now }()
	return do()
}

// anyEpoch returns the record's newest lease, whatever the epoch of l.
func (f *flawed) anyEpoch(l host.Lease) host.Lease {
	if newest, ok := f.newest[l.ID]; ok && l.Epoch > 0 {
		l.Epoch = newest.Epoch
	}
	return l
}

func (f *flawed) anyOwner(l host.Lease) host.Lease {
	if newest, ok := f.newest[l.ID]; ok {
		l.Owner = newest.Owner
	}
	return l
}

func conflictForMissing(err error) error {
	if errors.Is(err, host.ErrNotFound) {
		return host.ErrConflict
	}
	return err
}

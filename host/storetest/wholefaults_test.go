// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"context"
	"errors"

	"github.com/credhost/credhost/host"
)

func (f *flawed) AppendTrail(ctx context.Context, after uint64, hash []byte, entries []host.TrailEntry) error {
	if f.appendTrail != nil {
		return f.appendTrail(ctx, after, hash, entries)
	}
	return f.Store.AppendTrail(ctx, after, hash, entries)
}

func (f *flawed) Trail(ctx context.Context, q host.TrailQuery) ([]host.TrailEntry, error) {
	if f.trail != nil {
		q = f.trail(q)
	}
	return f.Store.Trail(ctx, q)
}

func (f *flawed) TrimTrail(ctx context.Context, upTo uint64) error {
	if f.trim != nil {
		upTo = f.trim(upTo)
	}
	return f.Store.TrimTrail(ctx, upTo)
}

func (f *flawed) All(ctx context.Context, workspace, id string, limit int) ([]host.Record, error) {
	page, err := f.Store.All(ctx, workspace, id, limit)
	if err == nil && f.all != nil {
		page = f.all(page)
	}
	return page, err
}

func (f *flawed) Reseal(ctx context.Context, was, now host.Record) error {
	if f.reseal != nil {
		return f.reseal(ctx, was, now)
	}
	return f.Store.Reseal(ctx, was, now)
}

func (f *flawed) Snapshot(ctx context.Context, record func(host.Record) error, entry func(host.TrailEntry) error) error {
	if f.snapshot != nil {
		return f.snapshot(ctx, record, entry)
	}
	return f.Store.Snapshot(ctx, record, entry)
}

func (f *flawed) Restore(ctx context.Context, replace bool, fill func(context.Context, host.Filling) error) error {
	if f.restore != nil {
		return f.restore(ctx, replace, fill)
	}
	return f.Store.Restore(ctx, replace, fill)
}

var trailFaults = []planted{
	{"the hash is not compared", "Trail adds after the newest alone", "the error is", func(f *flawed) {
		f.appendTrail = func(ctx context.Context, after uint64, _ []byte, entries []host.TrailEntry) error {
			newest, _ := f.Store.Trail(ctx, host.TrailQuery{Newest: true, Limit: 1})
			if len(newest) == 0 {
				return f.Store.AppendTrail(ctx, after, nil, entries)
			}
			return f.Store.AppendTrail(ctx, after, newest[0].Hash, entries)
		}
	}},
	{"events are cut at a zero", "Trail gives back what it was given", "the entry is", func(f *flawed) {
		f.appendTrail = func(ctx context.Context, after uint64, hash []byte, entries []host.TrailEntry) error {
			for i := range entries {
				entries[i].Event, _, _ = cutZero(entries[i].Event)
			}
			return f.Store.AppendTrail(ctx, after, hash, entries)
		}
	}},
	{"the actor is not looked at", "Trail finds by each column", "actor", func(f *flawed) {
		f.trail = func(q host.TrailQuery) host.TrailQuery { q.Actor = ""; return q }
	}},
	{"until is no limit", "Trail finds by each column", "finds", func(f *flawed) {
		f.trail = func(q host.TrailQuery) host.TrailQuery { q.Until = q.Until.Add(1); return q }
	}},
	{"always the oldest first", "Trail pages in either direction", "finds", func(f *flawed) {
		f.trail = func(q host.TrailQuery) host.TrailQuery { q.Newest = false; return q }
	}},
	{"one too few is trimmed", "Trail is trimmed from its old end", "the error is <nil>", func(f *flawed) {
		f.trim = func(upTo uint64) uint64 { return upTo - 1 }
	}},
	{"what fails is kept in part", "Trail keeps no entry of a failed one", "finds", func(f *flawed) {
		f.appendTrail = func(ctx context.Context, after uint64, hash []byte, entries []host.TrailEntry) error {
			err := f.Store.AppendTrail(ctx, after, hash, entries)
			if err != nil && !errors.Is(err, host.ErrConflict) {
				return errors.Join(err, f.Store.AppendTrail(ctx, after, hash, entries[:1]))
			}
			return err
		}
	}},
}

func cutZero(b []byte) (before, after []byte, found bool) {
	for i, c := range b {
		if c == 0 {
			return b[:i], b[i+1:], true
		}
	}
	return b, nil, false
}

var wholeFaults = []planted{
	{"All leaves intents out", "Whole All has every record", "is noted", func(f *flawed) {
		f.all = func(page []host.Record) []host.Record {
			for i := range page {
				page[i].Intent = nil
			}
			return page
		}
	}},
	{"Reseal saves", "Whole Reseal changes nothing else", "the record is", func(f *flawed) {
		f.reseal = func(ctx context.Context, was, now host.Record) error {
			now.Generation = was.Generation + 1
			return f.Store.Save(ctx, now, nil)
		}
	}},
	{"Reseal overwrites", "Whole Reseal gives way to changes", "the error is", func(f *flawed) {
		f.reseal = func(ctx context.Context, was, now host.Record) error {
			is, err := f.Store.Get(ctx, was.Workspace, was.ID)
			if err != nil {
				return err
			}
			return f.Store.Reseal(ctx, is, now)
		}
	}},
	{"Snapshot reads as it goes", "Whole Snapshot is of one moment", "Snapshot has", func(f *flawed) {
		f.snapshot = func(ctx context.Context, record func(host.Record) error, entry func(host.TrailEntry) error) error {
			var workspace, id string
			for {
				page, err := f.Store.All(ctx, workspace, id, 1)
				if err != nil || len(page) == 0 {
					break
				}
				if err := record(page[0]); err != nil {
					return err
				}
				workspace, id = page[0].Workspace, page[0].ID
			}
			return f.Store.Snapshot(ctx, func(host.Record) error { return nil }, entry)
		}
	}},
	{"Restore adds to what is there", "Whole Restore fills an empty store", "the error is", func(f *flawed) {
		f.restore = func(ctx context.Context, _ bool, fill func(context.Context, host.Filling) error) error {
			return f.Store.Restore(ctx, true, fill)
		}
	}},
	{"Restore empties before it knows", "Whole Restore is all or nothing", "there are", func(f *flawed) {
		f.restore = func(ctx context.Context, replace bool, fill func(context.Context, host.Filling) error) error {
			err := f.Store.Restore(ctx, replace, fill)
			if err != nil && replace {
				_ = f.Store.Restore(ctx, true, func(context.Context, host.Filling) error { return nil })
			}
			return err
		}
	}},
	{"Restore is not told of", "Whole Restore is noticed", "says", func(f *flawed) {
		f.restore = func(ctx context.Context, _ bool, fill func(context.Context, host.Filling) error) error {
			all, err := f.Store.All(ctx, "", "", 1000)
			for _, r := range all {
				err = errors.Join(err, f.Store.Delete(ctx, r.Workspace, r.ID, 0, nil))
			}
			return errors.Join(err, fill(ctx, creating{f}))
		}
	}},
}

// creating fills a store as if each record were new.
type creating struct{ f *flawed }

func (c creating) Record(ctx context.Context, r host.Record) error { return c.f.Store.Create(ctx, r) }

func (c creating) Entry(context.Context, host.TrailEntry) error { return nil }

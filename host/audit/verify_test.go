// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/audit"
	"github.com/credhost/credhost/host/memstore"
)

// rewrite is a thief who has the store: it replaces the trail.
func (p *place) rewrite(t testing.TB, change func([]host.TrailEntry) []host.TrailEntry) {
	t.Helper()
	records, trail := p.all(t)
	err := p.store.Restore(t.Context(), true, fillWith(records, change(trail)))
	if err != nil {
		t.Fatal(err)
	}
}

// all returns what the store holds.
func (p *place) all(t testing.TB) (records []host.Record, trail []host.TrailEntry) {
	t.Helper()
	err := p.store.Snapshot(t.Context(),
		func(r host.Record) error { records = append(records, r); return nil },
		func(e host.TrailEntry) error { trail = append(trail, e); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return records, trail
}

func fillWith(records []host.Record, trail []host.TrailEntry) func(context.Context, host.Filling) error {
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

// Whoever has the store alone can change nothing unseen.
func TestTampering(t *testing.T) {
	other := newPlace(t)
	record(t, other.open(t), did(1), did(2), did(3), did(4), did(5))
	_, foreign := other.all(t)
	for name, tt := range map[string]struct {
		change func([]host.TrailEntry) []host.TrailEntry
		at     uint64
	}{
		"an event": {func(all []host.TrailEntry) []host.TrailEntry {
			all[2].Event = bytes.Replace(all[2].Event, []byte(`"ok"`), []byte(`"no"`), 1)
			return all
		}, 3},
		"a hash":         {func(all []host.TrailEntry) []host.TrailEntry { all[1].Hash[5] ^= 1; return all }, 2},
		"a workspace":    {func(all []host.TrailEntry) []host.TrailEntry { all[1].Workspace = "other"; return all }, 2},
		"a credential":   {func(all []host.TrailEntry) []host.TrailEntry { all[1].Credential = "c-9"; return all }, 2},
		"an actor":       {func(all []host.TrailEntry) []host.TrailEntry { all[1].Actor = "bert"; return all }, 2},
		"an action":      {func(all []host.TrailEntry) []host.TrailEntry { all[1].Action = "show"; return all }, 2},
		"a time":         {func(all []host.TrailEntry) []host.TrailEntry { all[4].Time = all[4].Time.Add(1); return all }, 5},
		"its beginning":  {func(all []host.TrailEntry) []host.TrailEntry { return all[2:] }, 1},
		"one is cut out": {func(all []host.TrailEntry) []host.TrailEntry { return renumber(slices.Delete(all, 2, 3)) }, 3},
		"one is put in":  {func(all []host.TrailEntry) []host.TrailEntry { return renumber(slices.Insert(all, 2, all[1])) }, 3},
		"two change places": {func(all []host.TrailEntry) []host.TrailEntry {
			all[1], all[2] = all[2], all[1]
			return renumber(all)
		}, 2},
		"another trail's":     {func([]host.TrailEntry) []host.TrailEntry { return foreign }, 1},
		"another trail's end": {func(all []host.TrailEntry) []host.TrailEntry { return append(all[:3], foreign[3:]...) }, 4},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			trail := p.open(t)
			record(t, trail, did(1), did(2), did(3), did(4), did(5))
			verify(t, trail, "")
			p.rewrite(t, tt.change)
			r, err := trail.Verify(t.Context(), audit.Check{})
			var broken *audit.Broken
			if !errors.As(err, &broken) || broken.Seq != tt.at {
				t.Fatalf("Verify says %+v, %v, want entry %d", r, err, tt.at)
			}
			if r.Last != tt.at-1 {
				t.Errorf("Verify went up to entry %d", r.Last)
			}
		})
	}
}

func renumber(all []host.TrailEntry) []host.TrailEntry {
	for i := range all {
		all[i].Seq = uint64(i) + 1
	}
	return all
}

// That the end was cut off is seen by who has written down the head.
func TestHead(t *testing.T) {
	p := newPlace(t)
	trail := p.open(t)
	record(t, trail, did(1), did(2))
	early := verify(t, trail, "").Head
	record(t, trail, did(3), did(4))
	head := verify(t, trail, early).Head
	_, hash, _ := strings.Cut(head, ":")
	verify(t, trail, head)
	verify(t, trail, hash)
	p.rewrite(t, func(all []host.TrailEntry) []host.TrailEntry { return all[:3] })
	verify(t, trail, "") // nothing is to be seen
	verify(t, trail, early)
	for _, h := range []string{head, hash, "2:" + hash} {
		var broken *audit.Broken
		if _, err := trail.Verify(t.Context(), audit.Check{Head: h}); !errors.As(err, &broken) {
			t.Errorf("with the head %s, Verify says %v", h, err)
		}
	}
	for _, h := range []string{"4", "x:" + hash, "4:abcd", hash + "ff"} {
		if _, err := trail.Verify(t.Context(), audit.Check{Head: h}); err == nil || !strings.Contains(err.Error(), "12:ab34") {
			t.Errorf("of the head %q, Verify says %v", h, err)
		}
	}
}

// A host that runs has seen the end.
func TestRunningHostNotices(t *testing.T) {
	for name, change := range map[string]func([]host.TrailEntry) []host.TrailEntry{
		"cut off": func(all []host.TrailEntry) []host.TrailEntry { return all[:2] },
		"emptied": func([]host.TrailEntry) []host.TrailEntry { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			trail, idle := p.open(t), p.open(t)
			record(t, idle, did(0))
			record(t, trail, did(1), did(2))
			p.rewrite(t, change)
			record(t, trail, did(3))
			record(t, idle, did(4)) // had seen nothing of what is gone, or also notices
			r := verify(t, trail, "")
			if len(r.Altered) == 0 {
				t.Fatalf("Verify says %+v, want altered entries", r)
			}
			e := list(t, trail, audit.Query{Action: audit.ActionChanged})
			if len(e) == 0 || !strings.HasPrefix(e[len(e)-1].Detail["seen"], "3:") || !strings.Contains(p.log.String(), "changed by somebody else") {
				t.Errorf("the event is %+v, and the log %s", e, p.log)
			}
			if n := list(t, trail, audit.Query{Action: "test"}); n[0].Credential != "c-4" || n[1].Credential != "c-3" {
				t.Errorf("what was recorded since is %+v", n)
			}
		})
	}
}

// A restored store may be that of another installation with the same key file.
func TestRunningHostGoesOnInARestoredTrail(t *testing.T) {
	p := newPlace(t)
	other := &place{newPlace(t).store, p.sealer, p.log}
	record(t, other.open(t), did(1), did(2))
	trail := p.open(t)
	record(t, trail, did(7), did(8))
	records, entries := other.all(t)
	if err := p.store.Restore(t.Context(), true, fillWith(records, entries)); err != nil {
		t.Fatal(err)
	}
	record(t, trail, did(9))
	if r := verify(t, p.open(t), ""); r.Entries != 4 || len(r.Altered) != 1 {
		t.Errorf("Verify says %+v", r)
	}
}

func TestTrim(t *testing.T) {
	p := newPlace(t)
	trail := p.open(t)
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for n := range 10 {
		now = now.Add(time.Hour)
		e := did(n)
		e.Time = now
		record(t, trail, e)
	}
	old := verify(t, trail, "").Head
	removed, err := trail.Trim(t.Context(), now.Add(-3*time.Hour).Add(time.Minute))
	if err != nil || removed != 7 {
		t.Fatalf("Trim = %d, %v, want 7", removed, err)
	}
	r := verify(t, trail, old)
	if r.Trimmed != 7 || r.First != 8 || r.Entries != 4 {
		t.Errorf("Verify says %+v", r)
	}
	if e := list(t, trail, audit.Query{Action: audit.ActionTrim}); len(e) != 1 || e[0].Detail["entries"] != "7" {
		t.Errorf("the event is %+v", e)
	}
	if again, err := trail.Trim(t.Context(), now.Add(-3*time.Hour)); again != 0 || err != nil {
		t.Errorf("Trim = %d, %v", again, err)
	}
	record(t, trail, did(11))
	if _, err := trail.Trim(t.Context(), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if r := verify(t, trail, ""); r.Trimmed != 11 || r.Entries != 2 {
		t.Errorf("of all, Trim left %+v", r)
	}
	if _, err := trail.Verify(t.Context(), audit.Check{Head: old}); err == nil || !strings.Contains(err.Error(), "trimmed") {
		t.Errorf("of a head that was trimmed, Verify says %v", err)
	}
}

// A thief cannot have hosts take his removal for a trim.
func TestNobodyElseTrims(t *testing.T) {
	p := newPlace(t)
	trail := p.open(t)
	record(t, trail, did(1), did(2), did(3), did(4))
	if _, err := trail.Trim(t.Context(), list(t, trail, audit.Query{After: 2})[0].Time); err != nil {
		t.Fatal(err)
	}
	var was host.Record
	records, _ := p.all(t)
	for _, r := range records {
		if r.ID == "trail-mark" {
			was = r
		}
	}
	p.rewrite(t, func(all []host.TrailEntry) []host.TrailEntry { return all[1:] })
	var broken *audit.Broken
	if _, err := trail.Verify(t.Context(), audit.Check{}); !errors.As(err, &broken) || broken.Seq != 3 {
		t.Errorf("without entry 3, Verify says %v", err)
	}
	if err := p.store.Delete(t.Context(), "", was.ID, 0, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := trail.Verify(t.Context(), audit.Check{}); !errors.As(err, &broken) || broken.Seq != 1 {
		t.Errorf("without the mark, Verify says %v", err)
	}
	was.Sealed = bytes.Clone(was.Sealed)
	was.Sealed[len(was.Sealed)-1] ^= 1
	was.Generation = 1
	if err := p.store.Create(t.Context(), was); err != nil {
		t.Fatal(err)
	}
	if _, err := trail.Verify(t.Context(), audit.Check{}); err == nil || errors.As(err, &broken) {
		t.Errorf("with a forged mark, Verify says %v", err)
	}
}

// One that is killed while it trims leaves the mark, and another goes on.
func TestTrimGoesOn(t *testing.T) {
	p := newPlace(t)
	trail := p.open(t)
	for n := range 6 {
		record(t, trail, did(n))
	}
	_, before := p.all(t)
	cutoff := list(t, trail, audit.Query{After: 4})[0].Time
	if _, err := trail.Trim(t.Context(), cutoff); err != nil {
		t.Fatal(err)
	}
	p.rewrite(t, func(all []host.TrailEntry) []host.TrailEntry { return append(before[2:4:4], all...) }) // half of them are there still
	if r := verify(t, trail, ""); r.First != 5 {
		t.Errorf("Verify says %+v", r)
	}
	if _, err := trail.Trim(t.Context(), cutoff); err != nil {
		t.Fatal(err)
	}
	if e := list(t, trail, audit.Query{After: 0, Limit: 1000}); e[len(e)-1].Seq != 5 {
		t.Errorf("the oldest entry is %d", e[len(e)-1].Seq)
	}
}

// An overtaken store has something happen before the next page of entries is
// read.
type overtaken struct {
	*memstore.Store
	before func()
}

func (o *overtaken) Trail(ctx context.Context, q host.TrailQuery) ([]host.TrailEntry, error) {
	if f := o.before; f != nil && q.Limit == 1000 {
		o.before = nil
		f()
	}
	return o.Store.Trail(ctx, q)
}

// Entries that are trimmed while somebody verifies are not missed.
func TestVerifyWhileTrimming(t *testing.T) {
	p := newPlace(t)
	o := &overtaken{Store: p.store.(*memstore.Store)}
	p.store = o
	trail := p.open(t)
	record(t, trail, did(1), did(2), did(3), did(4))
	o.before = func() {
		if n, err := trail.Trim(t.Context(), list(t, trail, audit.Query{After: 2})[0].Time); n != 2 || err != nil {
			t.Errorf("Trim = %d, %v", n, err)
		}
	}
	if r := verify(t, trail, ""); r.Trimmed != 2 || r.Entries != 3 {
		t.Errorf("Verify says %+v", r)
	}
}

// Verify reads in pages, and says how far it is.
func TestVerifyPages(t *testing.T) {
	trail := newPlace(t).open(t)
	for n := range 1001 {
		trail.Use(host.WithActor(t.Context(), host.Actor(fmt.Sprint(n))), audit.Use{Workspace: "acme", Credential: "c-1"})
	}
	record(t, trail, did(1))
	for list(t, trail, audit.Query{Limit: 1})[0].Seq < 1002 {
		time.Sleep(time.Millisecond)
	}
	var said []uint64
	r, err := trail.Verify(t.Context(), audit.Check{Progress: func(n uint64) { said = append(said, n) }})
	if err != nil || r.Entries != 1002 || !slices.Equal(said, []uint64{1000, 1002}) {
		t.Errorf("Verify says %+v, %v, and on the way %v", r, err, said)
	}
}

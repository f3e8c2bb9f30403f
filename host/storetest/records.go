// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/credhost/credhost/host"
)

var recordTests = map[string]func(*trial){
	"come back as they were":        comeBack,
	"are not found elsewhere":       notFoundElsewhere,
	"are created once":              createdOnce,
	"are saved in order":            savedInOrder,
	"are deleted once":              deletedOnce,
	"are deleted for a generation":  deletedForGeneration,
	"share no memory":               shareNoMemory,
	"are listed in order":           listedInOrder,
	"are listed by what is asked":   listedByQuery,
	"are listed a hundred at once":  listedByHundred,
	"stay as they are without time": stayWithoutTime,
}

func comeBack(x *trial) {
	plain := record("plain")
	zero := record("zero")
	zero.Created, zero.Updated, zero.Type, zero.Name, zero.Sealed = time.Time{}, time.Time{}, "", "", nil
	odd := record(`it's "odd" % \ ` + "\n☃ é")
	odd.Workspace, odd.Kind, odd.Type, odd.Name = "ws ☃;--", host.KindApplication, "type.☃-1", strings.Repeat("é", 500)
	zoned := record("zoned")
	zoned.Created = time.Date(1999, 12, 31, 23, 59, 59, 999_999_999, time.FixedZone("", -5*3600))
	zoned.Updated = time.Date(2199, 1, 1, 0, 0, 0, 1, time.FixedZone("", 14*3600))
	old := record("old")
	old.Created, old.Updated = time.Unix(0, 0), time.Unix(-1, 0)
	big := record("big")
	big.Kind, big.Sealed = host.KindFlow, bytes.Repeat([]byte{0, 255, 1, 0x27}, 1<<18)

	for _, r := range []host.Record{plain, zero, odd, zoned, old, big} {
		x.ok(x.store.Create(x.Context(), r))
		x.holds(x.store, r)
		page, err := x.store.List(x.Context(), host.Query{Workspace: r.Workspace, Kind: r.Kind, Type: r.Type})
		x.ok(err)
		at := slices.IndexFunc(page, func(p host.Record) bool { return p.ID == r.ID })
		if at < 0 {
			x.Fatalf("%q is not listed", r.ID)
		}
		x.same(page[at], r)
	}
}

func notFoundElsewhere(x *trial) {
	r := x.create("a")
	for _, where := range [][2]string{{workspace, "b"}, {"other", "a"}, {"", "a"}, {workspace, ""}, {workspace, "A"}, {workspace, "a "}} {
		_, err := x.store.Get(x.Context(), where[0], where[1])
		x.want(err, host.ErrNotFound)
	}
	twin := r
	twin.Workspace, twin.Sealed = "other", []byte("of the other")
	x.ok(x.store.Create(x.Context(), twin))
	x.holds(x.store, r)
	x.holds(x.store, twin)
	x.ok(x.store.Save(x.Context(), next(twin), nil))
	x.holds(x.store, r)
	x.ok(x.store.Delete(x.Context(), "other", "a", 0, nil))
	x.holds(x.store, r)
}

func createdOnce(x *trial) {
	r := x.create("a")
	other := r
	other.Kind, other.Sealed = host.KindFlow, []byte("other")
	x.want(x.store.Create(x.Context(), other), host.ErrConflict)
	x.holds(x.store, r)
	for _, generation := range []uint64{0, 2, 1 << 63} {
		b := record("b")
		b.Generation = generation
		if x.store.Create(x.Context(), b) == nil {
			x.Errorf("a record was created with generation %d", generation)
		}
		_, err := x.store.Get(x.Context(), workspace, "b")
		x.want(err, host.ErrNotFound)
	}
}

func savedInOrder(x *trial) {
	first := x.create("a")
	second := next(first)
	second.Kind, second.Type, second.Name = host.KindApplication, "other", "renamed"
	second.Created = second.Created.Add(-time.Hour)
	for _, generation := range []uint64{0, 1, 3, 1 << 63, 1<<64 - 1} {
		wrong := second
		wrong.Generation = generation
		x.want(x.store.Save(x.Context(), wrong, nil), host.ErrConflict)
		x.holds(x.store, first)
	}
	x.ok(x.store.Save(x.Context(), second, nil))
	x.holds(x.store, second)
	x.want(x.store.Save(x.Context(), second, nil), host.ErrConflict)
	x.holds(x.store, second)
	if ids := x.list(x.store, host.Query{Workspace: workspace, Kind: first.Kind}); len(ids) > 0 {
		x.Errorf("it is still listed as what it was: %v", ids)
	}
	if ids := x.list(x.store, host.Query{Workspace: workspace, Kind: second.Kind, Type: "other"}); len(ids) != 1 {
		x.Errorf("it is not listed as what it is")
	}
	x.want(x.store.Save(x.Context(), next(record("b")), nil), host.ErrNotFound)
}

func deletedForGeneration(x *trial) {
	r := x.create("a")
	x.ok(x.store.Save(x.Context(), next(r), nil))
	r = next(r)
	for _, generation := range []uint64{1, 3, 1 << 63, 1<<64 - 1} {
		x.want(x.store.Delete(x.Context(), workspace, "a", generation, nil), host.ErrConflict)
		x.holds(x.store, r)
	}
	x.want(x.store.Delete(x.Context(), workspace, "none", 2, nil), host.ErrNotFound)
	x.ok(x.store.Delete(x.Context(), workspace, "a", 2, nil))
	_, err := x.store.Get(x.Context(), workspace, "a")
	x.want(err, host.ErrNotFound)
}

func deletedOnce(x *trial) {
	r := x.create("a", "b")
	x.ok(x.store.Delete(x.Context(), workspace, "a", 0, nil))
	_, err := x.store.Get(x.Context(), workspace, "a")
	x.want(err, host.ErrNotFound)
	x.want(x.store.Delete(x.Context(), workspace, "a", 0, nil), host.ErrNotFound)
	x.want(x.store.Save(x.Context(), next(record("a")), nil), host.ErrNotFound)
	_, err = x.store.Lease(x.Context(), workspace, "a", "me", time.Hour)
	x.want(err, host.ErrNotFound)
	if ids := x.list(x.store, host.Query{Workspace: workspace, Kind: r.Kind}); !slices.Equal(ids, []string{"b"}) {
		x.Errorf("listed are %v, want b", ids)
	}
	x.holds(x.store, r)
	x.holds(x.store, x.create("a")) // its ID may be used again
}

func shareNoMemory(x *trial) {
	r := record("a")
	given := r
	given.Sealed = bytes.Clone(r.Sealed)
	x.ok(x.store.Create(x.Context(), given))
	clear(given.Sealed)
	x.holds(x.store, r)
	clear(x.get(x.store, "a").Sealed)
	x.holds(x.store, r)
	page, err := x.store.List(x.Context(), host.Query{Workspace: workspace, Kind: r.Kind})
	x.ok(err)
	clear(page[0].Sealed)
	x.holds(x.store, r)
	r = next(r)
	given = r
	given.Sealed = bytes.Clone(r.Sealed)
	x.ok(x.store.Save(x.Context(), given, nil))
	clear(given.Sealed)
	x.holds(x.store, r)
}

func listedInOrder(x *trial) {
	want := []string{"!", "0", "10", "9", "A", "Aa", "B", "Z", "_", "a", "aB", "aa", "ab", "b", "~", "Ä", "é", "☃", "😀"}
	shuffled := slices.Clone(want)
	for i := range shuffled {
		j := i * 7 % len(shuffled)
		shuffled[i], shuffled[j] = shuffled[j], shuffled[i]
	}
	x.create(shuffled...)
	for limit := 1; limit <= len(want)+1; limit++ {
		var got []string
		for after := ""; ; {
			page := x.list(x.store, host.Query{Workspace: workspace, Kind: host.KindCredential, After: after, Limit: limit})
			got = append(got, page...)
			if len(page) > limit {
				x.Fatalf("a page of at most %d has %d records", limit, len(page))
			}
			if len(page) < limit || len(got) > len(want) {
				break
			}
			after = page[len(page)-1]
		}
		if !slices.Equal(got, want) {
			x.Fatalf("in pages of %d:\n%q, want\n%q", limit, got, want)
		}
	}
	after := x.list(x.store, host.Query{Workspace: workspace, Kind: host.KindCredential, After: "aaa", Limit: 2})
	if !slices.Equal(after, []string{"ab", "b"}) {
		x.Errorf("after an ID that does not exist come %q", after)
	}
}

func listedByQuery(x *trial) {
	day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, where := range []string{workspace, "other"} {
		for i, kind := range []host.Kind{host.KindCredential, host.KindApplication, host.KindFlow} {
			for j, typ := range []string{"halopsa", "hellocloud"} {
				r := record(fmt.Sprintf("%s-%s-%d", kind, typ, i+j))
				r.Workspace, r.Kind, r.Type, r.Updated = where, kind, typ, day.AddDate(0, 0, j)
				x.ok(x.store.Create(x.Context(), r))
			}
		}
	}
	cases := []struct {
		query host.Query
		want  string
	}{
		{host.Query{Kind: host.KindFlow}, "flow-halopsa-2 flow-hellocloud-3"},
		{host.Query{Kind: host.KindFlow, Type: "halopsa"}, "flow-halopsa-2"},
		{host.Query{Kind: host.KindFlow, Type: "halo"}, ""},
		{host.Query{Kind: host.KindFlow, After: "flow-halopsa-2"}, "flow-hellocloud-3"},
		{host.Query{Kind: host.KindFlow, Before: day}, ""},
		{host.Query{Kind: host.KindFlow, Before: day.Add(1)}, "flow-halopsa-2"},
		{host.Query{Kind: host.KindFlow, Before: day.AddDate(1, 0, 0).In(time.FixedZone("", 3600))}, "flow-halopsa-2 flow-hellocloud-3"},
		{host.Query{Kind: host.KindFlow, Before: day.AddDate(1, 0, 0), Limit: 1}, "flow-halopsa-2"},
		{host.Query{Kind: host.KindFlow, Before: day.AddDate(1, 0, 0), Type: "hellocloud", After: "flow", Limit: 9}, "flow-hellocloud-3"},
		{host.Query{Kind: "none"}, ""},
		{host.Query{}, ""},
	}
	for _, c := range cases {
		c.query.Workspace = workspace
		if got := strings.Join(x.list(x.store, c.query), " "); got != c.want {
			x.Errorf("%+v lists %q, want %q", c.query, got, c.want)
		}
	}
	if got := x.list(x.store, host.Query{Kind: host.KindFlow}); len(got) > 0 {
		x.Errorf("a query without a workspace lists %q", got)
	}
}

func listedByHundred(x *trial) {
	var ids []string
	for i := range 120 {
		ids = append(ids, fmt.Sprintf("%03d", i))
	}
	x.create(ids...)
	q := host.Query{Workspace: workspace, Kind: host.KindCredential}
	if got := x.list(x.store, q); !slices.Equal(got, ids[:100]) {
		x.Errorf("without a limit %d records are listed, want the first 100", len(got))
	}
	q.Limit = 1000
	if got := x.list(x.store, q); !slices.Equal(got, ids) {
		x.Errorf("with a limit of 1000, %d of 120 records are listed", len(got))
	}
}

// stayWithoutTime calls every method with a ctx that has ended.
func stayWithoutTime(x *trial) {
	r := x.create("a")
	l := x.lease(x.store, "a", "me", time.Hour)
	ctx := ended(x.Context())
	_, position, err := x.store.Changes(x.Context(), 0)
	x.ok(err)
	calls := map[string]func() error{
		"Get":     func() error { _, err := x.store.Get(ctx, workspace, "a"); return err },
		"List":    func() error { _, err := x.store.List(ctx, host.Query{Workspace: workspace, Kind: r.Kind}); return err },
		"Create":  func() error { return x.store.Create(ctx, record("b")) },
		"Save":    func() error { return x.store.Save(ctx, next(r), &l) },
		"Delete":  func() error { return x.store.Delete(ctx, workspace, "a", 0, nil) },
		"Lease":   func() error { _, err := x.store.Lease(ctx, workspace, "a", "you", time.Hour); return err },
		"Unlease": func() error { return x.store.Unlease(ctx, l) },
		"Extend":  func() error { return x.store.Extend(ctx, l, time.Nanosecond) },
		"Note":    func() error { return x.store.Note(ctx, l, []byte("late")) },
		"Due":     func() error { _, err := x.store.Due(ctx, r.Created, 1); return err },
		"Changes": func() error { _, _, err := x.store.Changes(ctx, 1); return err },
	}
	for name, call := range calls {
		if err := call(); !errors.Is(err, context.Canceled) {
			x.Errorf("%s: the error is %v, want %v", name, err, context.Canceled)
		}
	}
	x.holds(x.store, r)
	x.isLeased("a")
	x.noted(x.store, "a", "")
	changes, _, err := x.store.Changes(x.Context(), position)
	x.ok(err)
	if len(changes) > 0 {
		x.Errorf("something changed: %+v", changes)
	}
}

// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/credhost/credhost/host"
)

var dueTests = map[string]func(*trial){
	"is of all workspaces, in order": dueInOrder,
	"is never without a time":        dueNeverWithoutTime,
	"is at most what is asked for":   dueAtMost,
	"is without what is sealed":      dueWithoutSealed,
	"comes back as it was":           dueComesBack,
	"is what was saved last":         dueSavedLast,
}

// due returns the workspaces and IDs of what is due.
func (x *trial) due(s host.Store, until time.Time, limit int) string {
	x.Helper()
	due, err := s.Due(x.Context(), until, limit)
	x.ok(err)
	var ids []string
	for _, r := range due {
		ids = append(ids, r.Workspace+"/"+r.ID)
	}
	return strings.Join(ids, " ")
}

// isDue fails unless exactly these are due, up to a time.
func (x *trial) isDue(until time.Time, want string) {
	x.Helper()
	if got := x.due(x.store, until, 100); got != want {
		x.Fatalf("due until %v are %q, want %q", until, got, want)
	}
}

var day = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// createDue stores a record that is due so long after day.
func (x *trial) createDue(where, id string, kind host.Kind, after time.Duration) host.Record {
	x.Helper()
	r := record(id)
	r.Workspace, r.Kind, r.Due = where, kind, day.Add(after)
	x.ok(x.store.Create(x.Context(), r))
	return r
}

func dueInOrder(x *trial) {
	x.isDue(day, "")
	x.createDue("b", "late", host.KindCredential, 3)
	x.createDue("a", "first", host.KindFlow, 0)
	x.createDue("c", "third", host.KindApplication, 2)
	x.createDue("", "z", host.KindCredential, 1)
	x.createDue(workspace, "old", host.KindCredential, -50*365*24*time.Hour) // before 1970
	for until, want := range map[time.Duration]string{
		-1:                          "acme/old",
		0:                           "acme/old a/first", // not after
		1:                           "acme/old a/first /z",
		2:                           "acme/old a/first /z c/third",
		time.Hour:                   "acme/old a/first /z c/third b/late",
		-100 * 365 * 24 * time.Hour: "",
	} {
		x.isDue(day.Add(until), want)
		x.isDue(day.Add(until).In(time.FixedZone("", 3600)), want)
	}
}

func dueNeverWithoutTime(x *trial) {
	x.create("a")
	x.isDue(day.AddDate(200, 0, 0), "")
	x.isDue(time.Time{}, "")
	r := x.createDue(workspace, "b", host.KindCredential, 0)
	x.isDue(time.Time{}, "")
	r = next(r)
	r.Due = time.Time{}
	x.ok(x.store.Save(x.Context(), r, nil))
	x.isDue(day.AddDate(200, 0, 0), "")
}

func dueAtMost(x *trial) {
	var want []string
	for i := range 130 {
		id := fmt.Sprintf("%03d", (i*7)%130)
		x.createDue(workspace, id, host.KindCredential, time.Duration((i*7)%130)*time.Second)
		want = append(want, workspace+"/"+id)
	}
	slices.Sort(want)
	for _, limit := range []int{1, 2, 129, 130, 131, 1000} {
		if got := x.due(x.store, day.Add(time.Hour), limit); got != strings.Join(want[:min(limit, 130)], " ") {
			x.Errorf("of at most %d, due are %q", limit, got)
		}
	}
	for _, limit := range []int{0, -1} {
		if got := x.due(x.store, day.Add(time.Hour), limit); got != "" {
			x.Errorf("of at most %d, due are %q", limit, got)
		}
	}
}

func dueWithoutSealed(x *trial) {
	r := x.createDue(workspace, "a", host.KindCredential, 1)
	due, err := x.store.Due(x.Context(), r.Due, 9)
	x.ok(err)
	if len(due) != 1 || due[0].Sealed != nil || due[0].Intent != nil {
		x.Fatalf("due is %+v, want one, without what is sealed", due)
	}
	due[0].Sealed = r.Sealed
	x.same(due[0], r)
	x.holds(x.store, r)
}

func dueComesBack(x *trial) {
	for i, due := range []time.Time{
		{}, day, time.Unix(0, 0), time.Unix(-1, 1),
		time.Date(2199, 12, 31, 23, 59, 59, 999_999_999, time.FixedZone("", -5*3600)),
		time.Now(),
	} {
		r := record(fmt.Sprint(i))
		r.Due = due
		x.ok(x.store.Create(x.Context(), r))
		x.holds(x.store, r)
		page, err := x.store.List(x.Context(), host.Query{Workspace: workspace, Kind: r.Kind, Limit: 9})
		x.ok(err)
		x.same(page[i], r)
	}
}

func dueSavedLast(x *trial) {
	a := x.createDue(workspace, "a", host.KindCredential, 1)
	x.createDue(workspace, "b", host.KindCredential, 2)
	x.isDue(day.Add(1), "acme/a")
	a = next(a)
	a.Due = day.Add(3)
	wrong := next(a)
	x.want(x.store.Save(x.Context(), wrong, nil), host.ErrConflict)
	x.isDue(day.Add(1), "acme/a")
	l := x.lease(x.store, "a", "me", time.Hour)
	x.ok(x.store.Save(x.Context(), a, &l))
	x.isDue(day.Add(2), "acme/b")
	x.isDue(day.Add(3), "acme/b acme/a")
	if got := x.due(x.again(), day.Add(3), 9); got != "acme/b acme/a" {
		x.Errorf("to the other handle, due are %q", got)
	}
	x.ok(x.store.Delete(x.Context(), workspace, "b", 0, nil))
	x.isDue(day.Add(3), "acme/a")
}

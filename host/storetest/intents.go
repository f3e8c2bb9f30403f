// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"bytes"
	"time"

	"github.com/credhost/credhost/host"
)

var intentTests = map[string]func(*trial){
	"come back with Get":          intentsComeBack,
	"are for each record":         intentsForEach,
	"need the lease":              intentsNeedLease,
	"outlive the lease":           intentsOutliveLease,
	"outlive a handle":            intentsOutliveHandle,
	"outlive what others save":    intentsOutliveOthers,
	"outlive a Save that fails":   intentsOutliveFailure,
	"are forgotten with Save":     intentsForgottenWithSave,
	"are forgotten with Delete":   intentsForgottenWithDelete,
	"are no change of the record": intentsNoChange,
	"are in no list":              intentsInNoList,
	"are taken from Note alone":   intentsFromNoteAlone,
	"share no memory":             intentsShareNoMemory,
}

// note notes an intent as the holder of a lease.
func (x *trial) note(l host.Lease, intent string) {
	x.Helper()
	x.ok(x.store.Note(x.Context(), l, []byte(intent)))
}

// noted fails unless the record has the intent; "": it has none.
func (x *trial) noted(s host.Store, id, want string) {
	x.Helper()
	if r := x.get(s, id); string(r.Intent) != want || want == "" && r.Intent != nil {
		x.Fatalf("noted beside %s is %q (nil: %v), want %q", id, r.Intent, r.Intent == nil, want)
	}
}

func intentsComeBack(x *trial) {
	r := x.create("a")
	x.noted(x.store, "a", "")
	l := x.lease(x.store, "a", "me", time.Hour)
	large := string(bytes.Repeat([]byte{0, 255, 1, 0x27}, 1<<18))
	for _, intent := range []string{"what I am about to do", "and what I have learnt", "x", large, "less"} {
		x.note(l, intent)
		x.noted(x.store, "a", intent)
		x.holds(x.store, r)
	}
	for range 2 {
		x.ok(x.store.Note(x.Context(), l, nil))
		x.noted(x.store, "a", "")
	}
	x.note(l, "again")
	x.noted(x.store, "a", "again")
	x.isLeased("a")
}

func intentsForEach(x *trial) {
	x.create("a", "b")
	twin := record("a")
	twin.Workspace = "other"
	x.ok(x.store.Create(x.Context(), twin))
	x.note(x.lease(x.store, "a", "me", time.Hour), "of a")
	x.noted(x.store, "b", "")
	x.note(x.lease(x.store, "b", "me", time.Hour), "of b")
	x.noted(x.store, "a", "of a")
	x.noted(x.store, "b", "of b")
	if r, err := x.store.Get(x.Context(), "other", "a"); err != nil || r.Intent != nil {
		x.Errorf("noted beside the other workspace's is %q, %v", r.Intent, err)
	}
}

// What is noted is fenced as Save is: by the owner, the epoch and the end.
func intentsNeedLease(x *trial) {
	x.create("a", "b")
	lapsed := x.lease(x.store, "a", "me", x.brief())
	x.note(lapsed, "first")
	x.pass(2 * x.brief())
	x.refusesNote(lapsed, host.ErrConflict) // though nobody has taken it since
	newest := x.lease(x.store, "a", "me", time.Hour)
	x.refusesNote(lapsed, host.ErrConflict)
	for _, wrong := range wrongLeases(newest, "b") {
		x.refusesNote(wrong, host.ErrConflict)
	}
	for _, nowhere := range []host.Lease{
		{Workspace: "other", ID: "a", Owner: "me", Epoch: newest.Epoch},
		{Workspace: workspace, ID: "none", Owner: "me", Epoch: newest.Epoch},
		{},
	} {
		x.refusesNote(nowhere, host.ErrNotFound)
	}
	x.note(newest, "second")
	x.ok(x.store.Unlease(x.Context(), newest))
	x.want(x.store.Note(x.Context(), newest, []byte("late")), host.ErrConflict)
	x.want(x.store.Note(x.Context(), newest, nil), host.ErrConflict)
	x.noted(x.store, "a", "second")
}

func (x *trial) refusesNote(l host.Lease, want error) {
	x.Helper()
	for _, intent := range [][]byte{[]byte("wrong"), nil} {
		x.want(x.store.Note(x.Context(), l, intent), want)
		x.noted(x.store, "a", "first")
		x.noted(x.store, "b", "")
	}
}

// wrongLeases returns some that differ from one in a detail, such as the ID of
// another record.
func wrongLeases(l host.Lease, other string) []host.Lease {
	return []host.Lease{
		{Workspace: workspace, ID: l.ID, Owner: "you", Epoch: l.Epoch},
		{Workspace: workspace, ID: l.ID, Owner: "", Epoch: l.Epoch},
		{Workspace: workspace, ID: other, Owner: l.Owner, Epoch: l.Epoch},
		{Workspace: workspace, ID: l.ID, Owner: l.Owner, Epoch: l.Epoch + 1},
		{Workspace: workspace, ID: l.ID, Owner: l.Owner, Epoch: l.Epoch - 1},
		{Workspace: workspace, ID: l.ID, Owner: l.Owner},
		{Workspace: workspace, ID: l.ID, Owner: l.Owner, Epoch: 1<<64 - 1},
	}
}

func intentsOutliveLease(x *trial) {
	x.create("a", "b")
	l := x.lease(x.store, "a", "me", x.brief())
	x.note(l, "first")
	x.pass(2 * x.brief())
	x.noted(x.store, "a", "first")
	l = x.lease(x.store, "a", "you", time.Hour)
	x.noted(x.store, "a", "first") // for the next one to read
	x.note(l, "second")
	x.ok(x.store.Unlease(x.Context(), l))
	x.noted(x.store, "a", "second")
	l = x.lease(x.store, "a", "me", time.Hour)
	x.ok(x.store.Extend(x.Context(), l, 2*time.Hour))
	x.noted(x.store, "a", "second")
}

func intentsOutliveHandle(x *trial) {
	r := x.create("a")
	l := x.lease(x.store, "a", "me", time.Hour)
	x.note(l, "before")
	x.noted(x.again(), "a", "before")
	x.ok(x.store.Close())
	again := x.again()
	x.holds(again, r)
	x.noted(again, "a", "before")
	x.ok(again.Note(x.Context(), l, []byte("after")))
	x.noted(again, "a", "after")
	x.ok(again.Save(x.Context(), next(r), &l))
	x.noted(again, "a", "")
}

func intentsOutliveOthers(x *trial) {
	r := x.create("a")
	l := x.lease(x.store, "a", "me", time.Hour)
	x.note(l, "first")
	r = next(r)
	x.ok(x.store.Save(x.Context(), r, nil)) // a person edits it meanwhile
	x.noted(x.store, "a", "first")
	x.note(l, "second")
	x.noted(x.store, "a", "second")
	x.ok(x.store.Unlease(x.Context(), l))
	x.ok(x.store.Save(x.Context(), next(r), nil))
	x.noted(x.store, "a", "second")
}

func intentsOutliveFailure(x *trial) {
	r := x.create("a", "b")
	old := x.lease(x.store, "b", "me", short)
	x.pass(2 * short)
	l := x.lease(x.store, "b", "me", time.Hour)
	x.note(l, "first")
	x.want(x.store.Save(x.Context(), r, &l), host.ErrConflict)
	x.noted(x.store, "b", "first")
	for _, wrong := range append(wrongLeases(l, "a"), old) {
		x.want(x.store.Save(x.Context(), next(r), &wrong), host.ErrConflict)
		x.noted(x.store, "b", "first")
	}
	x.want(x.store.Create(x.Context(), record("b")), host.ErrConflict)
	x.noted(x.store, "b", "first")
}

func intentsForgottenWithSave(x *trial) {
	r := x.create("a", "b")
	l := x.lease(x.store, "a", "me", time.Hour)
	x.note(l, "of a")
	x.ok(x.store.Save(x.Context(), next(record("a")), &l))
	x.noted(x.store, "a", "")
	l = x.lease(x.store, "b", "me", time.Hour)
	x.ok(x.store.Save(x.Context(), next(r), &l)) // nothing was noted
	x.noted(x.store, "b", "")
	x.want(x.store.Note(x.Context(), l, []byte("late")), host.ErrConflict)
	x.noted(x.store, "b", "")
}

func intentsForgottenWithDelete(x *trial) {
	x.create("a")
	old := x.lease(x.store, "a", "me", time.Hour)
	x.note(old, "of the first")
	x.ok(x.store.Delete(x.Context(), workspace, "a", 0, nil))
	x.want(x.store.Note(x.Context(), old, []byte("late")), host.ErrNotFound)
	x.create("a")
	x.noted(x.store, "a", "")
	x.want(x.store.Note(x.Context(), old, []byte("late")), host.ErrConflict)
	x.lease(x.store, "a", "me", time.Hour)
	x.want(x.store.Note(x.Context(), old, []byte("late")), host.ErrConflict)
	x.noted(x.store, "a", "")
}

func intentsNoChange(x *trial) {
	r := x.create("a")
	l := x.lease(x.store, "a", "me", time.Hour)
	f := x.follow(x.store)
	x.note(l, "first")
	x.note(l, "second")
	x.ok(x.store.Note(x.Context(), l, nil))
	x.note(l, "third")
	x.ok(x.store.Extend(x.Context(), l, 2*time.Hour))
	x.holds(x.store, r)
	if n := f.poll(); n != 0 {
		x.Errorf("a note counts as %d changes", n)
	}
	x.ok(x.store.Save(x.Context(), next(r), &l)) // the generation is as it was
	x.holds(x.store, next(r))
}

func intentsInNoList(x *trial) {
	r := record("a")
	r.Due = r.Created
	x.ok(x.store.Create(x.Context(), r))
	x.note(x.lease(x.store, "a", "me", time.Hour), "first")
	page, err := x.store.List(x.Context(), host.Query{Workspace: workspace, Kind: r.Kind})
	x.ok(err)
	due, err := x.store.Due(x.Context(), r.Due, 1)
	x.ok(err)
	for _, r := range append(page, due...) {
		if r.Intent != nil {
			x.Errorf("it is listed with what was noted: %q", r.Intent)
		}
	}
	if len(page) != 1 || len(due) != 1 {
		x.Errorf("listed are %d, and due %d, want one", len(page), len(due))
	}
}

func intentsFromNoteAlone(x *trial) {
	r := record("a")
	r.Intent = []byte("of Create")
	x.ok(x.store.Create(x.Context(), r))
	x.noted(x.store, "a", "")
	r = next(r)
	r.Intent = []byte("of Save")
	x.ok(x.store.Save(x.Context(), r, nil))
	x.noted(x.store, "a", "")
	l := x.lease(x.store, "a", "me", time.Hour)
	x.note(l, "of Note")
	r = next(r)
	x.ok(x.store.Save(x.Context(), r, nil))
	x.noted(x.store, "a", "of Note")
	x.ok(x.store.Save(x.Context(), next(r), &l))
	x.noted(x.store, "a", "")
}

func intentsShareNoMemory(x *trial) {
	x.create("a")
	l := x.lease(x.store, "a", "me", time.Hour)
	given := []byte("first")
	x.ok(x.store.Note(x.Context(), l, given))
	clear(given)
	x.noted(x.store, "a", "first")
	clear(x.get(x.store, "a").Intent)
	x.noted(x.store, "a", "first")
}

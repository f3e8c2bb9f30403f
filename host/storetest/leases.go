// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"time"

	"github.com/credhost/credhost/host"
)

var leaseTests = map[string]func(*trial){
	"are for one":                     forOne,
	"end in time":                     endInTime,
	"have rising epochs":              haveRisingEpochs,
	"end with Unlease":                endWithUnlease,
	"are left alone if they have not": leftAlone,
	"end with Save":                   endWithSave,
	"are needed to Save":              neededToSave,
	"are for a record and an owner":   forRecordAndOwner,
	"outlast what others save":        outlastOthers,
	"outlast a Save that fails":       outlastFailure,
	"end with Delete":                 endWithDelete,
	"are needed to Delete":            neededToDelete,
	"do not change the record":        changeNothing,
	"last for longer with Extend":     lastLonger,
	"are needed to Extend":            neededToExtend,
}

// short is a time that passes quickly where it must be slept through.
const short = 20 * time.Millisecond

// brief is a time that can pass, and in which a slow machine makes a call.
func (x *trial) brief() time.Duration {
	if x.suite.Pass != nil {
		return 5 * time.Minute
	}
	return 20 * short
}

func forOne(x *trial) {
	x.create("a", "b")
	x.lease(x.store, "a", "me", time.Hour)
	for _, owner := range []string{"you", "me", ""} {
		_, err := x.store.Lease(x.Context(), workspace, "a", owner, time.Hour)
		x.want(err, host.ErrLeased)
	}
	x.lease(x.store, "b", "you", time.Hour)
	for _, where := range [][2]string{{workspace, "c"}, {"other", "a"}} {
		_, err := x.store.Lease(x.Context(), where[0], where[1], "me", time.Hour)
		x.want(err, host.ErrNotFound)
	}
}

func endInTime(x *trial) {
	x.create("a", "b")
	x.lease(x.store, "a", "me", short)
	x.lease(x.store, "b", "me", time.Hour)
	x.pass(2 * short)
	x.lease(x.store, "a", "you", time.Hour)
	x.isLeased("b")
	if x.suite.Pass == nil {
		return
	}
	x.pass(59 * time.Minute)
	x.isLeased("b")
	x.isLeased("a")
	x.pass(2 * time.Minute)
	x.lease(x.store, "b", "me", time.Hour)
}

func haveRisingEpochs(x *trial) {
	r := x.create("a")
	var last uint64
	newer := func(ttl time.Duration) host.Lease {
		x.Helper()
		l := x.lease(x.store, "a", "me", ttl)
		if l.Epoch <= last {
			x.Fatalf("epoch %d follows epoch %d", l.Epoch, last)
		}
		last = l.Epoch
		return l
	}
	newer(short)
	x.pass(2 * short)
	x.ok(x.store.Unlease(x.Context(), newer(time.Hour)))
	l := newer(time.Hour)
	x.ok(x.store.Save(x.Context(), next(r), &l))
	newer(time.Hour)
	x.ok(x.store.Delete(x.Context(), workspace, "a", 0, nil))
	x.create("a")
	newer(time.Hour)
}

func endWithUnlease(x *trial) {
	x.create("a")
	l := x.lease(x.store, "a", "me", time.Hour)
	x.ok(x.store.Unlease(x.Context(), l))
	x.ok(x.store.Unlease(x.Context(), l))
	x.lease(x.store, "a", "you", time.Hour)
	x.isLeased("a")
}

func leftAlone(x *trial) {
	x.create("a", "b")
	old := x.lease(x.store, "a", "me", short)
	x.pass(2 * short)
	x.ok(x.store.Unlease(x.Context(), old)) // it has ended
	newest := x.lease(x.store, "a", "me", time.Hour)
	x.ok(x.store.Unlease(x.Context(), old)) // another has taken it since, of the same owner
	x.isLeased("a")
	for _, wrong := range []host.Lease{
		{Workspace: workspace, ID: "a", Owner: "you", Epoch: newest.Epoch},
		{Workspace: workspace, ID: "b", Owner: "me", Epoch: newest.Epoch},
		{Workspace: "other", ID: "a", Owner: "me", Epoch: newest.Epoch},
		{Workspace: workspace, ID: "a", Owner: "me", Epoch: newest.Epoch + 1},
		{Workspace: workspace, ID: "none", Owner: "me", Epoch: 1},
		{},
	} {
		x.ok(x.store.Unlease(x.Context(), wrong))
		x.isLeased("a")
	}
	x.ok(x.store.Delete(x.Context(), workspace, "a", 0, nil))
	x.ok(x.store.Unlease(x.Context(), newest))
}

func endWithSave(x *trial) {
	r := next(x.create("a"))
	l := x.lease(x.store, "a", "me", time.Hour)
	x.ok(x.store.Save(x.Context(), r, &l))
	x.holds(x.store, r)
	x.want(x.store.Save(x.Context(), next(r), &l), host.ErrConflict)
	x.lease(x.store, "a", "you", time.Hour)
}

// A host that has lost its lease cannot save, whether or not another has taken
// it or saved.
func neededToSave(x *trial) {
	r := x.create("a")
	lapsed := x.lease(x.store, "a", "me", short)
	x.pass(2 * short)
	x.want(x.store.Save(x.Context(), next(r), &lapsed), host.ErrConflict)
	newest := x.lease(x.store, "a", "me", time.Hour)
	x.want(x.store.Save(x.Context(), next(r), &lapsed), host.ErrConflict)
	x.isLeased("a")
	x.ok(x.store.Unlease(x.Context(), newest))
	x.want(x.store.Save(x.Context(), next(r), &newest), host.ErrConflict)
	x.want(x.store.Save(x.Context(), next(r), &lapsed), host.ErrConflict)
	x.holds(x.store, r)
	x.want(x.store.Save(x.Context(), next(record("none")), &newest), host.ErrNotFound)
}

func forRecordAndOwner(x *trial) {
	x.create("a")
	r := x.create("b")
	a := x.lease(x.store, "a", "me", time.Hour)
	b := x.lease(x.store, "b", "me", time.Hour)
	for _, wrong := range []host.Lease{
		a,
		{Workspace: workspace, ID: "a", Owner: "me", Epoch: b.Epoch},
		{Workspace: "other", ID: "b", Owner: "me", Epoch: b.Epoch},
		{Workspace: workspace, ID: "b", Owner: "you", Epoch: b.Epoch},
		{Workspace: workspace, ID: "b", Owner: "me", Epoch: b.Epoch + 1},
		{Workspace: workspace, ID: "b", Owner: "me", Epoch: b.Epoch - 1},
		{},
	} {
		x.want(x.store.Save(x.Context(), next(r), &wrong), host.ErrConflict)
		x.holds(x.store, r)
	}
	x.isLeased("a")
	x.isLeased("b")
	x.ok(x.store.Save(x.Context(), next(r), &b))
}

func outlastOthers(x *trial) {
	r := x.create("a")
	l := x.lease(x.store, "a", "me", time.Hour)
	r = next(r)
	x.ok(x.store.Save(x.Context(), r, nil)) // a person edits it meanwhile
	x.isLeased("a")
	x.want(x.store.Save(x.Context(), r, &l), host.ErrConflict)
	x.ok(x.store.Save(x.Context(), next(r), &l))
	x.holds(x.store, next(r))
}

func outlastFailure(x *trial) {
	r := x.create("a")
	l := x.lease(x.store, "a", "me", time.Hour)
	x.want(x.store.Save(x.Context(), next(next(r)), &l), host.ErrConflict)
	x.isLeased("a")
	x.holds(x.store, r)
	x.ok(x.store.Save(x.Context(), next(r), &l))
}

func endWithDelete(x *trial) {
	x.create("a")
	old := x.lease(x.store, "a", "me", time.Hour)
	x.ok(x.store.Delete(x.Context(), workspace, "a", 0, nil))
	r := x.create("a")
	x.want(x.store.Save(x.Context(), next(r), &old), host.ErrConflict)
	newest := x.lease(x.store, "a", "me", time.Hour)
	x.want(x.store.Save(x.Context(), next(r), &old), host.ErrConflict)
	x.ok(x.store.Save(x.Context(), next(r), &newest))
}

// A host that has lost its lease cannot delete, if it says that it has one.
func neededToDelete(x *trial) {
	x.create("b")
	r := x.create("a")
	lapsed := x.lease(x.store, "a", "me", short)
	x.pass(2 * short)
	newest := x.lease(x.store, "a", "me", time.Hour)
	other := x.lease(x.store, "b", "me", time.Hour)
	stranger := newest
	stranger.Owner = "you"
	for _, wrong := range []host.Lease{lapsed, other, stranger, {}} {
		x.want(x.store.Delete(x.Context(), workspace, "a", 0, &wrong), host.ErrConflict)
		x.want(x.store.Delete(x.Context(), workspace, "a", 1, &wrong), host.ErrConflict)
		x.holds(x.store, r)
	}
	x.isLeased("a")
	x.want(x.store.Delete(x.Context(), workspace, "a", 2, &newest), host.ErrConflict)
	x.isLeased("a")
	x.want(x.store.Delete(x.Context(), workspace, "none", 1, &newest), host.ErrNotFound)
	x.ok(x.store.Delete(x.Context(), workspace, "a", 1, &newest))
	_, err := x.store.Get(x.Context(), workspace, "a")
	x.want(err, host.ErrNotFound)
	x.ok(x.store.Unlease(x.Context(), newest))
}

func changeNothing(x *trial) {
	r := x.create("a")
	_, position, err := x.store.Changes(x.Context(), 0)
	x.ok(err)
	l := x.lease(x.store, "a", "me", time.Hour)
	x.holds(x.store, r)
	x.ok(x.store.Unlease(x.Context(), l))
	x.holds(x.store, r)
	changes, _, err := x.store.Changes(x.Context(), position)
	x.ok(err)
	if len(changes) > 0 {
		x.Errorf("a lease counts as a change: %+v", changes)
	}
}

// lastLonger counts from the call, not from the lease's end.
func lastLonger(x *trial) {
	r := x.create("a", "b")
	b := x.lease(x.store, "b", "me", time.Hour)
	a := x.lease(x.store, "a", "me", x.brief())
	x.ok(x.store.Extend(x.Context(), a, 3*time.Hour))
	x.pass(2 * x.brief())
	x.isLeased("a")
	x.ok(x.store.Save(x.Context(), next(record("a")), &a)) // by the same epoch
	x.ok(x.store.Extend(x.Context(), b, short))
	x.pass(2 * short)
	x.want(x.store.Save(x.Context(), next(r), &b), host.ErrConflict)
	x.lease(x.store, "b", "you", time.Hour)
	if x.suite.Pass == nil {
		return
	}
	b = x.lease(x.store, "a", "me", time.Hour)
	x.pass(59 * time.Minute)
	x.ok(x.store.Extend(x.Context(), b, time.Hour))
	x.pass(59 * time.Minute)
	x.isLeased("a")
	x.pass(2 * time.Minute)
	x.lease(x.store, "a", "you", time.Hour)
}

func neededToExtend(x *trial) {
	x.create("a", "b")
	lapsed := x.lease(x.store, "a", "me", short)
	x.pass(2 * short)
	x.want(x.store.Extend(x.Context(), lapsed, time.Hour), host.ErrConflict)
	newest := x.lease(x.store, "a", "me", time.Hour) // it was not revived
	x.want(x.store.Extend(x.Context(), lapsed, time.Hour), host.ErrConflict)
	for _, wrong := range wrongLeases(newest, "b") {
		x.want(x.store.Extend(x.Context(), wrong, short), host.ErrConflict)
	}
	x.pass(2 * short)
	x.isLeased("a") // nor was it cut short
	x.lease(x.store, "b", "you", time.Hour)
	for _, nowhere := range [][2]string{{"other", "a"}, {workspace, "none"}, {}} {
		l := host.Lease{Workspace: nowhere[0], ID: nowhere[1], Owner: "me", Epoch: newest.Epoch}
		x.want(x.store.Extend(x.Context(), l, time.Hour), host.ErrNotFound)
	}
	x.ok(x.store.Unlease(x.Context(), newest))
	x.want(x.store.Extend(x.Context(), newest, time.Hour), host.ErrConflict)
	x.lease(x.store, "a", "you", time.Hour)
	x.ok(x.store.Delete(x.Context(), workspace, "a", 0, nil))
	x.want(x.store.Extend(x.Context(), newest, time.Hour), host.ErrNotFound)
}

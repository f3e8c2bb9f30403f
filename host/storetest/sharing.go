// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/credhost/credhost/host"
)

// Each of these uses the store by two handles, as two processes would.
var sharingTests = map[string]func(*trial){
	"outlives a handle":                   outlivesHandle,
	"shows each what the other does":      showsEach,
	"has one winner":                      oneWinner,
	"loses no update":                     losesNoUpdate,
	"lets nobody spend a token twice":     spendsOnce,
	"lets a follower miss nothing":        missesNothing,
	"holds nothing between calls":         holdsNothing,
	"never shows a page out of its order": listsWhileChanging,
}

// patience is how long the slowest machine may take for what takes seconds.
const patience = 30 * time.Second

// together calls f from n goroutines at once, with one handle or the other,
// and waits for them.
func (x *trial) together(n int, f func(i int, s host.Store)) {
	x.Helper()
	handles := []host.Store{x.store, x.again()}
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			<-start
			f(i, handles[i%len(handles)])
		})
	}
	close(start)
	all.Wait()
}

// failed reports an unexpected error from any goroutine.
func (x *trial) failed(err error) bool {
	x.Helper()
	if err != nil {
		x.Errorf("unexpected error: %v", err)
	}
	return err != nil
}

func outlivesHandle(x *trial) {
	r := x.create("a", "b")
	x.ok(x.store.Save(x.Context(), next(r), nil))
	x.ok(x.store.Delete(x.Context(), workspace, "a", 0, nil))
	f := x.follow(x.store)
	l := x.lease(x.store, "b", "me", time.Hour)
	x.ok(x.store.Close())
	again := x.again()
	x.holds(again, next(r))
	_, err := again.Get(x.Context(), workspace, "a")
	x.want(err, host.ErrNotFound)
	f.store = again
	if n := f.poll(); n > 0 {
		x.Errorf("%d changes were seen anew", n)
	}
	_, err = again.Lease(x.Context(), workspace, "b", "you", time.Hour)
	x.want(err, host.ErrLeased)
	x.ok(again.Save(x.Context(), next(next(r)), &l))
}

func showsEach(x *trial) {
	one, other := x.store, x.again()
	f := x.follow(other)
	r := x.create("a")
	for range 5 {
		x.holds(other, r)
		l := x.lease(other, "a", "me", time.Hour)
		x.isLeased("a")
		f.poll()
		f.has(map[string]uint64{"a": r.Generation})
		r = next(r)
		x.ok(other.Save(x.Context(), r, &l))
		x.holds(one, r)
		l = x.lease(one, "a", "you", time.Hour)
		_, err := other.Lease(x.Context(), workspace, "a", "me", time.Hour)
		x.want(err, host.ErrLeased)
		x.ok(other.Unlease(x.Context(), l))
		one, other = other, one
	}
	x.ok(other.Delete(x.Context(), workspace, "a", 0, nil))
	_, err := one.Get(x.Context(), workspace, "a")
	x.want(err, host.ErrNotFound)
	if ids := x.list(one, host.Query{Workspace: workspace, Kind: r.Kind}); len(ids) > 0 {
		x.Errorf("deleted, and yet listed: %v", ids)
	}
	f.poll()
	f.has(map[string]uint64{})
}

// oneWinner lets many do what only one can.
func oneWinner(x *trial) {
	const goroutines = 8
	contest := func(what string, loses error, do func(i int, s host.Store) error) {
		x.Helper()
		var won atomic.Int32
		x.together(goroutines, func(i int, s host.Store) {
			switch err := do(i, s); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, loses):
				x.Errorf("%s: the error is %v, want %v", what, err, loses)
			}
		})
		if won.Load() != 1 {
			x.Errorf("%s: %d of %d won, want 1", what, won.Load(), goroutines)
		}
	}
	for round := range 5 {
		r := record(fmt.Sprint(round))
		contest("Create", host.ErrConflict, func(_ int, s host.Store) error { return s.Create(x.Context(), r) })
		contest("Save", host.ErrConflict, func(_ int, s host.Store) error { return s.Save(x.Context(), next(r), nil) })
		var mu sync.Mutex
		var lease host.Lease
		contest("Lease", host.ErrLeased, func(i int, s host.Store) error {
			l, err := s.Lease(x.Context(), workspace, r.ID, fmt.Sprint(i), time.Hour)
			if err == nil {
				mu.Lock()
				defer mu.Unlock()
				lease = l
			}
			return err
		})
		contest("Save with a lease", host.ErrConflict, func(_ int, s host.Store) error {
			return s.Save(x.Context(), next(next(r)), &lease)
		})
		contest("Delete", host.ErrNotFound, func(_ int, s host.Store) error { return s.Delete(x.Context(), workspace, r.ID, 0, nil) })
	}
}

func losesNoUpdate(x *trial) {
	const goroutines, each = 4, 20
	x.create("a")
	ctx, cancel := context.WithTimeout(x.Context(), patience)
	defer cancel()
	x.together(goroutines, func(_ int, s host.Store) {
		for done := 0; done < each; {
			r, err := s.Get(ctx, workspace, "a")
			if x.failed(errors.Join(err, ctx.Err())) {
				return
			}
			r.Generation++
			r.Sealed = fmt.Append(nil, r.Generation)
			switch err := s.Save(ctx, r, nil); {
			case err == nil:
				done++
			case !errors.Is(err, host.ErrConflict):
				x.failed(err)
				return
			}
		}
	})
	r := x.get(x.store, "a")
	if want := uint64(1 + goroutines*each); r.Generation != want || string(r.Sealed) != fmt.Sprint(want) {
		x.Errorf("after %d saves the generation is %d, and sealed is %q", want-1, r.Generation, r.Sealed)
	}
}

// A service is one that gives a new refresh token for each, and where one that
// comes again is taken for stolen.
type service struct {
	mu     sync.Mutex
	token  int
	stolen []int
}

func (s *service) refresh(token int) (fresh int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if token != s.token {
		s.stolen = append(s.stolen, token)
	}
	s.token++
	return s.token
}

// spendsOnce renews a grant from many goroutines as a host does: by lease,
// looking again, spending the token, and saving.
func spendsOnce(x *trial) {
	const renewals = 30
	r := record("a")
	r.Sealed = []byte("0")
	x.ok(x.store.Create(x.Context(), r))
	var s service
	ctx, cancel := context.WithTimeout(x.Context(), patience)
	defer cancel()
	x.together(6, func(i int, store host.Store) {
		for done := false; !done; {
			var err error
			done, err = renew(ctx, store, &s, fmt.Sprint(i), renewals)
			if x.failed(errors.Join(err, ctx.Err())) {
				return
			}
		}
	})
	if len(s.stolen) > 0 || s.token != renewals {
		x.Errorf("%d tokens were given, want %d; spent twice were %v", s.token, renewals, s.stolen)
	}
	if got := string(x.get(x.store, "a").Sealed); got != fmt.Sprint(renewals) {
		x.Errorf("the record has the token %s, want %d", got, renewals)
	}
}

// renew renews once, if nobody else does; done says that it has happened often
// enough.
func renew(ctx context.Context, store host.Store, s *service, owner string, often int) (done bool, err error) {
	l, err := store.Lease(ctx, workspace, "a", owner, time.Hour)
	if err != nil {
		if errors.Is(err, host.ErrLeased) {
			err = nil
		}
		return false, err
	}
	r, err := store.Get(ctx, workspace, "a")
	if err != nil {
		return false, err
	}
	var token int
	if _, err := fmt.Sscan(string(r.Sealed), &token); err != nil {
		return false, err
	}
	if r.Intent != nil {
		return false, fmt.Errorf("the one before has left %q", r.Intent)
	}
	if token == often {
		return true, store.Unlease(ctx, l)
	}
	if err := store.Note(ctx, l, r.Sealed); err != nil {
		return false, err
	}
	r.Generation++
	r.Sealed = fmt.Append(nil, s.refresh(token))
	return false, store.Save(ctx, r, &l)
}

// missesNothing follows a store while others write to it. A number that is
// given early and appears late would be missed.
func missesNothing(x *trial) {
	const writers, each = 4, 60
	f := x.follow(x.again())
	done := make(chan struct{})
	defer func() { <-done }()
	go func() {
		defer close(done)
		x.together(writers, func(i int, s host.Store) {
			for n := range each {
				r := record(fmt.Sprintf("%d-%d", i, n%7))
				err := s.Create(x.Context(), r)
				switch {
				case n%3 == 1 && err == nil:
					err = s.Save(x.Context(), next(r), nil)
				case errors.Is(err, host.ErrConflict):
					err = s.Delete(x.Context(), workspace, r.ID, 0, nil)
				}
				x.failed(err)
			}
		})
	}()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		f.poll()
	}
	want := make(map[string]uint64)
	page, err := x.store.List(x.Context(), host.Query{Workspace: workspace, Kind: host.KindCredential, Limit: 1000})
	x.ok(err)
	for _, r := range page {
		want[r.ID] = r.Generation
	}
	f.has(want)
}

// holdsNothing lets one handle call every method, successfully and not, and
// the other write after each.
func holdsNothing(x *trial) {
	other := x.again()
	r := x.create("a")
	var l host.Lease
	calls := []func() error{
		func() error { return x.store.Create(x.Context(), record("a")) },
		func() error { _, err := x.store.Get(x.Context(), workspace, "a"); return err },
		func() error { _, err := x.store.Get(x.Context(), workspace, "none"); return err },
		func() error {
			_, err := x.store.List(x.Context(), host.Query{Workspace: workspace, Kind: r.Kind, Limit: 1})
			return err
		},
		func() error { _, _, err := x.store.Changes(x.Context(), 1); return err },
		func() error { _, _, err := x.store.Changes(x.Context(), 1<<40); return err },
		func() (err error) { l, err = x.store.Lease(x.Context(), workspace, "a", "me", time.Hour); return err },
		func() error { _, err := x.store.Lease(x.Context(), workspace, "a", "me", time.Hour); return err },
		func() error { return x.store.Note(x.Context(), l, []byte("noted")) },
		func() error { return x.store.Note(x.Context(), host.Lease{}, nil) },
		func() error { return x.store.Extend(x.Context(), l, 2*time.Hour) },
		func() error { return x.store.Extend(x.Context(), host.Lease{Workspace: workspace, ID: "a"}, time.Hour) },
		func() error { _, err := x.store.Due(x.Context(), r.Created, 1); return err },
		func() error { return x.store.Save(x.Context(), r, &l) },
		func() error { return x.store.Save(x.Context(), r, nil) },
		func() error { return x.store.Unlease(x.Context(), l) },
		func() error { return x.store.Delete(x.Context(), workspace, "none", 0, nil) },
		func() error { return x.store.Delete(ended(x.Context()), workspace, "a", 0, nil) },
	}
	for i, call := range calls {
		_ = call()
		ctx, cancel := context.WithTimeout(x.Context(), 5*time.Second)
		err := other.Create(ctx, record(fmt.Sprint(i)))
		cancel()
		if err != nil {
			x.Errorf("after call %d the other handle could not write: %v", i, err)
		}
	}
}

// listsWhileChanging reads all pages while records come and go between those
// that stay.
func listsWhileChanging(x *trial) {
	var stay []string
	for i := range 20 {
		stay = append(stay, fmt.Sprintf("%02d", i))
	}
	x.create(stay...)
	x.together(4, func(i int, s host.Store) {
		if i < 2 {
			for n := range 40 {
				r := record(fmt.Sprintf("%02d-%d", n%20, i))
				x.failed(s.Create(x.Context(), r))
				x.failed(s.Delete(x.Context(), workspace, r.ID, 0, nil))
			}
			return
		}
		for range 10 {
			x.readsPages(s, stay)
		}
	})
}

// readsPages fails unless the pages are in order and hold all that stay.
func (x *trial) readsPages(s host.Store, stay []string) {
	var all []string
	for after := ""; ; {
		page, err := s.List(x.Context(), host.Query{Workspace: workspace, Kind: host.KindCredential, After: after, Limit: 3})
		if x.failed(err) {
			return
		}
		for _, r := range page {
			all = append(all, r.ID)
		}
		if len(page) < 3 {
			break
		}
		after = page[2].ID
	}
	if !slices.IsSorted(all) || len(slices.Compact(slices.Clone(all))) != len(all) {
		x.Errorf("the pages are out of order: %v", all)
	}
	for _, id := range stay {
		if !slices.Contains(all, id) {
			x.Errorf("%s is missing in %v", id, all)
		}
	}
}

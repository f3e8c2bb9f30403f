// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
)

// Agree makes the same random calls of the stores that two suites open, and
// fails where they answer differently. Both suites must have a Pass. Package
// memstore is simple enough to compare others with.
func Agree(t *testing.T, one, other Suite) {
	seed := rand.Uint64()
	a := &agreement{Rand: rand.New(rand.NewPCG(seed, seed))}
	for i, s := range []Suite{one, other} {
		a.sides[i] = &trial{TB: t, suite: s, store: s.Open(t)}
		a.followers[i] = a.sides[i].follow(a.sides[i].store)
	}
	for step := range 1000 {
		name, call := a.call()
		if first, second := call(0), call(1); first != second {
			t.Fatalf("seed %d, step %d: to %s\none store answers   %s\nthe other answers  %s", seed, step, name, first, second)
		}
	}
}

type agreement struct {
	*rand.Rand
	sides     [2]*trial
	followers [2]*follower
	leases    [][2]host.Lease // those taken, of either store, whose epochs may differ
}

// call returns a random call, which is to be made of either store in turn.
func (a *agreement) call() (name string, do func(side int) string) {
	ctx := a.sides[0].Context()
	r := a.record()
	store := func(side int) host.Store { return a.sides[side].store }
	switch a.IntN(14) {
	case 0, 1, 2, 3, 4:
		return a.leaseCall(r)
	case 5:
		r.Generation = 1
		return fmt.Sprintf("Create %v", r), func(i int) string { return answer(nil, store(i).Create(ctx, r)) }
	case 6, 7:
		l, ok := a.lease()
		if ok && a.IntN(4) > 0 {
			r.ID = l[0].ID
		}
		return fmt.Sprintf("Save %v with %v %v", r, ok, l), func(i int) string {
			if !ok {
				return answer(nil, store(i).Save(ctx, r, nil))
			}
			return answer(nil, store(i).Save(ctx, r, &l[i]))
		}
	case 8:
		l, ok := a.lease()
		ok = ok && a.IntN(2) == 0
		if ok && a.IntN(4) > 0 {
			r.ID = l[0].ID
		}
		generation := r.Generation * uint64(a.IntN(2))
		return fmt.Sprintf("Delete %s of generation %d with %v %v", r.ID, generation, ok, l), func(i int) string {
			if !ok {
				return answer(nil, store(i).Delete(ctx, workspace, r.ID, generation, nil))
			}
			return answer(nil, store(i).Delete(ctx, workspace, r.ID, generation, &l[i]))
		}
	case 9:
		return "Get " + r.ID, func(i int) string {
			got, err := store(i).Get(ctx, workspace, r.ID)
			return answer([]host.Record{got}, err)
		}
	case 10:
		until, limit := time.Unix(int64(a.IntN(20)), 0), a.IntN(5)
		return fmt.Sprintf("Due until %v, at most %d", until, limit), func(i int) string {
			due, err := store(i).Due(ctx, until, limit)
			return answer(due, err)
		}
	case 11, 12:
		q := a.query()
		return fmt.Sprintf("List %+v", q), func(i int) string {
			page, err := store(i).List(ctx, q)
			return answer(page, err)
		}
	default:
		return "Changes, and nothing for a while", func(i int) string {
			a.followers[i].poll()
			a.sides[i].pass(25 * time.Minute)
			return fmt.Sprint(a.followers[i].records)
		}
	}
}

// leaseCall returns a random call that is about a lease.
func (a *agreement) leaseCall(r host.Record) (name string, do func(side int) string) {
	ctx := a.sides[0].Context()
	store := func(side int) host.Store { return a.sides[side].store }
	switch a.IntN(6) {
	case 0, 1:
		ttl := time.Duration(1+a.IntN(3)) * 20 * time.Minute
		var both [2]host.Lease
		return fmt.Sprintf("Lease %s for %v", r.ID, ttl), func(i int) string {
			var err error
			both[i], err = store(i).Lease(ctx, workspace, r.ID, r.Name, ttl)
			if i == 1 && err == nil {
				a.leases = append(a.leases, both)
			}
			return answer(nil, err)
		}
	case 2:
		l, _ := a.lease()
		return fmt.Sprintf("Unlease %v", l), func(i int) string { return answer(nil, store(i).Unlease(ctx, l[i])) }
	case 3:
		l, _ := a.lease()
		ttl := time.Duration(a.IntN(4)) * 20 * time.Minute
		return fmt.Sprintf("Extend %v for %v", l, ttl), func(i int) string { return answer(nil, store(i).Extend(ctx, l[i], ttl)) }
	default:
		l, _ := a.lease()
		intent := [][]byte{nil, []byte("one"), []byte("other")}[a.IntN(3)]
		return fmt.Sprintf("Note %q with %v", intent, l), func(i int) string { return answer(nil, store(i).Note(ctx, l[i], intent)) }
	}
}

// record returns one of a few records, in one of a few states.
func (a *agreement) record() host.Record {
	n := a.IntN(4)
	r := record(string(rune('a' + n)))
	r.Generation = uint64(1 + a.IntN(4))
	r.Type, r.Name = fmt.Sprint("type", a.IntN(2)), fmt.Sprint("name", a.IntN(2))
	r.Created, r.Updated = time.Unix(int64(a.IntN(5)), 0), time.Unix(int64(a.IntN(5)), 0)
	if due := a.IntN(6); due > 0 {
		r.Due = time.Unix(int64(4*due+n), 0) // no two at once: their order is open
	}
	return r
}

// lease returns one that was taken lately, or none.
func (a *agreement) lease() (l [2]host.Lease, ok bool) {
	if i := len(a.leases) - 1 - a.IntN(12); i >= 0 {
		return a.leases[i], true
	}
	return l, false
}

func (a *agreement) query() host.Query {
	q := host.Query{Workspace: workspace, Kind: host.KindCredential, After: string(rune('`' + a.IntN(6))), Limit: a.IntN(4)}
	if a.IntN(2) == 0 {
		q.Type = "type1"
	}
	if a.IntN(2) == 0 {
		q.Before = time.Unix(int64(a.IntN(5)), 0)
	}
	return q
}

// answer puts what a store answers in words.
func answer(page []host.Record, err error) string {
	for _, known := range []error{host.ErrNotFound, host.ErrConflict, host.ErrLeased} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	return fmt.Sprintf("%v %v", page, err)
}

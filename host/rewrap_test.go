// SPDX-License-Identifier: Apache-2.0

package host_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/memstore"
	"github.com/credhost/credhost/host/sealer"
)

// A turnover is a store whose records are sealed by a key that is not the
// primary one any more.
type turnover struct {
	*memstore.Store
	ring *sealer.Keyring
	*sealer.Sealer
	shelf     *host.Shelf
	old, now  string // the keys
	meanwhile func() // called before the first Reseal
}

// Reseal implements [host.WholeStore].
func (o *turnover) Reseal(ctx context.Context, was, now host.Record) error {
	if f := o.meanwhile; f != nil {
		o.meanwhile = nil
		f()
	}
	return o.Store.Reseal(ctx, was, now)
}

// newTurnover has n items, of which the first has something noted beside it.
func newTurnover(t *testing.T, n int) *turnover {
	t.Helper()
	ring, err := sealer.NewKeyring()
	if err != nil {
		t.Fatal(err)
	}
	o := &turnover{Store: memstore.New(), ring: ring, Sealer: sealer.New(ring)}
	o.shelf = host.EarlyShelf(host.Config{Store: o.Store, Sealer: o.Sealer}, "note")
	for i := range n {
		if _, err := o.shelf.Create(t.Context(), host.Item{Workspace: fmt.Sprint("w", i%3), ID: fmt.Sprintf("i-%03d", i)}, i); err != nil {
			t.Fatal(err)
		}
	}
	o.note(t, "w0", "i-000", "noted")
	o.old, _ = ring.KeyID(t.Context())
	if o.now, err = ring.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return o
}

func (o *turnover) note(t *testing.T, workspace, id, text string) {
	t.Helper()
	rec, err := o.Get(t.Context(), workspace, id)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := o.Seal(t.Context(), []byte(text), host.NoteBinding(rec))
	if err != nil {
		t.Fatal(err)
	}
	l, err := o.Lease(t.Context(), workspace, id, "me", time.Millisecond)
	if err == nil {
		err = o.Note(t.Context(), l, sealed)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// needs returns how many records need each key.
func (o *turnover) needs(t *testing.T) map[string]int {
	t.Helper()
	n, err := host.KeysInUse(t.Context(), o, sealer.KeyID)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// opens fails unless every record can be opened with the new key alone.
func (o *turnover) opens(t *testing.T) {
	t.Helper()
	if err := o.ring.Remove(t.Context(), o.old); err != nil {
		t.Fatal(err)
	}
	all, err := o.All(t.Context(), "", "", 10_000)
	if err != nil {
		t.Fatal(err)
	}
	for _, rec := range all {
		if err := host.CheckOpens(t.Context(), o, rec); err != nil {
			t.Errorf("%s: %v", rec.ID, err)
		}
	}
}

func TestRewrap(t *testing.T) {
	t.Parallel()
	o := newTurnover(t, 250)
	if n := o.needs(t); n[o.old] != 250 || len(n) != 1 {
		t.Fatalf("before, the keys are needed by %v", n)
	}
	var said []host.Rewrapped
	r, err := host.Rewrap(t.Context(), o, o, func(r host.Rewrapped) { said = append(said, r) })
	if err != nil || r.Changed != 250 || r.Pass != 2 || r.Failed != nil {
		t.Errorf("Rewrap = %+v, %v", r, err)
	}
	if len(said) != 5 || said[0].Seen != 100 || said[0].Changed != 100 {
		t.Errorf("it says %+v on the way", said)
	}
	if n := o.needs(t); n[o.now] != 250 || len(n) != 1 {
		t.Errorf("afterwards, the keys are needed by %v", n)
	}
	if r, err := host.Rewrap(t.Context(), o, o, nil); err != nil || r.Changed != 0 || r.Pass != 1 {
		t.Errorf("again, Rewrap = %+v, %v", r, err)
	}
	o.opens(t)
}

// What others do meanwhile stays as they did it.
func TestRewrapGivesWay(t *testing.T) {
	t.Parallel()
	for name, meanwhile := range map[string]func(*testing.T, *turnover){
		"saved": func(t *testing.T, o *turnover) {
			var v int
			item, err := o.shelf.Get(t.Context(), "w0", "i-000", &v)
			if err == nil {
				_, err = o.shelf.Save(t.Context(), item, 77)
			}
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Millisecond) // the lease ends
			o.note(t, "w0", "i-000", "of the record as it is now")
		},
		"noted": func(t *testing.T, o *turnover) {
			time.Sleep(2 * time.Millisecond)
			o.note(t, "w0", "i-000", "noted since")
		},
		"deleted": func(t *testing.T, o *turnover) { o.Delete(t.Context(), "w0", "i-000", 0, nil) },
		"made by a host that is late": func(t *testing.T, o *turnover) {
			o.ring.Promote(t.Context(), o.old)
			o.shelf.Create(t.Context(), host.Item{Workspace: "a", ID: "first of all"}, 1)
			o.ring.Promote(t.Context(), o.now)
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := newTurnover(t, 4)
			o.meanwhile = func() { meanwhile(t, o) }
			if r, err := host.Rewrap(t.Context(), o, o, nil); err != nil {
				t.Fatalf("Rewrap = %+v, %v", r, err)
			}
			if n := o.needs(t); len(n) != 1 || n[o.now] < 3 {
				t.Errorf("the keys are needed by %v", n)
			}
			if rec, err := o.Get(t.Context(), "w0", "i-000"); name == "noted" && err == nil {
				plain, err := o.Open(t.Context(), rec.Intent, host.NoteBinding(rec))
				if string(plain) != "noted since" {
					t.Errorf("beside it is noted %q, %v", plain, err)
				}
			}
			o.opens(t)
		})
	}
}

// One that is damaged keeps nobody from going on with the others, and is named.
func TestRewrapNamesWhatItCannotOpen(t *testing.T) {
	t.Parallel()
	o := newTurnover(t, 5)
	rec, err := o.Get(t.Context(), "w1", "i-001")
	if err != nil {
		t.Fatal(err)
	}
	was := rec
	rec.Sealed = slices.Clone(rec.Sealed)
	rec.Sealed[len(rec.Sealed)-1] ^= 1
	if err := o.Store.Reseal(t.Context(), was, rec); err != nil {
		t.Fatal(err)
	}
	r, err := host.Rewrap(t.Context(), o, o, nil)
	if err == nil || !strings.Contains(err.Error(), "w1/i-001") || !slices.Equal(r.Failed, []string{"w1/i-001"}) || r.Changed != 4 {
		t.Errorf("Rewrap = %+v, %v", r, err)
	}
	if n := o.needs(t); n[o.old] != 1 || n[o.now] != 4 {
		t.Errorf("the keys are needed by %v", n)
	}
}

func TestRewrapEnds(t *testing.T) {
	t.Parallel()
	o := newTurnover(t, 5)
	ctx, cancel := context.WithCancel(t.Context())
	o.meanwhile = cancel
	if r, err := host.Rewrap(ctx, o, o, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Rewrap = %+v, %v", r, err)
	}
	if r, err := host.Rewrap(t.Context(), o, o, nil); err != nil || r.Changed != 5 {
		t.Errorf("afterwards, Rewrap = %+v, %v", r, err)
	}
}

// What cannot be recorded is not done, if it is dangerous.
func TestAuditFails(t *testing.T) {
	t.Parallel()
	down := errors.New("down")
	fails := false
	h := open(t, func(cfg *host.Config) {
		cfg.Release = func(string, string) bool { return true }
		cfg.Audit = func(context.Context, host.Event) error {
			if fails {
				return down
			}
			return nil
		}
	})
	id := h.create("placed", nil)
	fails = true
	if r, err := h.Release(t.Context(), id); !errors.Is(err, down) || r.Values != nil || r.Header != nil {
		t.Errorf("Release = %+v, %v", r, err)
	}
	if err := h.Delete(t.Context(), id); !errors.Is(err, down) || strings.Contains(err.Error(), "down") {
		t.Errorf("Delete says %v", err)
	}
	if _, err := h.Show(t.Context(), id); err != nil {
		t.Errorf("after a Delete that was refused, Show says %v", err)
	}
	if v, err := h.Test(t.Context(), id); err != nil {
		t.Errorf("Test = %v, %v", v, err)
	}
	fails = false
	if err := h.Delete(t.Context(), id); err != nil {
		t.Error(err)
	}
}

// SPDX-License-Identifier: Apache-2.0

package events_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/credhost/credhost/host/events"
)

// ids are the IDs of events.
func ids(all []events.Event) (ids []string) {
	for _, ev := range all {
		ids = append(ids, ev.ID)
	}
	return ids
}

// all reads all events of the workspace, a few at a time.
func (n *node) all(t *testing.T, after string) (all []events.Event) {
	t.Helper()
	for {
		some, err := n.Since(t.Context(), workspace, after, 7)
		if err != nil {
			t.Fatal(err)
		}
		if len(some) == 0 {
			return all
		}
		all, after = append(all, some...), some[len(some)-1].ID
	}
}

func TestEveryHostSeesOneOrder(t *testing.T) {
	noLeaks(t)
	h := newHouse(t)
	nodes := []*node{h.open(nil), h.open(nil), h.open(nil)}
	var wg sync.WaitGroup
	for i, n := range nodes {
		for j := range 5 {
			wg.Go(func() { n.publish(t, 1000*i+100*j, 20) })
		}
	}
	read := make([][]events.Event, len(nodes))
	for i, n := range nodes { // while they are written
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			for ev, err := range n.Subscribe(ctx, workspace, events.Oldest) {
				if err != nil {
					t.Error(err)
					return
				}
				if read[i] = append(read[i], ev); len(read[i]) == 300 {
					return
				}
			}
		})
	}
	wg.Wait()
	want := h.open(nil).all(t, "")
	if len(want) != 300 {
		t.Fatalf("there are %d events", len(want))
	}
	if !slices.IsSorted(ids(want)) {
		t.Error("IDs do not rise")
	}
	for i := range nodes {
		if diff := cmp.Diff(want, read[i]); diff != "" {
			t.Errorf("host %d has seen another order: %s", i, diff)
		}
	}
	last := map[string]string{} // of each publisher, who waited for one before the next
	for _, ev := range want {
		who := ev.Data.Credential[:len(ev.Data.Credential)-2]
		if ev.Data.Credential < last[who] && len(ev.Data.Credential) == len(last[who]) {
			t.Errorf("%s comes after %s", ev.Data.Credential, last[who])
		}
		last[who] = ev.Data.Credential
	}
}

func TestGoesOnFromAnyID(t *testing.T) {
	h := newHouse(t)
	n := h.open(nil)
	var wg sync.WaitGroup
	for i := range 40 { // some at once, so that batches have several
		wg.Go(func() { n.publish(t, 10*i, 3) })
	}
	wg.Wait()
	want := n.all(t, "")
	if len(want) != 120 {
		t.Fatalf("there are %d events", len(want))
	}
	for _, reader := range []*node{n, h.open(nil)} { // from memory, and from the store
		for i, ev := range want {
			if diff := cmp.Diff(ids(want[i+1:]), ids(reader.all(t, ev.ID))); diff != "" {
				t.Fatalf("after the %d-th: %s", i, diff)
			}
		}
	}
}

func TestLost(t *testing.T) {
	h := newHouse(t)
	n := h.open(func(c *events.Config) { c.Keep = time.Hour })
	old := n.publish(t, 0, 5)
	h.clock.Advance(2 * time.Hour)
	kept := n.publish(t, 5, 3)
	if err := n.Prune(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, reader := range []*node{n, h.open(nil)} {
		if diff := cmp.Diff(ids(kept), ids(reader.all(t, events.Oldest))); diff != "" {
			t.Error(diff)
		}
		some, err := reader.Since(t.Context(), workspace, old[3].ID, 0)
		if reader == n && err == nil && len(some) == 4 { // it is in memory still
		} else if !errors.Is(err, events.ErrBehind) {
			t.Errorf("after what is lost: %v, %v", some, err)
		}
		if some, err := reader.Since(t.Context(), workspace, old[4].ID, 0); err != nil || len(some) != 3 {
			t.Errorf("nothing is lost after the last that was removed: %v, %v", some, err)
		}
		for _, id := range []string{"0", "000000000006-00-zzzzzz", strings.Replace(kept[0].ID, "00-", "01-", 1), "000000000999" + kept[0].ID[12:]} {
			if _, err := reader.Since(t.Context(), workspace, id, 0); !errors.Is(err, events.ErrBehind) {
				t.Errorf("after %s, which is none: %v", id, err)
			}
		}
	}
	h.clock.Advance(100 * time.Hour)
	if err := n.Prune(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left := n.all(t, ""); len(left) != 1 || left[0].ID != kept[2].ID {
		t.Errorf("the newest must stay: %v", ids(left))
	}
	if next := h.open(nil).publish(t, 9, 1); next[0].ID <= kept[2].ID {
		t.Errorf("%s does not come after %s", next[0].ID, kept[2].ID)
	}
}

func TestNoMoreThan(t *testing.T) {
	h := newHouse(t)
	n := h.open(func(c *events.Config) { c.MaxKept = 10 })
	n.publish(t, 0, 35)
	if err := n.Prune(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left := n.all(t, ""); len(left) != 10 {
		t.Errorf("%d are left", len(left))
	}
}

func TestWorkspacesAreApart(t *testing.T) {
	h := newHouse(t)
	n := h.open(nil)
	n.publish(t, 0, 2)
	if _, err := n.Publish(t.Context(), events.Event{Type: events.Created, Workspace: "other", Data: events.Data{Credential: "c-x"}}); err != nil {
		t.Fatal(err)
	}
	some, err := n.Since(t.Context(), "other", "", 0)
	if err != nil || len(some) != 1 || some[0].Data.Credential != "c-x" {
		t.Errorf("%v, %v", some, err)
	}
	if _, err := n.Since(t.Context(), workspace, some[0].ID, 0); !errors.Is(err, events.ErrBehind) {
		t.Errorf("an ID of another workspace: %v", err)
	}
	if err := n.Purge(t.Context(), "other"); err != nil {
		t.Fatal(err)
	}
	if some, err := h.open(nil).Since(t.Context(), "other", "", 0); err != nil || len(some) != 0 {
		t.Errorf("after it was purged: %v, %v", some, err)
	}
	if left := n.all(t, ""); len(left) != 2 {
		t.Errorf("the other has %d", len(left))
	}
}

// TestPurgedElsewhere is about a workspace that is deleted and made again: hosts
// that knew it count from the beginning, as those do that did not.
func TestPurgedElsewhere(t *testing.T) {
	h := newHouse(t)
	a, b := h.open(nil), h.open(nil)
	a.publish(t, 0, 5)
	b.all(t, "")
	if err := b.Purge(t.Context(), workspace); err != nil {
		t.Fatal(err)
	}
	want := b.publish(t, 5, 2)
	eventually(t, "the other host has learnt of it", func() bool {
		some, err := a.Since(t.Context(), workspace, "", 0)
		return err == nil && len(some) == 2
	})
	want = append(want, a.publish(t, 7, 2)...)
	for _, n := range []*node{a, b, h.open(nil)} {
		eventually(t, "all see one log", func() bool { return len(n.all(t, "")) == 4 })
		if diff := cmp.Diff(ids(want), ids(n.all(t, ""))); diff != "" {
			t.Error(diff)
		}
	}
}

// TestPutBack is about a store that was put back to an earlier state: numbers
// are given again, and whoever has seen them learns that.
func TestPutBack(t *testing.T) {
	h := newHouse(t)
	n := h.open(nil)
	n.publish(t, 0, 3)
	other := newHouse(t)
	seen := other.open(nil).publish(t, 0, 3)
	if _, err := n.Since(t.Context(), workspace, seen[1].ID, 0); !errors.Is(err, events.ErrBehind) {
		t.Errorf("after an event of another history: %v", err)
	}
}

func TestSubscribe(t *testing.T) {
	noLeaks(t)
	h := newHouse(t)
	a, b := h.open(nil), h.open(nil)
	a.publish(t, 0, 1)
	got := make(chan events.Event)
	ready := make(chan bool)
	go func() {
		defer close(got)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		last, _ := b.Last(ctx, workspace)
		close(ready)
		for ev, err := range b.Subscribe(ctx, workspace, last) {
			if err != nil {
				if !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
				return
			}
			got <- ev
		}
	}()
	<-ready
	for i := range 3 {
		want := a.publish(t, i+1, 1)[0]
		select {
		case ev := <-got:
			if ev.ID != want.ID {
				t.Errorf("%v", ev)
			}
		case <-time.After(20 * time.Second):
			t.Fatal("another host's event did not arrive")
		}
	}
	b.close()
	if _, more := <-got; more {
		t.Error("it did not end with Close")
	}
	if _, err := b.Publish(t.Context(), events.Event{Type: events.Created, Workspace: workspace}); err == nil {
		t.Error("after Close nothing can be published")
	}
}

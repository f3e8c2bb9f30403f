// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/audit"
	"github.com/credhost/credhost/sdk"
)

// soon demands an error that says when to ask again.
func soon(t testing.TB, err error, want time.Duration) {
	t.Helper()
	var e *sdk.Error
	if !errors.As(err, &e) || e.Code != sdk.Unavailable || e.Reason != audit.ReasonSoon || e.RetryAfter != want {
		t.Errorf("the error is %#v, want one to ask again in %v", err, want)
	}
}

// Who keeps a head outside proves later that nothing was cut off, and is told
// apart from one who has kept another.
func TestInspect(t *testing.T) {
	t.Parallel()
	var now atomic.Int64
	now.Store(time.Now().Unix())
	p := newPlace(t)
	trail := p.open(t, func(c *audit.Config) { c.Now = func() time.Time { return time.Unix(now.Load(), 0) } })
	if h, err := trail.Head(t.Context(), ""); err != nil || h.String() != "" {
		t.Errorf("the head of nothing is %q, %v", h, err)
	}
	other := did(3)
	other.Workspace = "other"
	record(t, trail, did(1), did(2), other)
	if _, ok := trail.Inspected(); ok {
		t.Error("somebody has inspected it already")
	}
	inspect := func(head string) audit.Inspection {
		t.Helper()
		now.Add(60)
		found, err := trail.Inspect(t.Context(), "acme", head)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	all := inspect("")
	whole, err := trail.Head(t.Context(), "")
	if err != nil || all.Broken != nil || all.Entries != 3 || all.Head != whole.String() || whole.Seq != 3 || all.At.Unix() != now.Load() {
		t.Errorf("found %+v, the head is %q, %v", all, whole, err)
	}
	own, err := trail.Head(t.Context(), "acme")
	if err != nil || own.Seq != 2 || own.Time.IsZero() || inspect(own.String()).Broken != nil {
		t.Errorf("a workspace's own head is %q, %v", own, err)
	}
	wrong := "2" + whole.String()[1:]
	if found := inspect(wrong); found.Broken == nil || !found.Broken.Head || found.Broken.Seq != 2 || found.Entries != 3 {
		t.Errorf("with another's head: %+v", found)
	}
	if last, ok := trail.Inspected(); !ok || last.Broken != nil || last.Entries != 3 || last.At.Unix() != now.Load() {
		t.Errorf("what somebody has kept is no fault of the trail: %+v", last)
	}
	for _, bad := range []string{"x", "1:", ":" + whole.Hash, "1:" + whole.Hash + "00", strings.Repeat("a", 63)} {
		if _, err := trail.Inspect(t.Context(), "acme", bad); !errors.Is(err, sdk.Invalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	p.rewrite(t, func(trail []host.TrailEntry) []host.TrailEntry { return trail[:2] })
	if found := inspect(whole.String()); found.Broken == nil || !found.Broken.Head || found.Broken.Seq != 3 {
		t.Errorf("its end was cut off: %+v", found)
	}
	p.rewrite(t, func(trail []host.TrailEntry) []host.TrailEntry { trail[0].Hash[0] ^= 1; return trail })
	if found := inspect(whole.String()); found.Broken == nil || found.Broken.Head || found.Broken.Seq != 1 {
		t.Errorf("an entry was changed: %+v", found)
	}
	if last, _ := trail.Inspected(); last.Broken == nil || !strings.Contains(p.log.String(), "not what hosts have written") {
		t.Errorf("that it is broken is not kept: %+v", last)
	}
}

// A waiting store keeps who reads its trail waiting.
type waitingStore struct {
	host.WholeStore
	enter, leave chan struct{}
	on           atomic.Bool
}

func (s *waitingStore) Trail(ctx context.Context, q host.TrailQuery) ([]host.TrailEntry, error) {
	if s.on.Load() {
		s.enter <- struct{}{}
		<-s.leave
	}
	return s.WholeStore.Trail(ctx, q)
}

// Nobody overloads a host with inspections, and nobody keeps others from theirs.
func TestInspectIsLimited(t *testing.T) {
	t.Parallel()
	var now atomic.Int64
	now.Store(time.Now().Unix())
	p := newPlace(t)
	slow := &waitingStore{WholeStore: p.store, enter: make(chan struct{}), leave: make(chan struct{})}
	p.store = slow
	trail := p.open(t, func(c *audit.Config) { c.Now = func() time.Time { return time.Unix(now.Load(), 0) } })
	record(t, trail, did(1))
	slow.on.Store(true)
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	wg.Go(func() {
		if _, err := trail.Inspect(ctx, "acme", ""); !errors.Is(err, context.Canceled) {
			t.Errorf("who has hung up: %v", err)
		}
	})
	<-slow.enter
	_, err := trail.Inspect(t.Context(), "other", "")
	soon(t, err, time.Second)
	slow.on.Store(false)
	cancel()
	close(slow.leave)
	wg.Wait()
	if _, ok := trail.Inspected(); ok {
		t.Error("one that did not come to its end counts")
	}
	_, err = trail.Inspect(t.Context(), "other", "")
	soon(t, err, time.Second)
	now.Add(1)
	_, err = trail.Inspect(t.Context(), "acme", "")
	soon(t, err, 4*time.Second)
	if _, err = trail.Inspect(t.Context(), "other", ""); err != nil {
		t.Errorf("another, after the rest: %v", err)
	}
	now.Add(5)
	if _, err = trail.Inspect(t.Context(), "acme", ""); err != nil {
		t.Errorf("after its own rest: %v", err)
	}
}

// SPDX-License-Identifier: Apache-2.0

package events_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/egress"
	"github.com/credhost/credhost/host/events"
	"github.com/credhost/credhost/sdk"
)

// hook registers a webhook at r.
func (n *node) hook(t *testing.T, r *receiver, types ...events.Type) events.Hook {
	t.Helper()
	h, secret, err := n.CreateHook(t.Context(), events.NewHook{Workspace: workspace, URL: r.URL + "/in?token=hidden-1234", Description: "tickets", Types: types})
	if err != nil {
		t.Fatal(err)
	}
	r.set(func(r *receiver) { r.secrets = []string{secret} })
	return h
}

// turn turns the clock, and lets the hosts look.
func (h *house) turn(d time.Duration, nodes ...*node) {
	h.clock.Advance(d)
	for _, n := range nodes {
		n.Wake(workspace)
	}
}

func TestDelivers(t *testing.T) {
	noLeaks(t)
	h := newHouse(t)
	n, other := h.open(nil), h.open(nil)
	n.publish(t, 0, 3) // before it is registered
	r := newReceiver(t, h.clock)
	hook := n.hook(t, r)
	if hook.URL != r.URL+"/in?…" || hook.Status != events.HookActive {
		t.Errorf("%+v", hook)
	}
	want := slices.Concat(n.publish(t, 3, 20), other.publish(t, 23, 20))
	eventually(t, "all are taken", func() bool { return len(r.taken()) >= 40 })
	if diff := cmp.Diff(want, r.taken()); diff != "" {
		t.Error(diff)
	}
	r.check(t)
	eventually(t, "it is on record", func() bool {
		log, err := other.Deliveries(t.Context(), workspace, hook.ID, 0)
		return err == nil && len(log) == 40 && log[0].Done && log[0].Status == 204 && log[0].Attempts == 1
	})
}

func TestOnlyWhatItIsFor(t *testing.T) {
	h := newHouse(t)
	n := h.open(nil)
	r := newReceiver(t, h.clock)
	n.hook(t, r, events.Created, events.Deleted)
	n.publish(t, 0, 5)
	for _, typ := range []events.Type{events.Created, events.Expiring, events.Deleted} {
		if _, err := n.Publish(t.Context(), events.Event{Type: typ, Workspace: workspace}); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "two are taken", func() bool { return len(r.taken()) == 2 })
	if got := r.taken(); got[0].Type != events.Created || got[1].Type != events.Deleted {
		t.Errorf("%v", got)
	}
}

// TestReceiverDown is about a receiver that is away for two hours: nothing is
// lost, all comes in its order, and it is asked seldom meanwhile.
func TestReceiverDown(t *testing.T) {
	h := newHouse(t)
	n := h.open(nil)
	r := newReceiver(t, h.clock)
	down := func(events.Event, int) (int, http.Header) { return 503, nil }
	r.set(func(r *receiver) { r.answer = down })
	hook := n.hook(t, r)
	want := n.publish(t, 0, 10)
	eventually(t, "it has failed", func() bool { return r.attempts() == 1 })
	status := func() events.Hook {
		now, err := n.Hook(t.Context(), workspace, hook.ID)
		if err != nil {
			t.Fatal(err)
		}
		return now
	}
	eventually(t, "it says so", func() bool { return status().Status == events.HookFailing })
	if now := status(); !strings.Contains(now.Reason, "503") || now.Next == nil || now.Pending != 1 || now.Next.Sub(h.clock.Now()) > 6*time.Second {
		t.Errorf("%+v", now)
	}
	tries := 1
	for range 100 {
		next := status().Next
		if next.Sub(h.clock.Now()) > 45*time.Minute {
			break
		}
		h.turn(next.Sub(h.clock.Now()), n)
		eventually(t, "it was tried again", func() bool {
			now := status().Next
			return r.attempts() > tries && now != nil && now.After(h.clock.Now())
		})
		tries = r.attempts()
	}
	if tries > 12 {
		t.Errorf("%d attempts while it was down", tries)
	}
	r.set(func(r *receiver) { r.answer = nil })
	h.turn(2*time.Hour, n)
	eventually(t, "all are taken", func() bool { return len(r.taken()) == 10 })
	if diff := cmp.Diff(ids(want), ids(r.taken())); diff != "" {
		t.Errorf("not in their order: %s", diff)
	}
	r.check(t)
	eventually(t, "it is well again", func() bool { return status().Status == events.HookActive })
}

// TestRefusesOne is about an event that a receiver does not take: others pass it.
func TestRefusesOne(t *testing.T) {
	for _, status := range []int{400, 500, 302} {
		h := newHouse(t)
		n := h.open(nil)
		r := newReceiver(t, h.clock)
		r.set(func(r *receiver) {
			r.answer = func(ev events.Event, _ int) (int, http.Header) {
				if ev.Data.Credential == "c-1" {
					return status, http.Header{"Location": {r.URL + "/elsewhere"}}
				}
				return 200, nil
			}
		})
		hook := n.hook(t, r)
		n.publish(t, 0, 4)
		eventually(t, "it has failed", func() bool { return r.attempts() >= 2 })
		// In steps so small that none makes a message on its way too old to be taken.
		eventually(t, "the others are taken", func() bool {
			h.turn(time.Second, n)
			return len(r.taken()) == 3
		})
		log, err := n.Deliveries(t.Context(), workspace, hook.ID, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range log {
			if strings.Contains(d.Error, "words-of-the-receiver") {
				t.Errorf("words of an answer are kept: %q", d.Error)
			}
			if d.Done && d.Last.Sub(newClock().Now()) > 5*time.Minute {
				t.Errorf("status %d: one waited until %s for another", status, d.Last)
			}
			if !d.Done && (d.Next == nil || d.Status != status || d.Error == "") {
				t.Errorf("%+v", d)
			}
		}
	}
}

func TestGivesUp(t *testing.T) {
	h := newHouse(t)
	n := h.open(nil)
	r := newReceiver(t, h.clock)
	r.set(func(r *receiver) { r.answer = func(events.Event, int) (int, http.Header) { return 500, nil } })
	hook := n.hook(t, r)
	n.publish(t, 0, 1)
	var now events.Hook
	for range 60 {
		eventually(t, "it waits, or is given up", func() bool {
			var err error
			now, err = n.Hook(t.Context(), workspace, hook.ID)
			return err == nil && (now.Status == events.HookGivenUp || now.Next != nil && now.Next.After(h.clock.Now()))
		})
		if now.Status == events.HookGivenUp {
			break
		}
		h.turn(now.Next.Sub(h.clock.Now()), n)
	}
	if now.Status != events.HookGivenUp || now.Since == nil || now.Reason == "" || now.Pending != 0 {
		t.Fatalf("%+v", now)
	}
	if d := h.clock.Now().Sub(newClock().Now()); d < 20*time.Hour || d > 27*time.Hour {
		t.Errorf("it was given up after %s", d)
	}
	if tries := r.attempts(); tries < 9 || tries > 12 {
		t.Errorf("%d attempts in a day", tries)
	}
	said := n.all(t, "")
	if last := said[len(said)-1]; last.Type != events.HookDisabled || last.Data.Webhook != hook.ID {
		t.Errorf("nobody is told: %v", last)
	}
	n.publish(t, 1, 2) // which are lost to it
	on := true
	r.set(func(r *receiver) { r.answer = nil })
	if again, err := n.UpdateHook(t.Context(), workspace, hook.ID, events.HookPatch{Enabled: &on}); err != nil || again.Status != events.HookActive {
		t.Fatalf("%+v, %v", again, err)
	}
	want := n.publish(t, 3, 1)
	eventually(t, "it is sent what is new", func() bool { return len(r.taken()) == 1 })
	if diff := cmp.Diff(want, r.taken()); diff != "" {
		t.Error(diff)
	}
	if err := n.Replay(t.Context(), workspace, hook.ID, events.Oldest); err != nil {
		t.Fatal(err)
	}
	kept := n.all(t, "")
	eventually(t, "all are sent again", func() bool { return len(r.taken()) == 1+len(kept) })
	r.check(t)
}

func TestGone(t *testing.T) {
	h := newHouse(t)
	n := h.open(nil)
	r := newReceiver(t, h.clock)
	r.set(func(r *receiver) {
		r.answer = func(events.Event, int) (int, http.Header) { return http.StatusGone, nil }
	})
	hook := n.hook(t, r)
	n.publish(t, 0, 3)
	eventually(t, "it is given up at once", func() bool {
		now, err := n.Hook(t.Context(), workspace, hook.ID)
		return err == nil && now.Status == events.HookGivenUp
	})
	if r.attempts() != 1 {
		t.Errorf("%d attempts", r.attempts())
	}
}

// TestAnotherGoesOn is about a host that dies while it sends: another one goes
// on once the lease has ended, and sends again what may not have been heard.
func TestAnotherGoesOn(t *testing.T) {
	h := newHouse(t)
	a := h.open(nil)
	r := newReceiver(t, h.clock)
	hook := a.hook(t, r)
	first := a.publish(t, 0, 1)
	eventually(t, "the first is taken", func() bool { return len(r.taken()) == 1 })
	eventually(t, "it is on record", func() bool {
		log, err := a.Deliveries(t.Context(), workspace, hook.ID, 0)
		return err == nil && len(log) == 1
	})
	a.close()
	// What a host leaves that was killed: a lease that nobody ends.
	desk := "wd-" + strings.TrimPrefix(hook.ID, "wh-")
	if _, err := h.store.Lease(t.Context(), workspace, desk, "killed", 45*time.Second); err != nil {
		t.Fatal(err)
	}
	b := h.open(nil)
	var told atomic.Int64 // of what was published
	stop := b.host.Watch(func(_, id string) {
		if strings.HasPrefix(id, "ev-") {
			told.Add(1)
		}
	})
	defer stop()
	want := b.publish(t, 1, 3)
	eventually(t, "the store's changes were read", func() bool { return told.Load() >= 3 })
	time.Sleep(50 * time.Millisecond) // and what they wake has run
	if r.attempts() != 1 {
		t.Error("two hosts send at once")
	}
	h.clock.Advance(46 * time.Second) // and nobody wakes it
	eventually(t, "the others are taken", func() bool { return len(r.taken()) == 4 })
	if diff := cmp.Diff(ids(slices.Concat(first, want)), ids(r.taken())); diff != "" {
		t.Error(diff)
	}
}

// TestClosedInTheMiddle closes a host while its receiver hangs: the event is
// sent again by the next one.
func TestClosedInTheMiddle(t *testing.T) {
	noLeaks(t)
	h := newHouse(t)
	a := h.open(nil)
	r := newReceiver(t, h.clock)
	hang := make(chan struct{})
	r.set(func(r *receiver) { r.hang = hang })
	a.hook(t, r)
	want := a.publish(t, 0, 2)
	eventually(t, "it hangs", func() bool { return r.attempts() == 1 })
	a.close()
	r.set(func(r *receiver) { r.hang = nil })
	close(hang)
	b := h.open(nil)
	eventually(t, "all are taken", func() bool {
		got := ids(r.taken())
		slices.Sort(got)
		return slices.Equal(ids(want), slices.Compact(got))
	})
	b.close()
}

func TestRotates(t *testing.T) {
	h := newHouse(t)
	n := h.open(nil)
	r := newReceiver(t, h.clock)
	hook := n.hook(t, r)
	send := func(i int) {
		t.Helper()
		tries := r.attempts()
		n.publish(t, i, 1)
		eventually(t, "it arrives", func() bool { return r.attempts() > tries })
	}
	now, secret, err := n.RotateSecret(t.Context(), workspace, hook.ID, time.Hour, 0)
	if err != nil || now.OldUntil == nil || !strings.HasPrefix(secret, "whsec_") {
		t.Fatalf("%+v, %v", now, err)
	}
	send(0) // verified with the old one
	r.set(func(r *receiver) { r.secrets = []string{secret} })
	send(1) // and with the new one
	r.check(t)
	if _, _, err := n.RotateSecret(t.Context(), workspace, hook.ID, 0, 0); err != nil {
		t.Fatal(err)
	}
	send(2)
	eventually(t, "an old secret ends at once", func() (refused bool) {
		r.set(func(r *receiver) { refused = len(r.bad) == 1 })
		return refused
	})
	if _, _, err := n.RotateSecret(t.Context(), workspace, hook.ID, 8*24*time.Hour, 0); err == nil {
		t.Error("an old secret may not live for ever")
	}
}

func TestSendTestAndResend(t *testing.T) {
	h := newHouse(t)
	n := h.open(nil)
	r := newReceiver(t, h.clock)
	hook := n.hook(t, r, events.Created)
	off := false
	if now, err := n.UpdateHook(t.Context(), workspace, hook.ID, events.HookPatch{Enabled: &off, Generation: hook.Generation}); err != nil || now.Status != events.HookOff {
		t.Fatalf("%+v, %v", now, err)
	}
	if _, err := n.UpdateHook(t.Context(), workspace, hook.ID, events.HookPatch{Enabled: &off, Generation: hook.Generation}); !errors.Is(err, host.ErrConflict) {
		t.Errorf("a change of what was seen before: %v", err)
	}
	d, err := n.SendTest(t.Context(), workspace, hook.ID)
	if err != nil || !d.Done || d.Status != 204 || d.Type != events.HookTest {
		t.Fatalf("%+v, %v", d, err)
	}
	ev := n.publish(t, 0, 1)[0]
	on := true
	if _, err := n.UpdateHook(t.Context(), workspace, hook.ID, events.HookPatch{Enabled: &on}); err != nil {
		t.Fatal(err)
	}
	if err := n.Resend(t.Context(), workspace, hook.ID, ev.ID); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is sent, though the webhook is not for it", func() bool { return len(r.taken()) == 2 })
	if got := r.taken()[1]; got.ID != ev.ID {
		t.Errorf("%v", got)
	}
	if err := n.Resend(t.Context(), workspace, hook.ID, "000000000999-00-aaaaaa"); !errors.Is(err, sdk.Invalid) {
		t.Errorf("an event that is not there: %v", err)
	}
	r.check(t)
	if err := n.DeleteHook(t.Context(), workspace, hook.ID, hook.Generation); !errors.Is(err, host.ErrConflict) {
		t.Errorf("deleting what was seen before: %v", err)
	}
	if _, _, err := n.RotateSecret(t.Context(), workspace, hook.ID, 0, hook.Generation); !errors.Is(err, host.ErrConflict) {
		t.Errorf("another secret for what was seen before: %v", err)
	}
	seen, err := n.Hook(t.Context(), workspace, hook.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.DeleteHook(t.Context(), workspace, hook.ID, seen.Generation); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Hook(t.Context(), workspace, hook.ID); !errors.Is(err, host.ErrNotFound) {
		t.Errorf("after it was deleted: %v", err)
	}
	tries := r.attempts()
	n.publish(t, 1, 1)
	time.Sleep(30 * time.Millisecond)
	if r.attempts() != tries {
		t.Error("a webhook is sent something after it was deleted")
	}
}

// TestWhere is about addresses that a webhook may not have.
func TestWhere(t *testing.T) {
	h := newHouse(t)
	strict := h.open(func(c *events.Config) { c.Egress = egress.Config{} })
	r := newReceiver(t, h.clock)
	for _, address := range []string{
		"", "receiver", "ftp://example.com/", "https://user:word@example.com/", "https://example.com/#x", "https://", "http://example.com/in",
		"https://exa mple.com/", "https://example.com/" + strings.Repeat("x", 2000), "mailto:a@example.com", "//example.com/",
	} {
		_, _, err := strict.CreateHook(t.Context(), events.NewHook{Workspace: workspace, URL: address})
		var said *sdk.Error
		if !errors.As(err, &said) || said.Code != sdk.Invalid || said.Field != "url" {
			t.Errorf("%q: %v", address, err)
		}
	}
	private := []string{"https://169.254.169.254/latest", "https://127.0.0.1:" + r.URL[strings.LastIndex(r.URL, ":")+1:] + "/", "https://10.0.0.1/", "https://[::1]/", "https://localhost/"}
	for _, address := range private { // refused when it is registered, or else when it is sent to
		hook, _, err := strict.CreateHook(t.Context(), events.NewHook{Workspace: workspace, URL: address})
		if err != nil {
			continue
		}
		d, err := strict.SendTest(t.Context(), workspace, hook.ID)
		if err != nil || d.Done || d.Status != 0 || !strings.Contains(d.Error, "may not") && !strings.Contains(d.Error, "not allowed") && !strings.Contains(d.Error, "private") {
			t.Errorf("%s: %+v, %v", address, d, err)
		}
	}
	if r.attempts() != 0 {
		t.Error("a private address was reached")
	}
}

// TestNobodyStarves is about a workspace whose receivers all hang: another's are
// sent to at once.
func TestNobodyStarves(t *testing.T) {
	h := newHouse(t)
	n := h.open(func(c *events.Config) { c.MaxHooks = 100 })
	hang := make(chan struct{})
	bad := newReceiver(t, h.clock)
	t.Cleanup(func() { close(hang) }) // before the receiver is closed
	bad.set(func(r *receiver) { r.hang = hang })
	for range 70 {
		n.hook(t, bad)
	}
	n.publish(t, 0, 1)
	eventually(t, "some hang", func() bool { return bad.attempts() >= 4 })
	good := newReceiver(t, h.clock)
	_, secret, err := n.CreateHook(t.Context(), events.NewHook{Workspace: "other", URL: good.URL})
	if err != nil {
		t.Fatal(err)
	}
	good.set(func(r *receiver) { r.secrets = []string{secret} })
	if _, err := n.Publish(t.Context(), events.Event{Type: events.Created, Workspace: "other"}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "another's is taken", func() bool { return len(good.taken()) == 1 })
	if bad.attempts() != 4 {
		t.Errorf("%d hang at once", bad.attempts())
	}
}

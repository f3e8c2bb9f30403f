// SPDX-License-Identifier: Apache-2.0

package host_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/sdk"
)

// waits has h wait on its clock alone. Before the n-th wait, from 1, it calls
// what happens then. It returns the waits.
func (h *house) waits(on *host.Host, happens map[int]func()) *[]time.Duration {
	var all []time.Duration
	var mu sync.Mutex
	on.SetWait(func(ctx context.Context, d time.Duration) error {
		mu.Lock()
		all = append(all, d)
		n := len(all)
		mu.Unlock()
		if f := happens[n]; f != nil {
			f()
		}
		h.clock.Advance(d)
		return ctx.Err()
	})
	return &all
}

// flows counts the flows in the store.
func (h *house) flows() int {
	h.t.Helper()
	all, err := h.cfg.Store.List(h.t.Context(), host.Query{Workspace: "acme", Kind: host.KindFlow})
	if err != nil {
		h.t.Fatal(err)
	}
	return len(all)
}

func wantWaits(t *testing.T, got []time.Duration, seconds ...int) {
	t.Helper()
	var want []time.Duration
	for _, s := range seconds {
		want = append(want, time.Duration(s)*time.Second)
	}
	if !slices.Equal(got, want) {
		t.Errorf("waited %v, want %v", got, want)
	}
}

// A poll is made at the flow's interval, and at a longer one for good when the
// service asks to slow down (RFC 8628, section 3.5).
func TestAwaitPolls(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	id := h.create("device", nil)
	flow := h.begin(id)
	waited := h.waits(h.Host, map[int]func(){
		2: func() { h.services.Device.SlowDown() },
		5: func() { h.approve(flow.UserCode) },
	})
	done, err := h.Await(t.Context(), flow, "anna")
	if err != nil || done.ID != id {
		t.Errorf("Await = %+v, %v", done, err)
	}
	wantWaits(t, *waited, 1, 1, 6, 6, 6)
	if n := h.flows(); n != 0 {
		t.Errorf("%d flows are left", n)
	}
	if _, err := h.Await(t.Context(), flow, "anna"); !errors.Is(err, sdk.Denied) {
		t.Errorf("Await, again: %v", err)
	}
}

// A service that cannot answer for a while decides nothing, and its wish to be
// left alone for some seconds is for this once.
func TestAwaitSurvivesAFailure(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	flow := h.begin(h.create("device", nil))
	waited := h.waits(h.Host, map[int]func(){
		1: func() { h.services.Device.Fail(2) },
		4: func() { h.approve(flow.UserCode) },
	})
	if _, err := h.Await(t.Context(), flow, "anna"); err != nil {
		t.Error(err)
	}
	wantWaits(t, *waited, 1, 7, 7, 1)
}

func TestAwaitEndsWithTheFlow(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	began := h.clock.Now()
	flow := h.begin(h.create("device", nil))
	h.waits(h.Host, nil)
	_, err := h.Await(t.Context(), flow, "anna")
	if refused(t, err, sdk.Denied, ""); h.flows() != 0 {
		t.Error("the flow is left")
	}
	if took := h.clock.Now().Sub(began); took < 10*time.Minute-5*time.Second || took > 10*time.Minute+time.Second {
		t.Errorf("it was awaited for %v", took)
	}
}

func TestAwaitIsRefused(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	h.waits(h.Host, nil)
	id := h.create("device", nil)
	flow := h.begin(id)
	_, err := h.Await(t.Context(), flow, "eve")
	refused(t, err, sdk.Denied, "")
	bare := flow
	bare.Cookie = nil
	_, err = h.Await(t.Context(), bare, "anna")
	refused(t, err, sdk.Denied, "")
	forged := flow
	forged.Cookie = &http.Cookie{Name: flow.Cookie.Name, Value: "forged"}
	_, err = h.Await(t.Context(), forged, "anna")
	if refused(t, err, sdk.Denied, ""); h.flows() != 1 {
		t.Error("a stranger has ended the flow")
	}
	h.deny(flow.UserCode)
	_, err = h.Await(t.Context(), flow, "anna")
	if refused(t, err, sdk.Denied, ""); h.flows() != 0 {
		t.Error("the flow is left after the person has refused")
	}
	visit := h.begin(h.create("homed", nil)) // to a page that people come back from
	_, err = h.Await(t.Context(), visit, "anna")
	refused(t, err, sdk.Denied, "")
	if _, err := h.finish(visit, "anna"); err != nil {
		t.Error(err)
	}
}

// A process that dies while it waits loses nothing: another goes on, and at the
// pace that the service has asked for.
func TestAwaitGoesOnElsewhere(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	id := h.create("device", nil)
	flow := h.begin(id)
	ctx, die := context.WithCancel(t.Context())
	h.waits(h.Host, map[int]func(){1: h.services.Device.SlowDown, 2: die})
	if _, err := h.Await(ctx, flow, "anna"); !errors.Is(err, context.Canceled) {
		t.Fatalf("Await = %v", err)
	}
	second := h.another()
	waited := h.waits(second, map[int]func(){1: func() { h.approve(flow.UserCode) }})
	done, err := second.Workspace("acme").Await(t.Context(), flow, "anna")
	if err != nil || done.ID != id {
		t.Errorf("Await, on another host = %+v, %v", done, err)
	}
	wantWaits(t, *waited, 6)
}

func TestTwoAwaitOneFlow(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	flow := h.begin(h.create("device", nil))
	h.approve(flow.UserCode)
	second := h.another()
	errs := make(chan error, 2)
	for _, one := range []*host.Host{h.Host, second} {
		go func() {
			_, err := one.Workspace("acme").Await(t.Context(), flow, "anna")
			errs <- err
		}()
	}
	first, last := <-errs, <-errs
	if (first == nil) == (last == nil) || !errors.Is(errors.Join(first, last), sdk.Denied) || h.services.Device.Granted() != 1 {
		t.Errorf("two calls ended with %v and %v, and %d grants", first, last, h.services.Device.Granted())
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	flow := h.begin(h.create("device", nil))
	refused(t, h.Cancel(t.Context(), flow, "eve"), sdk.Denied, "")
	if h.flows() != 1 {
		t.Error("a stranger has ended the flow")
	}
	h.waits(h.Host, map[int]func(){2: func() {
		if err := h.Cancel(t.Context(), flow, "anna"); err != nil {
			t.Error(err)
		}
	}})
	_, err := h.Await(t.Context(), flow, "anna")
	refused(t, err, sdk.Denied, "")
	if err := h.Cancel(t.Context(), flow, "anna"); err != nil {
		t.Errorf("Cancel, of what has ended: %v", err)
	}
	visit := h.begin(h.create("homed", nil))
	back := h.visit(visit)
	if err := h.Cancel(t.Context(), visit, "anna"); err != nil {
		t.Error(err)
	}
	_, err = h.Finish(back, "anna")
	refused(t, err, sdk.Denied, "")
}

// deny refuses at the page of device.
func (h *house) deny(code string) { h.approve(code + "&deny=1") }

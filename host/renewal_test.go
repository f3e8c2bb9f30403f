// SPDX-License-Identifier: Apache-2.0

package host_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/memstore"
	"github.com/credhost/credhost/sdk"
)

const mortal = "https://mortal.example/me"

// warnings keeps what hosts warn of.
type warnings struct {
	mu  sync.Mutex
	all []host.Warning
}

func (w *warnings) add(_ context.Context, one host.Warning) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, one)
}

func (w *warnings) of(kind host.WarningKind) (found []host.Warning) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, one := range w.all {
		if one.Kind == kind {
			found = append(found, one)
		}
	}
	return found
}

// eventually waits until what goes on in the background has done its work.
func eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	for start := time.Now(); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Since(start) > 20*time.Second {
			t.Fatalf("in vain we waited for %s", what)
		}
	}
}

// TestPluginThatDiesWithTheAnswer shows that a plugin may die as soon as it has
// the service's answer: the token is asked for once, and used.
func TestPluginThatDiesWithTheAnswer(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	id := h.create("mortal", nil)
	if got := h.get(id, mortal); got != http.StatusOK {
		t.Fatalf("status %d before anything goes wrong", got)
	}
	h.services.Mortal.Die(true)
	for round := range 2 {
		before := h.services.Mortal.TokenRequests()
		h.clock.Advance(2 * time.Hour)
		h.services.Mortal.Expire()
		eventually(t, "a plugin that lives", func() bool {
			resp, err := h.Client(id).Get(mortal)
			if err != nil && strings.Contains(err.Error(), "quarantine") { // it has died five times: so do coins fall
				h.Registry().Reset("test")
				return false
			}
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				h.clock.Advance(2 * time.Minute) // what failed is tried again later
			}
			return resp.StatusCode == http.StatusOK
		})
		if n := h.services.Mortal.TokenRequests() - before; n != 1 {
			t.Errorf("round %d: %d token requests, want 1", round, n)
		}
	}
	if n := h.services.Mortal.Reused(); n > 0 {
		t.Errorf("%d refresh tokens were spent twice", n)
	}
}

// A dyingStore is one that a host loses sight of as it wants to save.
type dyingStore struct {
	*memstore.Store
	mu   sync.Mutex
	dead bool
}

func (d *dyingStore) die(dead bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dead = dead
}

func (d *dyingStore) Save(ctx context.Context, r host.Record, l *host.Lease) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead {
		return errors.New("the store has gone away")
	}
	return d.Store.Save(ctx, r, l)
}

// TestHostThatDiesWithTheAnswer shows that another host goes on with what the
// service has answered to one that could not save it any more.
func TestHostThatDiesWithTheAnswer(t *testing.T) {
	t.Parallel()
	store := &dyingStore{Store: memstore.New()}
	h := open(t, func(c *host.Config) { c.Store = store })
	id := h.create("mortal", nil)
	h.get(id, mortal)
	first := h.another()
	h.cfg.Store = store.Store
	second := h.another().Workspace("acme")
	before := h.services.Mortal.TokenRequests()
	warm, err := first.Workspace("acme").Client(id).Get(mortal)
	if err != nil {
		t.Fatal(err)
	}
	warm.Body.Close()
	store.die(true)
	h.clock.Advance(2 * time.Hour)
	h.services.Mortal.Expire()
	given := make(chan int, 1)
	go func() {
		resp, err := first.Workspace("acme").Client(id).Get(mortal)
		if err != nil {
			t.Error(err)
			given <- 0
			return
		}
		resp.Body.Close()
		given <- resp.StatusCode
	}()
	eventually(t, "the token request", func() bool { return h.services.Mortal.TokenRequests() > before })
	time.Sleep(100 * time.Millisecond) // it is noted soon after; a host has no way to tell
	first.Close()
	if got := <-given; got != http.StatusUnauthorized {
		t.Errorf("status %d, with a grant that could not be saved", got)
	}
	resp, err := second.Client(id).Get(mortal)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("the second host: %v, %v", resp, err)
	}
	resp.Body.Close()
	if n := h.services.Mortal.TokenRequests() - before; n != 1 {
		t.Errorf("%d token requests, want 1", n)
	}
	if n := h.services.Mortal.Reused(); n > 0 {
		t.Errorf("%d refresh tokens were spent twice", n)
	}
}

// TestWarnedOnceBeforeTheEnd shows that people are warned of the end of access
// that they must renew themselves: in time, and by one of the hosts.
func TestWarnedOnceBeforeTheEnd(t *testing.T) {
	t.Parallel()
	var said warnings
	h := open(t, func(c *host.Config) { c.Warn = said.add })
	id := h.create("mortal", sdk.Values{"reconnectDays": "30"})
	h.get(id, mortal)
	c, _ := h.Show(t.Context(), id)
	if c.Ends == nil || c.Ends.Sub(h.clock.Now()).Round(24*time.Hour) != 30*24*time.Hour || c.Warning != "" {
		t.Errorf("Show = ends %v, warning %q; want 30 days and none", c.Ends, c.Warning)
	}
	h.clock.Advance(22 * 24 * time.Hour)
	h.lookAfter(1)
	if all := said.of(host.WarnExpiring); len(all) > 0 {
		t.Errorf("warned too early: %+v", all)
	}
	h.clock.Advance(36 * time.Hour)
	h.lookAfter(3)
	if all := said.of(host.WarnExpiring); len(all) != 1 || all[0].Credential != id || !all[0].At.Equal(*c.Ends) {
		t.Errorf("warnings %+v; want one, with the end %v", all, c.Ends)
	}
	if c, _ = h.Show(t.Context(), id); c.Warning == "" || c.Status != host.StatusReady {
		t.Errorf("Show = %q, warning %q; want it ready, with a warning", c.Status, c.Warning)
	}
}

// TestUnusedAccessIsKept shows that what dies when it is not used is renewed in
// time, though nobody uses it, and once.
func TestUnusedAccessIsKept(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	id := h.create("mortal", sdk.Values{"idleDays": "10"})
	h.get(id, mortal)
	before := h.services.Mortal.TokenRequests()
	h.clock.Advance(4 * 24 * time.Hour)
	h.lookAfter(1)
	if n := h.services.Mortal.TokenRequests() - before; n != 0 {
		t.Errorf("%d token requests when there is time", n)
	}
	h.clock.Advance(2 * 24 * time.Hour)
	h.lookAfter(3)
	if c, err := h.Show(t.Context(), id); err != nil || c.Ends == nil || c.Ends.Sub(h.clock.Now()) < 9*24*time.Hour {
		t.Errorf("Show = %+v, %v; want it to live for ten days more", c, err)
	}
	if n := h.services.Mortal.TokenRequests() - before; n != 1 {
		t.Errorf("%d token requests, want 1", n)
	}
}

// TestIdleDeathIsTold shows that people are warned if what nobody uses cannot
// be renewed either.
func TestIdleDeathIsTold(t *testing.T) {
	t.Parallel()
	var l line
	var said warnings
	h := open(t, func(c *host.Config) { l.lay(t)(c); c.Warn = said.add })
	id := h.create("mortal", sdk.Values{"idleDays": "10"})
	h.get(id, mortal)
	l.set(false, true)
	for range 8 {
		h.clock.Advance(24 * time.Hour)
		h.lookAfter(2)
	}
	if all := said.of(host.WarnExpiring); len(all) != 1 || all[0].Credential != id {
		t.Errorf("warnings %+v; want one", all)
	}
}

// lookAfter has some hosts at once do what they do each minute.
func (h *house) lookAfter(hosts int) {
	h.t.Helper()
	var all sync.WaitGroup
	for range hosts {
		other := h.another()
		all.Go(func() { other.LookAfter(h.t.Context()) })
	}
	all.Wait()
}

// TestRefusalWarns shows that a person is told once that access was withdrawn.
func TestRefusalWarns(t *testing.T) {
	t.Parallel()
	var said warnings
	h := open(t, func(c *host.Config) { c.Warn = said.add })
	id := h.create("homed", nil)
	h.connect(id)
	h.get(id, instance)
	h.services.Homed.End()
	for range 3 {
		h.clock.Advance(2 * time.Hour)
		if _, err := h.Client(id).Get(instance); !errors.Is(err, sdk.Denied) {
			t.Errorf("a request with access that was withdrawn: %v", err)
		}
	}
	if all := said.of(host.WarnAgain); len(all) != 1 || all[0].Reason == "" {
		t.Errorf("warnings %+v; want one", all)
	}
	c, _ := h.Show(t.Context(), id)
	if c.Status != host.StatusAgain || c.Since == nil || c.Reason == "" {
		t.Errorf("Show = %q since %v: %q", c.Status, c.Since, c.Reason)
	}
}

// A line is the way to the services. It may be cut as an answer comes back, or
// before a question arrives.
type line struct {
	mu   sync.Mutex
	cut  func(r *http.Request) bool // after the service has answered
	down func(r *http.Request) bool // the service answers 503
}

// set says what happens from now on to requests for tokens.
func (l *line) set(cut, down bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	token := func(yes bool) func(*http.Request) bool {
		return func(r *http.Request) bool { return yes && r.Method == http.MethodPost && r.URL.Path == "/token" }
	}
	l.cut, l.down = token(cut), token(down)
}

// lay puts the line between the host and its services.
func (l *line) lay(t *testing.T) func(*host.Config) {
	l.set(false, false)
	return func(c *host.Config) {
		to, err := url.Parse(c.Egress.Routes["https://mortal.example"])
		if err != nil {
			t.Fatal(err)
		}
		proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to); r.Out.Host = r.In.Host }}
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			l.mu.Lock()
			cut, down := l.cut(r), l.down(r)
			l.mu.Unlock()
			if down {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			if cut {
				proxy.ServeHTTP(httptest.NewRecorder(), r)
				panic(http.ErrAbortHandler)
			}
			proxy.ServeHTTP(w, r)
		}))
		t.Cleanup(server.Close)
		for origin := range c.Egress.Routes {
			c.Egress.Routes[origin] = server.URL
		}
	}
}

// TestGoodGrantServesWhileRenewalFails shows that what is still good is used
// while the service cannot renew it.
func TestGoodGrantServesWhileRenewalFails(t *testing.T) {
	t.Parallel()
	var l line
	h := open(t, l.lay(t))
	id := h.create("homed", nil)
	h.connect(id)
	h.get(id, instance)
	l.set(false, true)
	before := h.services.Homed.TokenRequests()
	h.clock.Advance(50 * time.Minute) // of an hour
	for range 5 {
		if got := h.get(id, instance); got != http.StatusOK {
			t.Errorf("status %d while the grant is good", got)
		}
	}
	if c, _ := h.Show(t.Context(), id); c.Status != host.StatusReady {
		t.Errorf("status %q; a service that is down is nobody's fault", c.Status)
	}
	l.set(false, false)
	h.clock.Advance(5 * time.Minute) // what failed is tried again later
	eventually(t, "a renewal", func() bool { h.get(id, instance); return h.services.Homed.TokenRequests() > before })
}

// TestLostAnswer shows that a refresh token whose answer was lost is never
// shown again, whoever asks; and that a person is told to connect.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	var l line
	var said warnings
	h := open(t, func(c *host.Config) { l.lay(t)(c); c.Warn = said.add })
	id := h.create("homed", nil)
	h.connect(id)
	h.get(id, instance)
	l.set(true, false)
	before := h.services.Homed.TokenRequests()
	h.clock.Advance(2 * time.Hour)
	_, err := h.Client(id).Get(instance)
	refused(t, err, sdk.Denied, "")
	l.set(false, false)
	for range 3 {
		h.clock.Advance(time.Hour)
		if v, err := h.Test(t.Context(), id); err != nil || v.Outcome != host.Wrong {
			t.Errorf("Test = %+v, %v", v, err)
		}
	}
	if n := h.services.Homed.TokenRequests() - before; n != 1 || h.services.Homed.Reused() != 0 {
		t.Errorf("%d token requests, %d tokens spent twice; want 1 and none", n, h.services.Homed.Reused())
	}
	if c, _ := h.Show(t.Context(), id); c.Status != host.StatusAgain || len(said.of(host.WarnAgain)) != 1 {
		t.Errorf("status %q, warnings %+v", c.Status, said.all)
	}
	h.connect(id)
	if got := h.get(id, instance); got != http.StatusOK {
		t.Errorf("status %d after connecting again", got)
	}
}

// TestLostAnswerWithoutAPerson shows that answers which need no person begin
// anew when a refresh token is lost.
func TestLostAnswerWithoutAPerson(t *testing.T) {
	t.Parallel()
	var l line
	h := open(t, l.lay(t))
	id := h.create("mortal", nil)
	h.get(id, mortal)
	l.set(true, false)
	h.clock.Advance(2 * time.Hour)
	h.services.Mortal.Expire()
	if got := h.get(id, mortal); got != http.StatusUnauthorized {
		t.Errorf("status %d without an answer", got)
	}
	l.set(false, false)
	h.clock.Advance(5 * time.Minute) // for the breaker, and for what failed
	if got := h.get(id, mortal); got != http.StatusOK {
		t.Errorf("status %d", got)
	}
	if n := h.services.Mortal.Reused(); n > 0 {
		t.Errorf("%d refresh tokens were spent twice", n)
	}
}

// SPDX-License-Identifier: Apache-2.0

package storm

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/internal/postgres"
	"github.com/credhost/credhost/internal/testplugin"
)

// nodes is how many host processes there are.
const nodes = 3

// A house is a credential that is connected, and three nodes that may use it.
type house struct {
	*testing.T
	settings
	services *testplugin.Standins
	nodes    [nodes]*node
}

// stores are the stores that processes may share.
var stores = map[string]func(*testing.T) string{
	"postgres": func(t *testing.T) string { return postgres.Shared(t).Database(t) },
	"sqlite":   func(t *testing.T) string { return filepath.Join(t.TempDir(), "credhost.db") },
}

// furnish connects a credential whose first token lives for life.
func furnish(t *testing.T, store string, life time.Duration) *house {
	t.Helper()
	h := &house{T: t, services: testplugin.NewStandins()}
	server := httptest.NewServer(h.services)
	t.Cleanup(server.Close)
	runtime, err := os.MkdirTemp("", "storm") // short, as paths of sockets must be
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(runtime) })
	dir := t.TempDir()
	h.settings = settings{Store: store, Keys: filepath.Join(dir, "keys"), Plugins: dir,
		Lock: filepath.Join(dir, "lock"), Runtime: runtime, Services: server.URL}
	if _, err := testplugin.Build(dir, false); err != nil {
		t.Fatal(err)
	}
	h.services.Homed.Lives(life)
	h.create()
	for i := range h.nodes {
		h.begin(i)
	}
	return h
}

// create makes the credential, and connects it.
func (h *house) create() {
	h.Helper()
	hst, err := h.open(h.Context())
	if err != nil {
		h.Fatal(err)
	}
	defer hst.Close()
	if h.ID == "" {
		if h.ID, err = hst.Workspace("acme").Create(h.Context(), "homed", testplugin.Answers("homed")); err != nil {
			h.Fatal(err)
		}
	}
	if err := h.connect(h.Context(), hst.Workspace("acme")); err != nil {
		h.Fatal(err)
	}
}

// connect does what a person does who approves.
func (h *house) connect(ctx context.Context, ws *host.Workspace) error {
	flow, err := ws.Connect(ctx, h.ID, "anna")
	if err != nil {
		return err
	}
	page, err := url.Parse(flow.URL)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, h.Services+page.RequestURI(), nil)
	if err != nil {
		return err
	}
	r.Host = page.Host
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := browser.Do(r)
	if err != nil {
		return err
	}
	resp.Body.Close()
	back, err := http.NewRequestWithContext(ctx, http.MethodGet, resp.Header.Get("Location"), nil)
	if err != nil {
		return err
	}
	back.AddCookie(flow.Cookie)
	_, err = ws.Finish(back, "anna")
	return err
}

// begin starts a node.
func (h *house) begin(i int) {
	h.Helper()
	n, err := h.start(h.T, fmt.Sprint(i))
	if err != nil {
		h.Fatal(err)
	}
	h.nodes[i] = n
}

// TestManyAtOnce sends ten thousand requests at once, by three hosts on
// PostgreSQL, with a grant that has ended; and a thousand on SQLite.
func TestManyAtOnce(t *testing.T) {
	for name, requests := range map[string]int{"postgres": 10_000, "sqlite": 1_000} {
		t.Run(name, func(t *testing.T) { atOnce(t, stores[name](t), requests) })
	}
}

func atOnce(t *testing.T, store string, requests int) {
	h := furnish(t, store, 2*time.Second)
	h.services.Homed.Lives(5 * time.Minute)
	time.Sleep(2100 * time.Millisecond) // real processes have real clocks
	before := h.services.Homed.TokenRequests()
	var sum tally
	var mu sync.Mutex
	var all sync.WaitGroup
	for i := range h.nodes {
		all.Go(func() {
			one, err := h.nodes[i].burst(requests/nodes + 1)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			sum.add(one)
		})
	}
	all.Wait()
	t.Logf("%d requests succeeded with %d token request", sum.OK, h.services.Homed.TokenRequests()-before)
	if len(sum.Failed) > 0 || sum.OK < requests {
		t.Errorf("%d succeeded; failed: %v", sum.OK, sum.Failed)
	}
	if n := h.services.Homed.TokenRequests() - before; n != 1 {
		t.Errorf("%d token requests, want 1", n)
	}
}

// TestKill kills hosts on PostgreSQL for a minute, and for a while on SQLite, with -9 and without warning, while all
// send requests with tokens that live for three seconds.
//
// Now and then the one that dies is waiting for an answer that it alone would
// have heard. Nobody can have that token, and a person must connect; so such a
// minute, which is told by when the kill was, shows nothing else.
func TestKill(t *testing.T) {
	for name, lasts := range map[string]time.Duration{"postgres": stormTime(), "sqlite": stormTime() / 5} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range 3 {
				if storm(t, stores[name](t), lasts) {
					return
				}
				t.Log("a host died with an answer on its way, which is lost: once more")
			}
			t.Error("three times in a row an answer was lost")
		})
	}
}

// life is that of an access token.
const life = 3 * time.Second

// storm reports false if an answer was lost because the host that waited for it
// was killed.
func storm(t *testing.T, store string, lasts time.Duration) bool {
	h := furnish(t, store, life)
	before := len(h.services.Homed.Renewed())
	end := time.Now().Add(lasts)
	var mu sync.Mutex
	var sum tally
	var cut int
	var kills []time.Time
	var all sync.WaitGroup
	for i := range h.nodes {
		all.Go(func() {
			for time.Now().Before(end) {
				next := time.Now().Add(time.Second + rand.N(5*time.Second)) // to be killed
				for time.Now().Before(next) && time.Now().Before(end) {
					one, err := h.nodes[i].burst(10)
					if err != nil {
						t.Errorf("node %d, which nobody has killed: %v", i, err)
						return
					}
					mu.Lock()
					sum.add(one)
					mu.Unlock()
					time.Sleep(100 * time.Millisecond) // other tests want the machine, too
				}
				at, lost := h.cut(i)
				h.begin(i)
				mu.Lock()
				kills, cut = append(kills, at), cut+lost
				mu.Unlock()
			}
		})
	}
	all.Wait()
	renewed := h.services.Homed.Renewed()[before:]
	t.Logf("%d requests succeeded; %d hosts were killed, in the middle of %d requests; %d renewals", sum.OK, len(kills), cut, len(renewed))
	if sum.lost() && died(kills, renewed) {
		return false
	}
	if len(sum.Failed) > 0 {
		t.Errorf("of hosts that were not killed there failed: %v", sum.Failed)
	}
	if n := h.services.Homed.Reused(); n > 0 {
		t.Errorf("%d refresh tokens were spent twice", n)
	}
	// A grant is renewed when three quarters of its life are over, give or take.
	for i := 1; i < len(renewed); i++ {
		if gap := renewed[i].Sub(renewed[i-1]); gap < life*2/3 {
			t.Errorf("a token was renewed after %v of %v", gap, life)
		}
	}
	if want := int(lasts / life / 4); len(renewed) < want {
		t.Errorf("%d renewals, want at least %d", len(renewed), want)
	}
	return true
}

// lost reports whether hosts have said that an answer was lost.
func (t tally) lost() bool {
	for what := range t.Failed {
		if strings.Contains(what, "was lost") {
			return true
		}
	}
	return false
}

// died reports whether a host was killed about when the service answered for
// the last time: before it could keep the answer, or while it still asked.
func died(kills, renewed []time.Time) bool {
	if len(renewed) == 0 {
		return false
	}
	last := renewed[len(renewed)-1]
	return slices.ContainsFunc(kills, func(k time.Time) bool { return k.Sub(last).Abs() < 3*time.Second })
}

// cut kills a node in the middle of requests, and returns when, and how many did
// not come to their end.
func (h *house) cut(i int) (at time.Time, lost int) {
	n := h.nodes[i]
	done := make(chan int)
	go func() {
		if _, err := n.burst(50); err != nil {
			done <- 50
			return
		}
		done <- 0
	}()
	time.Sleep(rand.N(20 * time.Millisecond))
	at = time.Now()
	n.kill()
	return at, <-done
}

// stormTime is for how long hosts are killed: a minute, or $CREDHOST_STORM.
func stormTime() time.Duration {
	if d, err := time.ParseDuration(strings.TrimSpace(os.Getenv("CREDHOST_STORM"))); err == nil && d > 0 {
		return d
	}
	return time.Minute
}

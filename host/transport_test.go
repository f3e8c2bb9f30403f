// SPDX-License-Identifier: Apache-2.0

package host_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/sdk"
)

// serving opens a host whose type placed is served by a handler, and whose
// https://evil.example, which no credential is for, is served too.
func serving(t *testing.T, service http.HandlerFunc) (h *house, evil *atomic.Int32) {
	t.Helper()
	evil = new(atomic.Int32)
	good := httptest.NewServer(service)
	t.Cleanup(good.Close)
	bad := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { evil.Add(1) }))
	t.Cleanup(bad.Close)
	return open(t, func(cfg *host.Config) {
		cfg.Egress.Routes["https://placed.example"] = good.URL
		cfg.Egress.Routes["https://evil.example"] = bad.URL
	}), evil
}

func TestRedirects(t *testing.T) {
	t.Parallel()
	var hops atomic.Int32
	h, evil := serving(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Api-Key") == "" {
			t.Errorf("%s came without the key", r.URL)
		}
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, "https://evil.example/collect", http.StatusTemporaryRedirect)
		case "/down":
			http.Redirect(w, r, "http://placed.example/me", http.StatusFound)
		case "/here":
			hops.Add(1)
			http.Redirect(w, r, "/me", http.StatusFound)
		}
	})
	id := h.create("placed", nil)
	for _, path := range []string{"/away", "/down"} {
		_, err := h.Client(id).Get("https://placed.example" + path)
		var e *sdk.Error
		if !errors.As(err, &e) || e.Code != sdk.Invalid {
			t.Errorf("redirected %s: %v, want it refused", path, err)
		}
	}
	if n := evil.Load(); n != 0 {
		t.Errorf("%d requests arrived elsewhere", n)
	}
	if got := h.get(id, "https://placed.example/here"); got != http.StatusOK || hops.Load() != 1 {
		t.Errorf("a redirect within the origin: status %d", got)
	}
}

func TestTraceSeesNothing(t *testing.T) {
	t.Parallel()
	h, _ := serving(t, func(http.ResponseWriter, *http.Request) {})
	id := h.create("placed", nil)
	saw := ""
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		WroteHeaderField: func(name string, values []string) { saw += name + strings.Join(values, "") },
		GotConn:          func(httptrace.GotConnInfo) { saw += "a connection" },
	})
	r, _ := http.NewRequestWithContext(ctx, http.MethodGet, "https://placed.example/me", nil)
	resp, err := h.Client(id).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if saw != "" {
		t.Errorf("the caller's trace saw %q", saw)
	}
}

func TestCancelledRequest(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	h, _ := serving(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	defer close(release)
	id := h.create("placed", nil)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	r, _ := http.NewRequestWithContext(ctx, http.MethodGet, "https://placed.example/me", nil)
	if _, err := h.Client(id).Do(r); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Do: %v, want its deadline", err)
	}
}

// TestBodies shows that bodies arrive as they were sent, whether their length
// is known or not, and that one which cannot be sent again is not.
func TestBodies(t *testing.T) {
	t.Parallel()
	var refusals, got atomic.Int32
	h, _ := serving(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got.Store(int32(len(body)))
		if refusals.Add(1) == 1 {
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	id := h.create("placed", nil)
	h.Authenticate(t.Context(), id, httptest.NewRequest(http.MethodGet, "https://placed.example/me", nil))
	h.clock.Advance(time.Hour)
	once := struct{ io.Reader }{strings.NewReader(strings.Repeat("x", 100_000))}
	resp, err := h.Client(id).Post("https://placed.example/me", "text/plain", once)
	if err != nil || resp.StatusCode != http.StatusUnauthorized || got.Load() != 100_000 {
		t.Errorf("a body that works once: %v, %v, %d bytes", resp, err, got.Load())
	}
	if n := refusals.Load(); n != 1 {
		t.Errorf("it was sent %d times", n)
	}
}

// TestServiceDown shows that a good grant is served while its renewal fails,
// and that the service is not asked at every request.
func TestServiceDown(t *testing.T) {
	t.Parallel()
	var tokens atomic.Int32
	down := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		tokens.Add(1)
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer down.Close()
	h := open(t, nil)
	id := h.create("homed", nil)
	h.connect(id)
	h.get(id, instance)
	h.cfg.Egress.Routes["https://login.homed.example"] = down.URL
	ws := h.another().Workspace("acme")
	h.clock.Advance(50 * time.Minute) // of an hour: it is time to renew
	for range 50 {
		resp, err := ws.Client(id).Get(instance)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("while the service is down: %v, %v", resp, err)
		}
		resp.Body.Close()
	}
	h.clock.Advance(20 * time.Minute)
	_, err := ws.Client(id).Get(instance)
	var e *sdk.Error
	if !errors.As(err, &e) || e.Code != sdk.Unavailable || e.RetryAfter <= 0 || e.RetryAfter > 7*time.Second {
		t.Errorf("after the grant's end: %v, want to be told to wait 7 s", err)
	}
	before := tokens.Load()
	for range 20 {
		ws.Client(id).Get(instance)
	}
	if n := tokens.Load() - before; n != 0 {
		t.Errorf("the service was asked %d more times", n)
	}
	if c, _ := ws.Show(t.Context(), id); c.Status != host.StatusReady {
		t.Errorf("status %q; a service that is down says nothing about the credential", c.Status)
	}
}

func TestDeletionReachesOtherHosts(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	id := h.create("placed", nil)
	other := h.another().Workspace("acme")
	request := func() error {
		return other.Authenticate(t.Context(), id, httptest.NewRequest(http.MethodGet, "https://placed.example/me", nil))
	}
	if err := request(); err != nil {
		t.Fatal(err)
	}
	if err := h.Delete(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	for begun := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		if err := request(); errors.Is(err, host.ErrNotFound) {
			break
		}
		if time.Since(begun) > 10*time.Second { // two, on a machine that is not busy
			t.Fatal("another host still serves a credential that was deleted")
		}
	}
}

// blindStore is a store that a host cannot see any more.
type blindStore struct {
	host.Store
	blind, behind atomic.Bool
}

func (s *blindStore) Changes(ctx context.Context, since uint64) ([]host.Change, uint64, error) {
	if s.blind.Load() {
		return nil, 0, errors.New("the store is out of reach")
	}
	changes, next, err := s.Store.Changes(ctx, since)
	if s.behind.CompareAndSwap(true, false) {
		return nil, next, host.ErrBehind // and what changed is not told
	}
	return changes, next, err
}

func (s *blindStore) Get(ctx context.Context, workspace, id string) (host.Record, error) {
	if s.blind.Load() {
		return host.Record{}, errors.New("the store is out of reach")
	}
	return s.Store.Get(ctx, workspace, id)
}

func TestBlindHost(t *testing.T) {
	t.Parallel()
	store := &blindStore{}
	h := open(t, func(cfg *host.Config) { store.Store = cfg.Store; cfg.Store = store })
	id := h.create("placed", nil)
	request := func() error {
		return h.Authenticate(t.Context(), id, httptest.NewRequest(http.MethodGet, "https://placed.example/me", nil))
	}
	if err := request(); err != nil {
		t.Fatal(err)
	}
	store.blind.Store(true)
	h.clock.Advance(20 * time.Second)
	if err := request(); err != nil {
		t.Errorf("20 s without the store: %v", err)
	}
	h.clock.Advance(20 * time.Second)
	if err := request(); err == nil {
		t.Error("a host that has not seen the store for 40 s serves from its cache")
	}
	store.blind.Store(false)
	if err := request(); err != nil {
		t.Errorf("when the store is back: %v", err)
	}
}

// TestBehindHost shows that a host which missed deletions forgets everything.
func TestBehindHost(t *testing.T) {
	t.Parallel()
	store := &blindStore{}
	h := open(t, func(cfg *host.Config) { store.Store = cfg.Store; cfg.Store = store })
	id := h.create("placed", nil)
	request := func() error {
		return h.Authenticate(t.Context(), id, httptest.NewRequest(http.MethodGet, "https://placed.example/me", nil))
	}
	if err := request(); err != nil {
		t.Fatal(err)
	}
	store.behind.Store(true)
	if err := store.Delete(t.Context(), "acme", id, 0, nil); err != nil {
		t.Fatal(err)
	}
	for begun := time.Now(); !errors.Is(request(), host.ErrNotFound); time.Sleep(20 * time.Millisecond) {
		if time.Since(begun) > 10*time.Second {
			t.Fatal("a host that missed a deletion serves from its cache")
		}
	}
}

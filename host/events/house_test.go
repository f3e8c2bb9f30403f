// SPDX-License-Identifier: Apache-2.0

package events_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/egress"
	"github.com/credhost/credhost/host/events"
	"github.com/credhost/credhost/host/memstore"
	"github.com/credhost/credhost/host/sealer"
	"github.com/credhost/credhost/internal/ground"
)

func TestMain(m *testing.M) { ground.Main(m) }

const workspace = "acme"

// A clock stands still until it is turned.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// A house is a store that any number of hosts share.
type house struct {
	t      *testing.T
	store  host.Store
	sealer host.Sealer
	clock  *clock
}

func newHouse(t *testing.T) *house {
	t.Helper()
	ring, err := sealer.NewKeyring()
	if err != nil {
		t.Fatal(err)
	}
	c := newClock()
	return &house{t: t, store: &memstore.Store{Now: c.Now}, sealer: sealer.New(ring), clock: c}
}

// A node is a host, and its events.
type node struct {
	*events.Events
	host  *host.Host
	close func()
}

// open opens a host, which is closed with the test if not before.
func (h *house) open(change func(*events.Config)) *node {
	h.t.Helper()
	ctx := context.Background()
	logger := ground.Logger(h.t)
	cfg := host.Config{Store: h.store, Sealer: h.sealer, Now: h.clock.Now, Dumpable: true, Logger: slog.New(slog.DiscardHandler), Runtime: runtime(h.t)}
	feed := events.Listen(&cfg)
	hh, err := host.Open(ctx, cfg)
	if err != nil {
		h.t.Fatal(err)
	}
	ec := events.Config{Host: hh, Feed: feed, Logger: logger,
		Egress: egress.Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}}
	if change != nil {
		change(&ec)
	}
	e, err := events.OpenWith(ctx, ec)
	if err != nil {
		h.t.Fatal(err)
	}
	n := &node{Events: e, host: hh}
	n.close = sync.OnceFunc(func() {
		e.Close()
		hh.Close()
	})
	h.t.Cleanup(n.close)
	return n
}

// runtime is a short folder for sockets.
func runtime(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "e")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// publish publishes n events about credentials that are numbered from first on.
func (n *node) publish(t *testing.T, first, count int) (all []events.Event) {
	t.Helper()
	for i := range count {
		ev, err := n.Publish(t.Context(), events.Event{Type: events.Tested, Workspace: workspace,
			Data: events.Data{Credential: fmt.Sprint("c-", first+i), Outcome: "works"}})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, ev)
	}
	return all
}

// eventually fails the test unless f reports true soon.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !f(); {
		if time.Now().After(deadline) {
			t.Fatalf("it did not happen: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func noLeaks(t *testing.T) {
	t.Helper()
	ignore := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, ignore) })
}

// config is that of a host without plugins.
func config() host.Config {
	ring, err := sealer.NewKeyring()
	if err != nil {
		panic(err)
	}
	return host.Config{Store: memstore.New(), Sealer: sealer.New(ring), Dumpable: true, Logger: slog.New(slog.DiscardHandler)}
}

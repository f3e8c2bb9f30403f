// SPDX-License-Identifier: Apache-2.0

package hostile_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/egress"
	"github.com/credhost/credhost/host/memstore"
	"github.com/credhost/credhost/host/sealer"
	"github.com/credhost/credhost/sdk"
)

// A house is a host that worlds use one after the other, since it takes longer
// to start a host with its plugins than to attack it. Worlds share one only if
// they differ in nothing but what api and evil answer.
type house struct {
	host    *host.Host
	store   host.Store
	lacks   string // the defences
	routes  map[string]string
	fronts  []*httptest.Server
	closing []func()
	world   atomic.Pointer[world] // that uses it now
	spoken  sync.Map              // connections of worlds that speak for themselves
}

// houses are those that no world uses.
var houses struct {
	sync.Mutex
	idle []*house
}

// borrow returns a house for a world, until the world's test is over.
func (w *world) borrow() *house {
	lacks := fmt.Sprint(w.off)
	houses.Lock()
	i := slices.IndexFunc(houses.idle, func(h *house) bool { return h.lacks == lacks })
	var h *house
	if i >= 0 {
		h = houses.idle[i]
		houses.idle = slices.Delete(houses.idle, i, i+1)
	}
	houses.Unlock()
	if h == nil {
		h = w.build(lacks)
	}
	h.world.Store(w)
	if w.speaks != nil { // on connections of its own
		for _, s := range h.fronts {
			s.CloseClientConnections()
		}
	}
	w.t.Cleanup(func() { h.giveBack(w.t) })
	return h
}

// build opens a house.
func (w *world) build(lacks string) *house {
	w.t.Helper()
	h := &house{lacks: lacks, store: memstore.New(), routes: map[string]string{}}
	for _, origin := range []string{api, evil} {
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if w := h.world.Load(); w != nil && w.handlers[origin] != nil {
				w.handlers[origin].ServeHTTP(rw, r)
				return
			}
			http.NotFound(rw, r)
		}))
		if origin == api {
			s.Listener = spoken{s.Listener, h}
		}
		s.Start()
		h.fronts = append(h.fronts, s)
		h.routes[origin] = s.URL
		h.closing = append(h.closing, func() { s.CloseClientConnections(); s.Close() })
	}
	dir, err := os.MkdirTemp(filepath.Dir(programs), "house")
	if err != nil {
		w.t.Fatal(err)
	}
	h.host, err = host.Open(w.ctx, host.Config{
		Plugins: []string{programs}, Lock: filepath.Join(dir, "lock"), Cache: remembered, Dev: true,
		Store: h.store, Sealer: sealer.New(keyring(w.t)), Egress: egress.Config{Routes: h.routes},
		CallbackURL: "https://host.example/callback",
		Logger:      slog.New(slog.NewTextHandler(logOf{h}, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Audit: func(_ context.Context, e host.Event) error {
			if w := h.world.Load(); w != nil {
				return json.NewEncoder(w.audit).Encode(e)
			}
			return nil
		},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	h.closing = append(h.closing, func() { h.host.Close() })
	return h
}

// A spoken listener hands connections to a world that speaks for itself.
type spoken struct {
	net.Listener
	h *house
}

// Accept returns the next connection that is the server's.
func (l spoken) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		w := l.h.world.Load()
		if err != nil || w == nil || w.speaks == nil {
			return conn, err
		}
		l.h.spoken.Store(conn, true)
		go func() {
			defer l.h.spoken.Delete(conn)
			defer conn.Close()
			w.speaks(conn)
		}()
	}
}

// A logOf writes the log of a house into that of its world.
type logOf struct{ h *house }

// Write implements [io.Writer].
func (l logOf) Write(p []byte) (int, error) {
	if w := l.h.world.Load(); w != nil {
		return w.log.Write(p)
	}
	return len(p), nil
}

// giveBack makes a house ready for the next world. One that has not recovered
// from an attack is closed: its breaker may be open, say.
func (h *house) giveBack(t *testing.T) {
	next := &world{t: t, log: new(transcript), audit: new(transcript)}
	next.handlers = map[string]http.Handler{api: http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		fmt.Fprint(rw, token("t", 3600))
	})}
	h.world.Store(next)
	h.spoken.Range(func(conn, _ any) bool {
		conn.(net.Conn).Close()
		return true
	})
	ws := h.host.Workspace("recovered")
	id, err := ws.Create(context.Background(), "client", sdk.Values{"baseUrl": api, "secret": "EXAMPLE"})
	if err == nil {
		var resp *http.Response
		if resp, err = ws.Client(id).Get(api + "/things"); err == nil {
			resp.Body.Close()
		}
	}
	h.world.Store(nil)
	if err != nil || strings.Contains(next.log.String(), "WARN") {
		h.close()
		return
	}
	houses.Lock()
	defer houses.Unlock()
	houses.idle = append(houses.idle, h)
}

func (h *house) close() {
	for _, f := range slices.Backward(h.closing) {
		f()
	}
}

// closeHouses closes those that no world uses.
func closeHouses() {
	houses.Lock()
	defer houses.Unlock()
	for _, h := range houses.idle {
		h.close()
	}
	houses.idle = nil
}

// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/host/audit"
	"github.com/credhost/credhost/host/connectflow"
	"github.com/credhost/credhost/host/events"
	"github.com/credhost/credhost/host/memstore"
	"github.com/credhost/credhost/host/sealer"
	"github.com/credhost/credhost/host/web"
	"github.com/credhost/credhost/internal/ground"
	"github.com/credhost/credhost/internal/standin"
)

func TestMain(m *testing.M) { ground.Main(m) }

// allTypes are the founding three, and the smallest.
var allTypes = []string{"acme", "halopsa", "hellocloud", "faxplus"}

// A house is a host with its page, on this machine.
type house struct {
	*ground.Ground
	URL   string
	Flows *connectflow.Flows
	pages *web.Handler
	trail *audit.Trail
	store *forging
	late  *atomic.Int64 // by how many nanoseconds the trail's clock is ahead
	t     testing.TB
}

// forging is a store in which somebody has changed an entry of the trail: the one
// with the number forged; 0: nobody has.
type forging struct {
	*memstore.Store
	forged atomic.Uint64
}

// Trail implements [host.TrailStore].
func (f *forging) Trail(ctx context.Context, q host.TrailQuery) ([]host.TrailEntry, error) {
	page, err := f.Store.Trail(ctx, q)
	for i, e := range page {
		if e.Seq == f.forged.Load() {
			page[i].Event = bytes.Replace(e.Event, []byte(`"outcome"`), []byte(`"0utcome"`), 1)
		}
	}
	return page, err
}

// open opens the page of a host with plugins of these types.
func open(t testing.TB, types ...string) *house {
	t.Helper()
	return openWith(t, func(*host.Config) {}, types...)
}

// openWith is open of a host that is changed before.
func openWith(t testing.TB, change func(*host.Config), types ...string) *house {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:"+cmp.Or(os.Getenv("CREDHOST_WEB_PORT"), "0"))
	if err != nil {
		t.Fatal(err)
	}
	origin := "http://" + l.Addr().String()
	store, late := &forging{Store: memstore.New()}, &atomic.Int64{}
	t.Cleanup(func() { store.Close() })
	ring, err := sealer.NewKeyring()
	if err != nil {
		t.Fatal(err)
	}
	seals := sealer.New(ring)
	trail, err := audit.Open(context.Background(), audit.Config{Store: store, Sealer: seals, Now: func() time.Time { return time.Now().Add(time.Duration(late.Load())) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { trail.Close() })
	var feed *events.Feed
	g := ground.New(t, ground.Config{Types: types, Store: store, Sealer: seals, Host: func(c *host.Config) {
		c.CallbackURL, c.Audit, c.Fingerprint = origin+"/connect/callback", trail.Record, trail.Fingerprint
		change(c)
		feed = events.Listen(c)
	}})
	g.Fax.Set(func(b *standin.FaxPlusBehaviour) { b.Ask = true })
	told, err := events.Open(context.Background(), events.Config{Host: g.Host, Feed: feed, Logger: ground.Logger(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { told.Close() })
	flows, err := connectflow.Open(connectflow.Config{Host: g.Host, StartURL: origin + "/connect/start"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { flows.Close() })
	pages, err := web.New(web.Config{Host: g.Host, Access: g.Access, Audit: trail, Events: told, Flows: flows, Origin: origin, Version: "1.0", Logger: ground.Logger(t)})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(pages)
	srv.Listener.Close()
	srv.Listener = l
	srv.Config.ReadHeaderTimeout = time.Minute
	srv.Start()
	t.Cleanup(srv.Close)
	return &house{g, srv.URL, flows, pages, trail, store, late, t}
}

// link returns an address that signs somebody in.
func (h *house) link(c access.Caller) string {
	h.t.Helper()
	secret, err := h.Access.Link(access.With(context.Background(), access.Caller{Actor: "os:test", Scopes: access.Scopes}), c)
	if err != nil {
		h.t.Fatal(err)
	}
	return web.SignInURL(h.URL, secret)
}

// Who signs in: the host's own, somebody who may do all in the workspace, and
// somebody who may only look.
func operator() access.Caller { return access.Caller{Actor: "user:olga", Scopes: access.Scopes} }
func admin() access.Caller {
	return access.Caller{Actor: "user:anna", Workspace: ground.Workspace, Scopes: access.Scopes}
}
func reader() access.Caller {
	return access.Caller{Actor: "user:rita", Workspace: ground.Workspace, Scopes: []access.Scope{access.Read}}
}

// TestServe serves the page for who wants to look at it: it does nothing unless
// CREDHOST_WEB_SERVE says for how long.
func TestServe(t *testing.T) {
	d, err := time.ParseDuration(os.Getenv("CREDHOST_WEB_SERVE"))
	if err != nil {
		t.Skip("CREDHOST_WEB_SERVE is not set: there is nobody to look")
	}
	h, _ := special(t, allTypes...)
	world := h.world()
	h.furnish(world)
	text, err := json.Marshal(world)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(os.Getenv("CREDHOST_WEB_WORLD"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	time.Sleep(d)
}

// world starts a server of links to sign in with, and says where all is, for who
// drives a browser.
func (h *house) world() map[string]string {
	mux := http.NewServeMux()
	for path, c := range map[string]access.Caller{"/operator": operator(), "/admin": admin(), "/reader": reader()} {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(h.link(c))) })
	}
	mux.HandleFunc("/visit/{id}", func(w http.ResponseWriter, r *http.Request) {
		v, err := h.Flows.Begin(r.Context(), ground.Workspace, host.Visit{Credential: r.PathValue("id"), Actor: "key:k-1"})
		if err != nil {
			http.Error(w, err.Error(), http.StatusTeapot)
			return
		}
		w.Write([]byte(v.URL))
	})
	gone := httptest.NewServer(http.NotFoundHandler())
	stopped := gone.URL
	gone.Close()
	rubbish := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/broken/") {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		w.Write([]byte("<!DOCTYPE html><p>Down for maintenance"))
	}))
	h.t.Cleanup(rubbish.Close)
	links := httptest.NewServer(mux)
	h.t.Cleanup(links.Close)
	return map[string]string{"page": h.URL, "links": links.URL, "halo": h.HaloURL, "cloud": h.CloudURL, "fax": h.FaxURL, "echo": h.Echo.URL, "stopped": stopped, "rubbish": rubbish.URL}
}

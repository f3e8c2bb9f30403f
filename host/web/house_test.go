// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"cmp"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/host/audit"
	"github.com/credhost/credhost/host/memstore"
	"github.com/credhost/credhost/host/sealer"
	"github.com/credhost/credhost/host/web"
	"github.com/credhost/credhost/internal/ground"
)

func TestMain(m *testing.M) { ground.Main(m) }

// allTypes are the founding three, and the smallest.
var allTypes = []string{"acme", "halopsa", "hellocloud", "faxplus"}

// A house is a host with its page, on this machine.
type house struct {
	*ground.Ground
	URL string
	t   testing.TB
}

// open opens the page of a host with plugins of these types.
func open(t testing.TB, types ...string) *house {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:"+cmp.Or(os.Getenv("CREDHOST_WEB_PORT"), "0"))
	if err != nil {
		t.Fatal(err)
	}
	origin := "http://" + l.Addr().String()
	store := memstore.New()
	t.Cleanup(func() { store.Close() })
	ring, err := sealer.NewKeyring()
	if err != nil {
		t.Fatal(err)
	}
	seals := sealer.New(ring)
	trail, err := audit.Open(context.Background(), audit.Config{Store: store, Sealer: seals})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { trail.Close() })
	g := ground.New(t, ground.Config{Types: types, Store: store, Sealer: seals, Host: func(c *host.Config) {
		c.CallbackURL, c.Audit, c.Fingerprint = origin+"/connect/callback", trail.Record, trail.Fingerprint
	}})
	pages, err := web.New(web.Config{Host: g.Host, Access: g.Access, Audit: trail, Origin: origin, Version: "1.0", Logger: ground.Logger(t)})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(pages)
	srv.Listener.Close()
	srv.Listener = l
	srv.Config.ReadHeaderTimeout = time.Minute
	srv.Start()
	t.Cleanup(srv.Close)
	return &house{g, srv.URL, t}
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
	h := open(t, allTypes...)
	mux := http.NewServeMux()
	for path, c := range map[string]access.Caller{"/operator": operator(), "/admin": admin(), "/reader": reader()} {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(h.link(c))) })
	}
	links := httptest.NewServer(mux)
	defer links.Close()
	if err := os.WriteFile("/tmp/h6/web.links", []byte(links.URL+" "+h.HaloURL+" "+h.CloudURL+" "+h.FaxURL+" "+h.Echo.URL), 0o600); err != nil {
		t.Fatal(err)
	}
	time.Sleep(d)
}

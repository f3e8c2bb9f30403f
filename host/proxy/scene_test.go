// SPDX-License-Identifier: Apache-2.0

package proxy_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/host/audit"
	"github.com/credhost/credhost/host/memstore"
	"github.com/credhost/credhost/host/proxy"
	"github.com/credhost/credhost/host/sealer"
	"github.com/credhost/credhost/internal/ground"
	"github.com/credhost/credhost/sdk"
)

func TestMain(m *testing.M) {
	if !be() {
		ground.Main(m)
	}
}

// A scene is a proxy with a credential of the echo, and a key that may use it.
type scene struct {
	*ground.Ground
	proxy   *proxy.Handler
	front   *httptest.Server // what serves the proxy, as the program does
	trail   *audit.Trail
	id, key string
}

// A setting changes a scene before it is set.
type setting struct {
	proxy  func(*proxy.Config)
	ground ground.Config
	tls    bool // the front speaks TLS, and HTTP/2
}

func newScene(t testing.TB, s setting) *scene {
	t.Helper()
	store := memstore.New()
	ring, err := sealer.NewKeyring()
	if err != nil {
		t.Fatal(err)
	}
	keys := sealer.New(ring)
	trail, err := audit.Open(t.Context(), audit.Config{Store: store, Sealer: keys, Now: s.ground.Now, Logger: ground.Logger(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { trail.Close(); store.Close() })
	s.ground.Store, s.ground.Sealer = store, keys
	g, id := started(t, s.ground)
	cfg := proxy.Config{Host: g.Host, Access: g.Access, Audit: trail, Logger: ground.Logger(t)}
	if s.proxy != nil {
		s.proxy(&cfg)
	}
	p, err := proxy.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	x := &scene{Ground: g, proxy: p, trail: trail, id: id, key: g.Key(access.Use)}
	x.front = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !proxy.Wants(r) {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Credhost-Request", "r-1")
		p.ServeHTTP(w, r.WithContext(host.WithSource(r.Context(), host.Source{Address: "127.0.0.1", Request: "r-1"})))
	}))
	proxy.Tune(x.front.Config)
	x.front.Config.ErrorLog = log.New(io.Discard, "", 0)
	if s.tls {
		x.front.EnableHTTP2 = true
		x.front.StartTLS()
	} else {
		x.front.Start()
	}
	t.Cleanup(x.front.Close)
	return x
}

// starting is held while a program is started: a file that somebody has just
// written cannot be executed while another process, born meanwhile, has it open.
var starting sync.Mutex

// started returns ground on which a credential of the echo works already.
func started(t testing.TB, cfg ground.Config) (*ground.Ground, string) {
	t.Helper()
	starting.Lock()
	defer starting.Unlock()
	g := ground.New(t, cfg)
	id := g.Create("acme")
	r, _ := http.NewRequest("GET", g.Echo.URL, nil)
	if err := g.Host.Workspace(ground.Workspace).Authenticate(t.Context(), id, r); err != nil {
		t.Fatal(err)
	}
	return g, id
}

// base is where the echo is found in path mode.
func (s *scene) base() string { return s.front.URL + s.at(s.Echo.URL) }

// at returns the path below which an origin is found.
func (s *scene) at(origin string) string {
	scheme, rest, _ := strings.Cut(origin, "://")
	return "/proxy/" + s.id + "/" + scheme + "/" + rest
}

// request makes a request in path mode.
func (s *scene) request(t testing.TB, method, path string, body io.Reader) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.base()+path, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.key)
	return r
}

// client follows no redirects.
func (s *scene) client() *http.Client {
	c := *s.front.Client()
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &c
}

// forwarder is a client to which the front is a proxy.
func (s *scene) forwarder(user, key string) *http.Client {
	u, _ := url.Parse(s.front.URL)
	u.User = url.UserPassword(user, key)
	return &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(u), TLSClientConfig: &tls.Config{RootCAs: pool(s.front)}, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func pool(s *httptest.Server) *x509.CertPool {
	p := x509.NewCertPool()
	if c := s.Certificate(); c != nil {
		p.AddCert(c)
	}
	return p
}

// An answer is one, read.
type answer struct {
	*http.Response
	body string
}

// do sends r, and reads the answer.
func do(t testing.TB, c *http.Client, r *http.Request) answer {
	t.Helper()
	resp, err := c.Do(r)
	if err != nil {
		t.Fatalf("%s %s: %v", r.Method, r.URL.Path, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: reading the answer: %v", r.Method, r.URL.Path, err)
	}
	return answer{resp, string(body)}
}

func (s *scene) do(t testing.TB, r *http.Request) answer { t.Helper(); return do(t, s.client(), r) }

// failure reports an error unless a is a problem of the proxy with the status and
// the type, whose detail has a text in it.
func (a answer) failure(t testing.TB, status int, kind, detail string) {
	t.Helper()
	var p struct {
		Type, Title, Detail, Code, Request string
		Status                             int
	}
	if err := json.Unmarshal([]byte(a.body), &p); err != nil {
		t.Fatalf("status %d, %v, %q", a.StatusCode, a.Header, a.body)
	}
	if a.StatusCode != status || p.Status != status || p.Type != "urn:credhost:problem:"+kind || !strings.Contains(p.Detail, detail) {
		t.Errorf("status %d, %+v, want %d %s %q", a.StatusCode, p, status, kind, detail)
	}
	if a.Header.Get("Credhost-Error") != p.Code || p.Code == "" || a.Header.Get("Content-Type") != "application/problem+json" || p.Request != "r-1" || p.Title == "" {
		t.Errorf("not marked as ours: %v, %+v", a.Header, p)
	}
}

// secure returns a setting in which https://example.com is served by h.
func secure(t testing.TB, h http.Handler) (setting, *httptest.Server) {
	t.Helper()
	srv := httptest.NewUnstartedServer(h)
	srv.EnableHTTP2 = true
	srv.StartTLS()
	t.Cleanup(srv.Close)
	var s setting
	s.ground.Host = func(c *host.Config) {
		c.Egress.Routes["https://example.com"] = strings.TrimPrefix(srv.URL, "https://") // what its certificate is for
		c.Egress.RootCAs = pool(srv)
	}
	return s, srv
}

// createAt makes a credential for another address than the echo's.
func (s *scene) createAt(t testing.TB, base string) string {
	t.Helper()
	id, err := s.Host.Workspace(ground.Workspace).Create(t.Context(), "acme", sdk.Values{"baseUrl": base, "apiKey": ground.EchoKey})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// eventually waits for something that comes soon.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

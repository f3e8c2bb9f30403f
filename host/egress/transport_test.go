// SPDX-License-Identifier: Apache-2.0

package egress_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/credhost/credhost/host/egress"
	"github.com/credhost/credhost/internal/nameserver"
	"github.com/credhost/credhost/sdk"
)

// serveTLS starts an HTTPS server for example.com and returns its address, and
// whom to trust.
func serveTLS(t testing.TB, h http.HandlerFunc, change func(*httptest.Server)) (addr string, roots *x509.CertPool) {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.EnableHTTP2 = true
	if change != nil {
		change(s)
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	roots = x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return s.Listener.Addr().String(), roots
}

func TestProxiesOfTheEnvironmentAreIgnored(t *testing.T) {
	var proxied sync.Map
	proxy := serve(t, func(_ http.ResponseWriter, r *http.Request) { proxied.Store(r.URL.String(), true) })
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"} {
		t.Setenv(name, proxy)
	}
	origin := serve(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "direct") })
	g := newGuard(t, egress.Config{Allow: loopback, AllowHTTP: true, Resolver: nameserver.Resolver(t, func(string, int) []string {
		return []string{"127.0.0.1"}
	})})
	url := "http://api.example.com:" + portOf(t, origin)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if to, err := http.ProxyFromEnvironment(r); err != nil || to == nil {
		t.Fatalf("the environment names no proxy for %s (%v): this test would prove nothing", url, err)
	}
	if _, body, err := get(t, t.Context(), g, url); err != nil || body != "direct" {
		t.Errorf("got %q, %v, want direct", body, err)
	}
	proxied.Range(func(url, _ any) bool { t.Errorf("%v went through the proxy", url); return true })
}

func TestTLS(t *testing.T) {
	t.Parallel()
	hello := func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Proto+" "+r.Host) }
	addr, roots := serveTLS(t, hello, nil)
	routes := map[string]string{"https://example.com": addr, "https://other.test": addr}

	g := newGuard(t, egress.Config{Routes: routes, RootCAs: roots})
	if _, body, err := get(t, t.Context(), g, "https://example.com/"); err != nil || body != "HTTP/2.0 example.com" {
		t.Errorf("got %q, %v, want HTTP/2.0", body, err)
	}
	_, _, err := get(t, t.Context(), g, "https://other.test/path?secret")
	refused(t, err, sdk.Unavailable, "https://other.test has a certificate that is not valid for it")

	_, _, err = get(t, t.Context(), newGuard(t, egress.Config{Routes: routes}), "https://example.com/")
	refused(t, err, sdk.Unavailable, "not trusted", "--ca", "egress.Config.TLS")

	addr, roots = serveTLS(t, hello, func(s *httptest.Server) {
		s.EnableHTTP2, s.TLS = false, &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}
	})
	old := newGuard(t, egress.Config{Routes: map[string]string{"https://example.com": addr}, RootCAs: roots})
	_, _, err = get(t, t.Context(), old, "https://example.com/")
	refused(t, err, sdk.Unavailable, "https://example.com could not be reached")
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	origin := serve(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Host+" "+r.RequestURI) })
	addr := strings.TrimPrefix(origin, "http://")
	g := newGuard(t, egress.Config{Routes: map[string]string{
		"https://api.example.com":   origin + "/stand%2Fin/",
		"https://API.example.com:1": origin,
		"http://plain.example.com":  addr,
		"https://broken.example":    "what is this",
		"https://ftp.example":       "ftp://127.0.0.1",
		"tcp://db.example:1":        origin,
	}})
	for url, want := range map[string]string{
		"https://api.example.com/a%2Fb?q=%zz": "api.example.com /stand%2Fin/a%2Fb?q=%zz",
		"https://api.example.com":             "api.example.com /stand%2Fin",
		"https://api.example.com:1/x":         "api.example.com:1 /x",
		"http://plain.example.com/y":          "plain.example.com /y",
	} {
		if _, body, err := get(t, t.Context(), g, url); err != nil || body != want {
			t.Errorf("%s: got %q, %v, want %q", url, body, err, want)
		}
	}
	for _, origin := range []string{"https://broken.example", "https://ftp.example", "tcp://db.example:1"} {
		refused(t, g.Check(origin), sdk.Internal, origin, "egress.Config.Routes")
	}
	// A connection that a route has opened serves nobody else.
	_, _, err := get(t, t.Context(), g, origin)
	refused(t, err, sdk.Invalid, "--allow-address")
}

// once is a server that answers the first request of each connection, reads
// the second wholly, and hangs up on it.
func once(t *testing.T) (origin string, requests func(path string) int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	seen := make(map[string]int)
	var done sync.WaitGroup
	done.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			done.Go(func() {
				defer conn.Close()
				br := bufio.NewReader(conn)
				for n := range 2 {
					r, err := http.ReadRequest(br)
					if err != nil {
						return
					}
					io.Copy(io.Discard, r.Body)
					mu.Lock()
					seen[r.URL.Path]++
					mu.Unlock()
					if n == 0 {
						io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
					}
				}
			})
		}
	})
	t.Cleanup(func() { l.Close(); done.Wait() })
	return "http://" + l.Addr().String(), func(path string) int {
		mu.Lock()
		defer mu.Unlock()
		return seen[path]
	}
}

// A server that hangs up after it has read a request may have acted on it.
func TestUnsafeRequestsAreSentOnce(t *testing.T) {
	t.Parallel()
	body := func() io.Reader { return strings.NewReader("grant_type=refresh_token") }
	none := func() io.Reader { return nil }
	for name, test := range map[string]struct {
		method string
		body   func() io.Reader
		header string
	}{
		"POST":                       {"POST", body, ""},
		"empty POST":                 {"POST", none, ""},
		"POST with a key":            {"POST", body, "Idempotency-Key"},
		"empty POST with a key":      {"POST", none, "Idempotency-Key"},
		"empty POST with an old key": {"POST", none, "X-Idempotency-Key"},
		"PUT":                        {"PUT", body, ""},
		"DELETE":                     {"DELETE", none, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			origin, requests := once(t)
			g := newGuard(t, egress.Config{Allow: loopback, IdleTimeout: time.Minute})
			if _, _, err := get(t, t.Context(), g, origin+"/first"); err != nil {
				t.Fatal(err)
			}
			r, err := http.NewRequestWithContext(t.Context(), test.method, origin+"/second", test.body())
			if err != nil {
				t.Fatal(err)
			}
			if test.header != "" {
				r.Header.Set(test.header, "k")
			}
			resp, err := g.RoundTrip(r)
			if err == nil {
				resp.Body.Close()
				t.Fatalf("got %s, want an error", resp.Status)
			}
			refused(t, err, sdk.Unavailable, origin)
			if n := requests("/second"); n != 1 {
				t.Errorf("it was sent %d times, want 1", n)
			}
			if test.header != "" && r.Header.Get(test.header) != "k" {
				t.Error("the caller's request was changed")
			}
		})
	}
}

func TestWhatWentWrong(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	g := newGuard(t, egress.Config{
		Allow: loopback, ResponseHeaderTimeout: 50 * time.Millisecond,
		Resolver: nameserver.Resolver(t, func(string, int) []string { return nil }),
	})
	for url, words := range map[string]string{
		"https://nowhere.example/hush":               "has no address",
		"http://" + silent.Addr().String() + "/hush": "did not answer in time",
		"http://" + gone.Addr().String() + "/hush":   "could not be reached",
	} {
		_, _, err := get(t, t.Context(), g, url)
		refused(t, err, sdk.Unavailable, words, sdk.Origin(url))
		if strings.Contains(err.Error(), "hush") {
			t.Errorf("%q quotes the path", err)
		}
	}
}

func TestCancellation(t *testing.T) {
	t.Parallel()
	started := make(chan bool, 1)
	origin := serve(t, func(_ http.ResponseWriter, r *http.Request) { started <- true; <-r.Context().Done() })
	g := newGuard(t, egress.Config{Allow: loopback})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-started; cancel() }()
	if _, _, err := get(t, ctx, g, origin); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	client := &http.Client{Transport: g, Timeout: 20 * time.Millisecond}
	_, err := client.Get(origin)
	var e *url.Error
	if !errors.As(err, &e) || !e.Timeout() {
		t.Errorf("got %v, want a timeout", err)
	}
}

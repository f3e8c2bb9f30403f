// SPDX-License-Identifier: Apache-2.0

package egress_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/credhost/credhost/host/egress"
	"github.com/credhost/credhost/sdk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// loopback is what most tests allow: they serve themselves.
var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}

func newGuard(t testing.TB, c egress.Config) *egress.Guard {
	t.Helper()
	g := egress.New(c)
	t.Cleanup(func() { g.Close() })
	return g
}

// serve starts an HTTP server and returns its origin.
func serve(t testing.TB, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// get sends a GET through rt.
func get(t testing.TB, ctx context.Context, rt http.RoundTripper, url string) (status int, body string, err error) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := rt.RoundTrip(r)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

// refused checks that err is an *sdk.Error with a code and with words in it.
func refused(t testing.TB, err error, code sdk.Code, words ...string) {
	t.Helper()
	var e *sdk.Error
	if !errors.As(err, &e) {
		t.Fatalf("got error %v, want an *sdk.Error", err)
	}
	if e.Code != code {
		t.Errorf("got code %v for %q, want %v", e.Code, e, code)
	}
	for _, word := range words {
		if !strings.Contains(e.Error(), word) {
			t.Errorf("%q does not say %q", e, word)
		}
	}
}

// portOf returns the port of an origin.
func portOf(t testing.TB, origin string) string {
	t.Helper()
	u, err := url.Parse(origin)
	if err != nil {
		t.Fatal(err)
	}
	return u.Port()
}

func TestPolicyOfTheContext(t *testing.T) {
	t.Parallel()
	origin := serve(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") })
	g := newGuard(t, egress.Config{Allow: loopback})

	ctx := egress.WithPolicy(t.Context(), egress.Policy{Origins: []string{origin}})
	if _, body, err := get(t, ctx, g, origin+"/path"); err != nil || body != "hello" {
		t.Errorf("got %q, %v, want hello", body, err)
	}
	ctx = egress.WithPolicy(t.Context(), egress.Policy{Origins: []string{"https://api.example.com"}})
	_, _, err := get(t, ctx, g, origin+"/secret-path?token=hush")
	refused(t, err, sdk.Invalid, origin, "not an origin of this credential")
	if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "hush") {
		t.Errorf("%q quotes the path or the query", err)
	}
	_, _, err = get(t, egress.WithPolicy(t.Context(), egress.Policy{}), g, origin)
	refused(t, err, sdk.Invalid)
}

func TestRequestsThatAreRefused(t *testing.T) {
	t.Parallel()
	var reached atomic.Int32
	origin := serve(t, func(http.ResponseWriter, *http.Request) { reached.Add(1) })
	g := newGuard(t, egress.Config{Allow: loopback})
	for name, change := range map[string]func(*http.Request){
		"another Host":  func(r *http.Request) { r.Host = "evil.example" },
		"another port":  func(r *http.Request) { r.Host = "127.0.0.1:1" },
		"CONNECT":       func(r *http.Request) { r.Method = http.MethodConnect },
		"no host":       func(r *http.Request) { r.URL.Host = "" },
		"no HTTP":       func(r *http.Request) { r.URL.Scheme = "ftp" },
		"tcp":           func(r *http.Request) { r.URL.Scheme = "tcp" },
		"a zone":        func(r *http.Request) { r.URL.Host = "[fe80::1%25eth0]" },
		"a number":      func(r *http.Request) { r.URL.Host = "2130706433" },
		"a public name": func(r *http.Request) { r.URL.Host = "api.example.com" }, // http
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, origin, io.NopCloser(strings.NewReader("body")))
		r.RequestURI = ""
		closed := &closing{Reader: strings.NewReader("body")}
		r.Body = closed
		change(r)
		resp, err := g.RoundTrip(r)
		var e *sdk.Error
		if !errors.As(err, &e) {
			t.Errorf("%s: got %v, %v, want an *sdk.Error", name, resp, err)
		}
		if !closed.closed {
			t.Errorf("%s: the body was not closed", name)
		}
	}
	if n := reached.Load(); n != 0 {
		t.Errorf("%d requests reached the server, want 0", n)
	}
}

type closing struct {
	io.Reader
	closed bool
}

func (c *closing) Close() error { c.closed = true; return nil }

func TestAnswersComeAsTheyAre(t *testing.T) {
	t.Parallel()
	origin := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if enc := r.Header.Get("Accept-Encoding"); enc != "" {
			t.Errorf("Accept-Encoding %q was added", enc)
		}
		http.Redirect(w, r, "https://evil.example/", http.StatusFound)
	})
	g := newGuard(t, egress.Config{Allow: loopback})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, origin, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := g.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusFound || resp.Header.Get("Location") != "https://evil.example/" {
		t.Errorf("got %s to %q, want the redirect itself", resp.Status, resp.Header.Get("Location"))
	}
	if resp.Request != r {
		t.Error("the answer carries another request than the caller's")
	}
}

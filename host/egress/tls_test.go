// SPDX-License-Identifier: Apache-2.0

package egress_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/credhost/credhost/host/egress"
	"github.com/credhost/credhost/internal/defence"
	"github.com/credhost/credhost/sdk"
)

// said keeps what is logged.
type said struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *said) count(words string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Count(s.b.String(), words)
}

// authorityOf returns the certificate that a test's TLS servers have, which is
// its own authority.
func authorityOf(t testing.TB) []*x509.Certificate {
	t.Helper()
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	return []*x509.Certificate{s.Certificate()}
}

// An operator's settings hold for the origins of their pattern, the nearest
// first, beside those of a credential.
func TestTLSByOrigin(t *testing.T) {
	t.Parallel()
	ada, bob := clientCertificate(t, "ada", time.Hour), clientCertificate(t, "bob", time.Hour)
	m := serveMutual(t, nil, ada, bob)
	routes := map[string]string{}
	for _, name := range []string{"https://example.com", "https://a.example.com", "https://b.a.example.com", "https://example.net"} {
		routes[name] = m.addr
	}
	mine := authorityOf(t)
	g := newGuard(t, egress.Config{Routes: routes, TLS: map[string]egress.TLS{
		"*":                       {Authorities: mine},
		"https://*.example.com":   {Certificate: bob},
		"https://a.example.com":   {Certificate: ada},
		"https://*.a.example.com": {Certificate: ada},
	}})
	none := egress.TLS{}
	for _, test := range []struct {
		origin string
		own    egress.TLS
		want   string // who the service takes the host for, or words of the error
	}{
		{"https://a.example.com", none, "ada"},
		{"https://b.a.example.com", none, "not valid for it"}, // its certificate is for one label
		{"https://a.example.com", egress.TLS{Certificate: bob}, "bob"},
		{"https://example.com", none, "wants a client certificate"},
		{"https://example.com", egress.TLS{Certificate: ada}, "ada"},
	} {
		_, body, err := get(t, t.Context(), g.As(test.own), test.origin)
		if err != nil {
			body = err.Error()
		}
		if !strings.Contains(body, test.want) {
			t.Errorf("%s as itself: got %q, want %q", test.origin, body, test.want)
		}
		_, again, err := get(t, egress.WithPolicy(t.Context(), egress.Policy{Origins: []string{test.origin}, TLS: test.own}), g, test.origin)
		if err != nil {
			again = err.Error()
		}
		if again != body {
			t.Errorf("%s for a plugin: got %q, and %q as the host's own", test.origin, again, body)
		}
	}
}

// TLS 1.2 is the lowest version, and 1.3 where somebody wants it.
func TestMinVersion(t *testing.T) {
	t.Parallel()
	mine := authorityOf(t)
	hello := func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, tls.VersionName(r.TLS.Version)) }
	routes := map[string]string{}
	for name, highest := range map[string]uint16{"old": tls.VersionTLS11, "middling": tls.VersionTLS12, "new": tls.VersionTLS13} {
		addr, _ := serveTLS(t, hello, func(s *httptest.Server) { s.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: highest} })
		routes["https://"+name+".example.com"] = addr
	}
	all := egress.TLS{Authorities: mine}
	lax := newGuard(t, egress.Config{Routes: routes, TLS: map[string]egress.TLS{"*": all}})
	strict := newGuard(t, egress.Config{Routes: routes, TLS: map[string]egress.TLS{"*": all, "https://*.example.com": {MinVersion: tls.VersionTLS13}}})
	for _, test := range []struct {
		g          *egress.Guard
		name, want string
	}{
		{lax, "old", ""}, {lax, "middling", "TLS 1.2"}, {lax, "new", "TLS 1.3"}, {strict, "old", ""}, {strict, "middling", ""}, {strict, "new", "TLS 1.3"},
	} {
		if _, body, err := get(t, t.Context(), test.g, "https://"+test.name+".example.com"); body != test.want || (err == nil) != (test.want != "") {
			t.Errorf("%s: got %q, %v, want %q", test.name, body, err, test.want)
		}
	}
}

// Who takes any certificate says so: in the log, at most once a minute for each
// origin, and when the guard is made. A credential that does is refused unless
// the operator allows it.
func TestSkipVerify(t *testing.T) {
	t.Parallel()
	addr, _ := serveTLS(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "there") }, nil)
	routes := map[string]string{"https://anybody.test": addr, "https://other.test": addr}
	const warning = "its certificate is not verified"

	var log said
	logger := slog.New(slog.NewTextHandler(&log, nil))
	g := newGuard(t, egress.Config{Routes: routes, Logger: logger, TLS: map[string]egress.TLS{"https://anybody.test": {SkipVerify: true}}})
	if log.count(warning) != 1 || log.count("https://anybody.test") != 1 {
		t.Errorf("when it was made, the guard logged %q", log.b.String())
	}
	if _, body, err := get(t, t.Context(), g, "https://anybody.test"); body != "there" {
		t.Errorf("got %q, %v", body, err)
	}
	_, _, err := get(t, t.Context(), g, "https://other.test")
	refused(t, err, sdk.Unavailable, "has a certificate")
	own := egress.TLS{SkipVerify: true}
	_, _, err = get(t, t.Context(), g.As(own), "https://other.test")
	refused(t, err, sdk.Invalid, "--allow-skip-verify", "https://other.test")

	g = newGuard(t, egress.Config{Routes: routes, Logger: logger, AllowSkipVerify: true})
	for range 3 {
		if _, body, err := get(t, t.Context(), g.As(own), "https://other.test"); body != "there" {
			t.Errorf("got %q, %v", body, err)
		}
	}
	if n := log.count("https://other.test"); n != 1 {
		t.Errorf("it was warned of %d times within a minute, want once", n)
	}
	// A connection that was made so serves nobody who verifies.
	_, _, err = get(t, t.Context(), g, "https://other.test")
	refused(t, err, sdk.Unavailable, "has a certificate")
	shared := egress.NewWithContext(defence.Without(t.Context(), defence.OwnPool), egress.Config{Routes: routes, AllowSkipVerify: true})
	defer shared.Close()
	get(t, t.Context(), shared.As(own), "https://other.test")
	if _, body, err := get(t, t.Context(), shared.As(egress.TLS{MinVersion: tls.VersionTLS13}), "https://other.test"); body != "there" {
		t.Errorf("without the defence it does not either: %v", err)
	}
}

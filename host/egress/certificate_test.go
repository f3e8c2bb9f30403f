// SPDX-License-Identifier: Apache-2.0

package egress_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/credhost/credhost/host/egress"
	"github.com/credhost/credhost/sdk"
)

// clientCertificate returns a self-signed certificate, for as long as life.
func clientCertificate(t testing.TB, name string, life time.Duration) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(life),
		IsCA: true, BasicConstraintsValid: true, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// mutual is a server that wants a client certificate, and says whose it got.
type mutual struct {
	addr  string
	roots *x509.CertPool
	conns atomic.Int32 // that were opened

	served sync.Map // who was served, by where requests came from
}

func serveMutual(t testing.TB, change func(*tls.Config), trusted ...*tls.Certificate) *mutual {
	t.Helper()
	m := &mutual{}
	m.addr, m.roots = serveTLS(t, func(w http.ResponseWriter, r *http.Request) {
		name := "nobody"
		if len(r.TLS.PeerCertificates) > 0 {
			name = r.TLS.PeerCertificates[0].Subject.CommonName
		}
		if before, again := m.served.LoadOrStore(r.RemoteAddr, name); again && before != name {
			t.Errorf("%v and %s share a connection", before, name)
		}
		io.WriteString(w, name)
	}, func(s *httptest.Server) {
		s.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: x509.NewCertPool()}
		for _, c := range trusted {
			s.TLS.ClientCAs.AddCert(c.Leaf)
		}
		if change != nil {
			change(s.TLS)
		}
		s.EnableHTTP2 = s.TLS.NextProtos == nil
		s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				m.conns.Add(1)
			}
		}
	})
	return m
}

// A service that asks for a client certificate gets the one of the policy, or
// of the host's own client, and nobody else's.
func TestClientCertificate(t *testing.T) {
	t.Parallel()
	ada, bob := clientCertificate(t, "ada", time.Hour), clientCertificate(t, "bob", time.Hour)
	for name, change := range map[string]func(*tls.Config){
		"HTTP/2":   nil,
		"HTTP/1.1": func(c *tls.Config) { c.NextProtos = []string{"http/1.1"} },
		"TLS 1.2":  func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 },
		"a hint at other authorities": func(c *tls.Config) {
			pool := x509.NewCertPool()
			pool.AddCert(clientCertificate(t, "authority", time.Hour).Leaf)
			c.ClientAuth, c.ClientCAs = tls.RequireAnyClientCert, pool
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := serveMutual(t, change, ada, bob)
			g := newGuard(t, egress.Config{Routes: map[string]string{"https://example.com": m.addr}, RootCAs: m.roots})
			as := func(c *tls.Certificate) egress.Policy {
				return egress.Policy{Origins: []string{"https://example.com"}, TLS: egress.TLS{Certificate: c}}
			}
			for range 2 {
				for want, c := range map[string]*tls.Certificate{"ada": ada, "bob": bob} {
					if _, body, err := get(t, egress.WithPolicy(t.Context(), as(c)), g, "https://example.com/"); err != nil || body != want {
						t.Errorf("with a policy: %q, %v, want %s", body, err, want)
					}
					if _, body, err := get(t, t.Context(), g.As(egress.TLS{Certificate: c}), "https://example.com/"); err != nil || body != want {
						t.Errorf("the host's own: %q, %v, want %s", body, err, want)
					}
				}
				for what, rt := range map[string]http.RoundTripper{"none": g, "As(TLS{})": g.As(egress.TLS{})} {
					_, _, err := get(t, t.Context(), rt, "https://example.com/x?secret")
					refused(t, err, sdk.Denied, "https://example.com wants a client certificate", "give the credential one")
					if !errors.Is(err, egress.ErrCertificate) || strings.Contains(err.Error(), "secret") {
						t.Errorf("%s: %v", what, err)
					}
				}
			}
			ways := map[string]string{}
			m.served.Range(func(from, name any) bool { ways[name.(string)] += from.(string) + " "; return true })
			if len(ways) != 2 || strings.Count(ways["ada"], " ") != 1 || strings.Count(ways["bob"], " ") != 1 {
				t.Errorf("the requests came by %v, want one connection for each certificate", ways)
			}
		})
	}
}

// A certificate that the service does not take is an error that says so.
func TestClientCertificateThatIsRefused(t *testing.T) {
	t.Parallel()
	good, stranger, ended := clientCertificate(t, "good", time.Hour), clientCertificate(t, "stranger", time.Hour), clientCertificate(t, "ended", -time.Minute)
	for name, change := range map[string]func(*tls.Config){
		"TLS 1.3": nil,
		"TLS 1.2": func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 },
	} {
		m := serveMutual(t, change, good, ended)
		g := newGuard(t, egress.Config{Routes: map[string]string{"https://example.com": m.addr}, RootCAs: m.roots})
		for _, c := range []*tls.Certificate{stranger, ended} {
			_, _, err := get(t, t.Context(), g.As(egress.TLS{Certificate: c}), "https://example.com/")
			refused(t, err, sdk.Denied, "https://example.com does not take the client certificate")
			if !errors.Is(err, egress.ErrCertificate) {
				t.Errorf("%s, %s: the cause is %v", name, c.Leaf.Subject.CommonName, err)
			}
		}
	}
}

// A policy's certificate goes to its origins alone, and the host's own client
// stays within the guard's rules.
func TestClientCertificateStaysAtHome(t *testing.T) {
	t.Parallel()
	ada := clientCertificate(t, "ada", time.Hour)
	m := serveMutual(t, nil, ada)
	g := newGuard(t, egress.Config{Routes: map[string]string{"https://example.com": m.addr, "https://other.example": m.addr}, RootCAs: m.roots})
	p := egress.Policy{Origins: []string{"https://example.com"}, TLS: egress.TLS{Certificate: ada}}
	_, _, err := get(t, egress.WithPolicy(t.Context(), p), g, "https://other.example/")
	refused(t, err, sdk.Invalid, "not an origin of this credential")
	_, _, err = get(t, t.Context(), g.As(egress.TLS{Certificate: ada}), "https://127.0.0.1:1/")
	refused(t, err, sdk.Invalid, "--allow-address")
	if n := m.conns.Load(); n != 0 {
		t.Errorf("%d connections were opened", n)
	}
}

// A route to a base URL takes the certificate along if that is https; a base
// without TLS gets none, and shares nothing with those that do.
func TestClientCertificateOnRoutes(t *testing.T) {
	t.Parallel()
	ada := clientCertificate(t, "ada", time.Hour)
	m := serveMutual(t, func(c *tls.Config) { c.ClientAuth = tls.RequestClientCert })
	plain := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.TLS != nil {
			t.Error("there is TLS")
		}
		io.WriteString(w, "plain")
	})
	_, port, _ := net.SplitHostPort(m.addr)
	g := newGuard(t, egress.Config{RootCAs: m.roots, Routes: map[string]string{
		"https://secure.example": "https://127.0.0.1:" + port, "https://plain.example": plain}})
	for origin, want := range map[string]string{"https://secure.example": "ada", "https://plain.example": "plain"} {
		if _, body, err := get(t, t.Context(), g.As(egress.TLS{Certificate: ada}), origin+"/"); err != nil || body != want {
			t.Errorf("%s: got %q, %v, want %s", origin, body, err, want)
		}
	}
	if _, body, err := get(t, t.Context(), g, "https://secure.example/"); err != nil || body != "nobody" {
		t.Errorf("without a certificate: %q, %v", body, err)
	}
}

// A plugin's requests on a socket present its credential's certificate.
func TestClientCertificateOfACall(t *testing.T) {
	t.Parallel()
	ada := clientCertificate(t, "ada", time.Hour)
	m := serveMutual(t, nil, ada)
	g := newGuard(t, egress.Config{Routes: map[string]string{"https://example.com": m.addr}, RootCAs: m.roots})
	w := newWay(t, g)
	for want, c := range map[string]*tls.Certificate{"ada": ada, "wants a client certificate": nil} {
		ctx, end := context.WithCancel(t.Context())
		w.mu.Lock()
		w.calls[call1] = egress.NewCall(ctx, egress.Policy{Origins: []string{"https://example.com"}, TLS: egress.TLS{Certificate: c}})
		w.mu.Unlock()
		status, body, err := get(t, t.Context(), w.client(call1).Transport, "https://example.com/")
		if got := fmt.Sprint(status, body, err); !strings.Contains(got, want) {
			t.Errorf("the plugin gets %q, want %q", got, want)
		}
		end()
	}
}

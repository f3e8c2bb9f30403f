// SPDX-License-Identifier: Apache-2.0

package host_test

import (
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/internal/testplugin"
	"github.com/credhost/credhost/sdk"
)

// An authority is one of a test's own, that nobody trusts by himself.
type authority struct {
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  string
}

func newAuthority(t testing.TB, name string) *authority {
	t.Helper()
	a := &authority{t: t}
	der, key := a.issue(&x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, 24*time.Hour)
	a.cert, _ = x509.ParseCertificate(der)
	a.key, a.pem = key, inPEM("CERTIFICATE", der)
	return a
}

// issue signs a certificate that lives as long as life, by itself if a has no
// key yet.
func (a *authority) issue(template *x509.Certificate, life time.Duration) ([]byte, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(life)
	parent, signer := a.cert, a.key
	if signer == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		a.t.Fatal(err)
	}
	return der, key
}

// client returns a client certificate and its key, in PEM.
func (a *authority) client(name string, life time.Duration) (certificate, key string) {
	a.t.Helper()
	der, k := a.issue(&x509.Certificate{Subject: pkix.Name{CommonName: name}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, life)
	text, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		a.t.Fatal(err)
	}
	return inPEM("CERTIFICATE", der), inPEM("PRIVATE KEY", text)
}

func inPEM(what string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: what, Bytes: der}))
}

// A private service is the one of the type placed, behind a certificate of an
// authority of its own.
type private struct {
	ca       *authority
	addr     string
	requests atomic.Int64 // that got through the handshake
	keys     atomic.Value // the last API key that it was shown
}

// servePrivate starts a service with a certificate of ca. If clients is not
// nil, it wants a client certificate of that authority.
func servePrivate(t testing.TB, ca, clients *authority) *private {
	t.Helper()
	p := &private{ca: ca}
	p.addr = serveNamed(t, "placed.example", ca, clients, func(w http.ResponseWriter, r *http.Request) {
		p.requests.Add(1)
		p.keys.Store(r.Header.Get("X-Api-Key"))
		testplugin.PlacedStandin{}.ServeHTTP(w, r)
	})
	return p
}

// serveNamed starts a service of that name, and returns its address.
func serveNamed(t testing.TB, name string, ca, clients *authority, h http.HandlerFunc) (addr string) {
	t.Helper()
	der, key := ca.issue(&x509.Certificate{Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}}, time.Hour)
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.EnableHTTP2 = true
	s.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	if clients != nil {
		s.TLS.ClientAuth, s.TLS.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
		s.TLS.ClientCAs.AddCert(clients.cert)
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// behind opens a host for which p is the service of the type placed.
func behind(t testing.TB, p *private, change func(*host.Config)) *house {
	return open(t, func(c *host.Config) {
		c.Egress.Routes["https://placed.example"] = p.addr
		if change != nil {
			change(c)
		}
	})
}

// verdict tests a credential.
func (h *house) verdict(id string) host.Verdict {
	h.t.Helper()
	v, err := h.Test(h.t.Context(), id)
	if err != nil {
		h.t.Fatal(err)
	}
	return v
}

// TestTLSOfACredential shows that settings of TLS hold wherever the host speaks
// for a credential, whatever its type, and for no other credential.
func TestTLSOfACredential(t *testing.T) {
	t.Parallel()
	ca, clients := newAuthority(t, "private"), newAuthority(t, "clients")
	h := behind(t, servePrivate(t, ca, clients), nil)
	certificate, key := clients.client("ada", 30*24*time.Hour)
	id, err := h.Add(t.Context(), host.New{Type: "placed", Values: testplugin.Answers("placed"), TLS: host.TLS{CA: ca.pem, Certificate: certificate, Key: key}})
	if err != nil {
		t.Fatal(err)
	}
	if v := h.verdict(id); v.Outcome != host.Works {
		t.Errorf("Test = %+v, want it to work", v)
	}
	if got := h.get(id, "https://placed.example/me"); got != http.StatusOK {
		t.Errorf("the host's own client: status %d", got)
	}
	other, err := h.Add(t.Context(), host.New{Type: "placed", Values: testplugin.Answers("placed"), TLS: host.TLS{CA: ca.pem}})
	if err != nil {
		t.Fatal(err)
	}
	if v := h.verdict(other); !strings.Contains(v.Message, "wants a client certificate") {
		t.Errorf("without the client certificate: %+v", v)
	}
	if v := h.verdict(h.create("placed", nil)); v.Outcome != host.Down || !strings.Contains(v.Message, "authority that is not trusted") {
		t.Errorf("another credential: %+v, want it not to trust the authority", v)
	}
	shown, err := h.Show(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if s := shown.TLS; s == nil || len(s.CA) != 1 || s.CA[0].Subject != "CN=private" || s.Certificate == nil || s.Certificate.Subject != "CN=ada" ||
		s.Certificate.Issuer != "CN=clients" || len(s.Certificate.Fingerprint) != 64 || s.SkipVerify {
		t.Errorf("Show = %+v", s)
	}
	if text, _ := json.Marshal(shown); strings.Contains(string(text), "PRIVATE KEY") {
		t.Error("the private key is shown")
	}
	n := host.New{TLS: host.TLS{Key: key}}
	if text := fmt.Sprintf("%v %+v %#v", n, n, n.TLS); strings.Contains(text, "PRIVATE KEY") {
		t.Errorf("the private key is printed: %s", text)
	}
	empty := ""
	if err := h.Update(t.Context(), id, host.Patch{TLS: &host.TLSPatch{CA: &empty, Certificate: &empty, Key: &empty}}); err != nil {
		t.Errorf("clearing: %v", err)
	}
	if shown, _ := h.Show(t.Context(), id); shown.TLS != nil {
		t.Errorf("after clearing: %+v", shown.TLS)
	}
	if _, err := h.Client(id).Get("https://placed.example/me"); err == nil {
		t.Error("what was cleared is still used")
	}
}

// TestSomebodyInTheMiddle plays who may edit a credential but not read it, and
// stands between the host and the service: settings of TLS that trust them
// have to come with the secrets, which they do not know.
func TestSomebodyInTheMiddle(t *testing.T) {
	t.Parallel()
	evil := newAuthority(t, "evil")
	middle := servePrivate(t, evil, nil)
	h := behind(t, middle, func(c *host.Config) { c.Egress.AllowSkipVerify = true })
	id := h.create("placed", nil)
	yes, friend := true, newAuthority(t, "friend").pem
	for name, p := range map[string]host.TLSPatch{
		"an authority":             {CA: &evil.pem},
		"no verification":          {SkipVerify: &yes},
		"both":                     {CA: &evil.pem, SkipVerify: &yes},
		"an authority of a friend": {CA: &friend},
	} {
		err := h.Update(t.Context(), id, host.Patch{TLS: &p})
		refused(t, err, sdk.Invalid, "apiKey")
		var all sdk.Errors
		if !errors.As(err, &all) || all[0].Reason != host.ReasonAgain || !strings.Contains(all[0].Message, "another authority") {
			t.Errorf("%s: %v, want the secret to be demanded again", name, err)
		}
		h.Update(t.Context(), id, host.Patch{Values: sdk.Values{"place": "query"}, TLS: &p})
		if _, err := h.Client(id).Get("https://placed.example/me"); err == nil {
			t.Errorf("%s: the credential is used", name)
		}
		h.Test(t.Context(), id)
	}
	if n := middle.requests.Load(); n > 0 {
		t.Fatalf("%d requests reached who is in the middle", n)
	}
	// They may have what they bring themselves.
	err := h.Update(t.Context(), id, host.Patch{Values: sdk.Values{"apiKey": "EXAMPLE-their-own"}, TLS: &host.TLSPatch{CA: &evil.pem}})
	if err != nil {
		t.Fatal(err)
	}
	h.Test(t.Context(), id)
	if got := middle.keys.Load(); got != "EXAMPLE-their-own" {
		t.Errorf("who is in the middle got %q, want what they brought", got)
	}
	// What is trusted already needs no secret, and less of it neither.
	certificate, key := evil.client("x", time.Hour)
	empty, no := "", false
	for _, p := range []host.TLSPatch{{CA: &evil.pem}, {Certificate: &certificate, Key: &key}, {CA: &empty}, {SkipVerify: &no}} {
		if err := h.Update(t.Context(), id, host.Patch{TLS: &p}); err != nil {
			t.Errorf("%v: %v", p, err)
		}
	}
}

// TestSkipVerify shows that a credential takes any certificate only while the
// operator allows it, and never quietly.
func TestSkipVerify(t *testing.T) {
	t.Parallel()
	p := servePrivate(t, newAuthority(t, "nobody's"), nil)
	skip := host.New{Type: "placed", Values: testplugin.Answers("placed"), TLS: host.TLS{SkipVerify: true}}
	strict := behind(t, p, nil)
	_, err := strict.Add(t.Context(), skip)
	refused(t, err, sdk.Invalid, "tls.skipVerify")

	h := behind(t, p, func(c *host.Config) { c.Egress.AllowSkipVerify = true })
	id, err := h.Add(t.Context(), skip)
	if err != nil {
		t.Fatal(err)
	}
	if v := h.verdict(id); v.Outcome != host.Works {
		t.Errorf("Test = %+v", v)
	}
	h.get(id, "https://placed.example/me")
	if n := strings.Count(h.log.String(), "its certificate is not verified"); n != 1 {
		t.Errorf("it was warned of %d times within a minute, want once", n)
	}
	if shown, _ := h.Show(t.Context(), id); shown.TLS == nil || !shown.TLS.SkipVerify {
		t.Errorf("Show = %+v, want it to say so", shown.TLS)
	}
	before := p.requests.Load()
	h.cfg.Egress.AllowSkipVerify = false
	again := h.another().Workspace("acme")
	if _, err := again.Client(id).Get("https://placed.example/me"); err == nil || !strings.Contains(err.Error(), "--allow-skip-verify") {
		t.Errorf("when it is not allowed any more: %v", err)
	}
	if v, _ := again.Test(t.Context(), id); v.Outcome != host.Wrong || !strings.Contains(v.Message, "--allow-skip-verify") {
		t.Errorf("Test, when it is not allowed any more: %+v", v)
	}
	if p.requests.Load() != before {
		t.Error("it was reached all the same")
	}
}

// TestWrongTLS shows that what cannot be used is refused when it is entered, in
// the field where it is.
func TestWrongTLS(t *testing.T) {
	t.Parallel()
	h := open(t, func(c *host.Config) { c.Egress.AllowSkipVerify = true })
	ca := newAuthority(t, "a")
	certificate, key := ca.client("ada", time.Hour)
	_, foreign := ca.client("bob", time.Hour)
	for field, s := range map[string]host.TLS{
		"tls.ca":          {CA: "what is this"},
		"tls.ca ":         {CA: strings.Repeat(ca.pem, 200)},
		"tls.ca  ":        {CA: key},
		"tls.certificate": {Key: key},
		"tls.key":         {Certificate: certificate},
		"tls.key ":        {Certificate: certificate, Key: foreign},
		"tls.key  ":       {Certificate: certificate, Key: "what is this"},
	} {
		_, err := h.Add(t.Context(), host.New{Type: "placed", Values: testplugin.Answers("placed"), TLS: s})
		refused(t, err, sdk.Invalid, strings.TrimSpace(field))
	}
	_, err := h.Add(t.Context(), host.New{Type: "clients", Values: testplugin.Answers("clients"), TLS: host.TLS{Certificate: certificate, Key: key}})
	refused(t, err, sdk.Invalid, "tls.certificate")

	// An application's secrets go to whom its operator trusts.
	apps := h.Host.Workspace("acme").Applications()
	all := testplugin.Answers("homed")
	app, err := apps.Create(t.Context(), host.New{Type: "homed", Values: all})
	if err != nil {
		t.Fatal(err)
	}
	for field, s := range map[string]host.TLS{"tls.ca": {CA: ca.pem}, "tls.skipVerify": {SkipVerify: true}} {
		_, err := h.Add(t.Context(), host.New{Type: "homed", Application: app, TLS: s})
		refused(t, err, sdk.Invalid, field)
	}
	if _, err := h.Add(t.Context(), host.New{Type: "homed", Application: app, TLS: host.TLS{Certificate: certificate, Key: key}}); err != nil {
		t.Errorf("a client certificate beside an application: %v", err)
	}
	_, err = apps.Create(t.Context(), host.New{Type: "homed", Values: all, TLS: host.TLS{CA: ca.pem}})
	refused(t, err, sdk.Invalid, "")
	refused(t, apps.Update(t.Context(), app, host.Patch{TLS: &host.TLSPatch{CA: &ca.pem}}), sdk.Invalid, "")
}

// TestTLSOfConnecting shows that settings of TLS hold while a person connects a
// credential, too; and that the host hears what a service answers then, though
// it be compressed: without that, a pushed request would be none.
func TestTLSOfConnecting(t *testing.T) {
	t.Parallel()
	ca, clients := newAuthority(t, "private"), newAuthority(t, "clients")
	standin := testplugin.NewPushedStandin()
	var packed atomic.Int64
	addr := serveNamed(t, "pushed.example", ca, clients, func(w http.ResponseWriter, r *http.Request) {
		said := httptest.NewRecorder()
		standin.ServeHTTP(said, r)
		for name, values := range said.Header() {
			w.Header()[name] = values
		}
		if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			w.WriteHeader(said.Code)
			w.Write(said.Body.Bytes())
			return
		}
		packed.Add(1)
		w.Header().Del("Content-Length")
		w.Header().Set("Content-Encoding", "gzip")
		w.WriteHeader(said.Code)
		z := gzip.NewWriter(w)
		z.Write(said.Body.Bytes())
		z.Close()
	})
	h := open(t, func(c *host.Config) { c.Egress.Routes["https://pushed.example"] = addr })
	certificate, key := clients.client("ada", time.Hour)
	id, err := h.Add(t.Context(), host.New{Type: "pushed", Values: testplugin.Answers("pushed"), TLS: host.TLS{CA: ca.pem, Certificate: certificate, Key: key}})
	if err != nil {
		t.Fatal(err)
	}
	if f := h.begin(id); !strings.Contains(f.URL, "request_uri=") {
		t.Errorf("people are sent to %s, where no request was pushed", f.URL)
	}
	if packed.Load() == 0 {
		t.Error("nothing was compressed: this test proves less than it says")
	}
	other := h.create("pushed", nil)
	if _, err := h.Connect(t.Context(), other, "anna"); err == nil {
		t.Error("another credential's pushed request went there, too")
	}
}

// TestTLSEndsAFlow shows that nobody changes whom a code is told to while a
// person fetches it.
func TestTLSEndsAFlow(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	id := h.create("homed", nil)
	back := h.visit(h.begin(id))
	ca := newAuthority(t, "evil").pem
	if err := h.Update(t.Context(), id, host.Patch{Values: testplugin.Answers("homed"), TLS: &host.TLSPatch{CA: &ca}}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Finish(back, "anna"); !errors.Is(err, sdk.Denied) {
		t.Errorf("a flow that began before: %v, want %v", err, sdk.Denied)
	}
	if n := h.services.Homed.TokenRequests(); n > 0 {
		t.Errorf("%d codes were sent on", n)
	}
}

// TestClientCertificateEnds shows that people are warned before a credential's
// certificate ends, once.
func TestClientCertificateEnds(t *testing.T) {
	t.Parallel()
	var said warnings
	h := open(t, func(c *host.Config) { c.Warn = said.add })
	certificate, key := newAuthority(t, "a").client("ada", 30*24*time.Hour)
	id, err := h.Add(t.Context(), host.New{Type: "placed", Values: testplugin.Answers("placed"), TLS: host.TLS{Certificate: certificate, Key: key}})
	if err != nil {
		t.Fatal(err)
	}
	h.clock.Advance(20 * 24 * time.Hour)
	h.lookAfter(1)
	if all := said.of(host.WarnExpiring); len(all) > 0 {
		t.Errorf("warned too early: %+v", all)
	}
	h.clock.Advance(4 * 24 * time.Hour)
	h.lookAfter(3)
	if all := said.of(host.WarnExpiring); len(all) != 1 || all[0].Credential != id || !strings.Contains(all[0].Reason, "give it another client certificate") {
		t.Errorf("warnings %+v; want one, of the certificate", all)
	}
	if c, _ := h.Show(t.Context(), id); !strings.Contains(c.Warning, "give it another client certificate") || c.Ends == nil {
		t.Errorf("Show = warning %q", c.Warning)
	}
}

// SPDX-License-Identifier: Apache-2.0

package httpapi_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/internal/ground"
)

// An authority is one that nobody trusts by himself.
type authority struct {
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  string
}

func newAuthority(t testing.TB, name string) *authority {
	t.Helper()
	a := &authority{t: t}
	var der []byte
	der, a.key = a.issue(&x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	a.cert, a.pem = parsed(t, der), inPEM("CERTIFICATE", der)
	return a
}

func parsed(t testing.TB, der []byte) *x509.Certificate {
	t.Helper()
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// issue signs a certificate, by itself if a has no key yet.
func (a *authority) issue(c *x509.Certificate) ([]byte, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	c.SerialNumber, c.NotBefore, c.NotAfter = big.NewInt(time.Now().UnixNano()), time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if signer == nil {
		parent, signer = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer)
	if err != nil {
		a.t.Fatal(err)
	}
	return der, key
}

// client is a client's certificate and its key, in PEM.
func (a *authority) client(name string) (certificate, key string) {
	a.t.Helper()
	der, k := a.issue(&x509.Certificate{Subject: pkix.Name{CommonName: name}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	text, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		a.t.Fatal(err)
	}
	return inPEM("CERTIFICATE", der), inPEM("PRIVATE KEY", text)
}

func inPEM(what string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: what, Bytes: der}))
}

// private is the service of the type acme with a certificate of ca. It takes
// nobody without a client's certificate of clients, and counts who is left.
func private(t testing.TB, ca, clients *authority) (url string, taken *atomic.Int64) {
	t.Helper()
	der, key := ca.issue(&x509.Certificate{Subject: pkix.Name{CommonName: "private"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}})
	taken = new(atomic.Int64)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		taken.Add(1)
		if r.Header.Get("X-Api-Key") != ground.EchoKey {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: x509.NewCertPool()}
	s.TLS.ClientCAs.AddCert(clients.cert)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL, taken
}

func inJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

type object = map[string]any

// TestPrivateService shows that an authority of one's own, a client's certificate and none
// at all are set, seen, changed and taken away through the API, and are what the
// service meets; and that no key is ever shown.
func TestPrivateService(t *testing.T) {
	t.Parallel()
	w := serve(t, func(g *ground.Config, _ *httpapiConfig) {
		before := g.Host
		g.Host = func(c *host.Config) { before(c); c.Egress.AllowSkipVerify = true }
	})
	token := w.Key(all...)
	ours, theirs := newAuthority(t, "Our authority"), newAuthority(t, "Theirs")
	service, taken := private(t, ours, theirs)
	certificate, key := theirs.client("credhost")
	answers := object{"baseUrl": service, "apiKey": ground.EchoKey}
	path := w.want(w.do(token, "POST", "/v1/credentials", inJSON(object{"type": "acme", "answers": answers})), http.StatusCreated, "").Header.Get("Location")
	clean := func(a answer) answer {
		t.Helper()
		if text := string(a.text); strings.Contains(text, "PRIVATE") || strings.Contains(text, strings.Split(key, "\n")[1]) || strings.Contains(text, "BEGIN") {
			t.Errorf("a key is shown: %s", text)
		}
		return a
	}
	patch := func(status int, tls any, more ...object) answer {
		t.Helper()
		body := object{"tls": tls}
		for _, m := range more {
			body["answers"] = m
		}
		return clean(w.want(w.do(token, "PATCH", path, inJSON(body), "If-Match", "*"), status, ""))
	}
	works := func(want bool) {
		t.Helper()
		before := taken.Load()
		v := clean(w.want(w.do(token, "POST", path+"/test", ""), http.StatusOK, ""))
		if (v.member("outcome") == "works") != want || taken.Load() > before != want {
			t.Errorf("%s, and the service was reached %d times; want it to work: %v", v.text, taken.Load()-before, want)
		}
	}
	again := object{"apiKey": ground.EchoKey}
	works(false)
	if a := patch(http.StatusUnprocessableEntity, object{"ca": ours.pem}); !strings.Contains(string(a.text), `"reason":"again"`) {
		t.Errorf("who may edit puts himself between: %s", a.text)
	}
	patch(http.StatusOK, object{"ca": ours.pem}, again)
	works(false) // it shows no certificate
	patch(http.StatusUnprocessableEntity, object{"certificate": certificate})
	_, wrong := theirs.client("another")
	patch(http.StatusUnprocessableEntity, object{"certificate": certificate, "key": wrong})
	a := patch(http.StatusOK, object{"certificate": certificate, "key": key})
	var shown struct{ TLS httpTLS }
	a.json(t, &shown)
	if c := shown.TLS.Certificate; len(shown.TLS.CA) != 1 || shown.TLS.CA[0].Subject != "CN=Our authority" || c == nil || c.Subject != "CN=credhost" || c.Issuer != "CN=Theirs" || len(c.Fingerprint) != 64 {
		t.Errorf("what is shown is %s", a.text)
	}
	works(true)
	clean(w.want(w.do(token, "GET", path, ""), http.StatusOK, ""))
	clean(w.want(w.do(token, "GET", path+"/form", ""), http.StatusOK, ""))
	other, otherKey := ours.client("a stranger") // of an authority that the service does not know
	patch(http.StatusOK, object{"certificate": other, "key": otherKey})
	works(false)
	patch(http.StatusOK, object{"certificate": certificate, "key": key})
	works(true)
	patch(http.StatusUnprocessableEntity, object{"key": nil})
	patch(http.StatusOK, object{"certificate": nil, "key": nil})
	works(false)
	patch(http.StatusOK, object{"certificate": certificate, "key": key, "ca": nil})
	works(false)
	patch(http.StatusUnprocessableEntity, object{"skipVerify": true})
	patch(http.StatusOK, object{"skipVerify": true}, again)
	works(true)
	if a := patch(http.StatusOK, nil); a.member("tls") != "" || strings.Contains(string(a.text), `"tls"`) {
		t.Errorf("what is taken away is shown: %s", a.text)
	}
	works(false)
	path = clean(w.want(w.do(token, "POST", "/v1/credentials", inJSON(object{"type": "acme", "answers": answers,
		"tls": object{"ca": ours.pem, "certificate": certificate, "key": key}})), http.StatusCreated, "")).Header.Get("Location")
	works(true)
}

// httpTLS is what is shown of TLS.
type httpTLS struct {
	CA          []struct{ Subject string }
	Certificate *struct{ Subject, Issuer, Fingerprint string }
	SkipVerify  bool
}

// TestNoSkipVerify shows that any certificate is taken only where the operator
// allows that, and that what is no PEM is not repeated.
func TestNoSkipVerify(t *testing.T) {
	t.Parallel()
	w := serve(t, nil)
	token := w.Key(all...)
	path := "/v1/credentials/" + w.Create("acme")
	for field, tls := range map[string]object{"tls.skipVerify": {"skipVerify": true}, "tls.ca": {"ca": "EXAMPLE-nonsense"}, "tls.certificate": {"certificate": "EXAMPLE-nonsense", "key": "EXAMPLE-nonsense"}} {
		a := w.want(w.do(token, "PATCH", path, inJSON(object{"tls": tls, "answers": object{"apiKey": ground.EchoKey}}), "If-Match", "*"), http.StatusUnprocessableEntity, "invalid")
		if !strings.Contains(string(a.text), `"field":"`+field+`"`) || strings.Contains(string(a.text), "EXAMPLE") {
			t.Errorf("%s: %s", field, a.text)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package front

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// An authority signs certificates.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	next int64
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t, next: 1}
	a.cert, a.key = a.sign("authority", nil, nil)
	return a
}

// sign signs a certificate; of the authority itself if by is nil.
func (a *authority) sign(name string, by *x509.Certificate, with *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	a.next++
	c := &x509.Certificate{SerialNumber: big.NewInt(a.next), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: by == nil, BasicConstraintsValid: true, DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	if by == nil {
		by, with = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, by, &key.PublicKey, with)
	if err != nil {
		a.t.Fatal(err)
	}
	signed, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return signed, key
}

// write writes a new certificate, and its key, to files.
func (a *authority) write(name, cert, key string) {
	a.t.Helper()
	c, k := a.sign(name, a.cert, a.key)
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		a.t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: c.Raw}, key: {Type: "PRIVATE KEY", Bytes: der}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			a.t.Fatal(err)
		}
	}
}

// client returns a client that trusts the authority, and shows certs.
func (a *authority) client(certs ...tls.Certificate) *http.Client {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: certs}, DisableKeepAlives: true, ForceAttemptHTTP2: true}
	a.t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// secured serves with the files of a folder.
func secured(t *testing.T, dir string, clients string) (*Certificates, string) {
	t.Helper()
	c, err := ReadCertificates(filepath.Join(dir, "cert"), filepath.Join(dir, "key"), clients)
	if err != nil {
		t.Fatal(err)
	}
	all, err := Listen(Address{"tcp", "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	s := New(slog.New(slog.DiscardHandler))
	s.Serve(all[0], c.TLS(nil), s.Receive(func() Rules { return Rules{Secure: true} }, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, r.Proto)
	})))
	t.Cleanup(func() { s.Shutdown(t.Context()) })
	return c, URL(all[0], true)
}

// A certificate that is replaced is shown at once, and half of a replacement
// never.
func TestCertificatesAreReadAgain(t *testing.T) {
	dir, a := t.TempDir(), newAuthority(t)
	cert, key := filepath.Join(dir, "cert"), filepath.Join(dir, "key")
	a.write("first", cert, key)
	c, url := secured(t, dir, "")
	shown := func() string {
		resp, err := a.client().Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if body, _ := io.ReadAll(resp.Body); string(body) != "HTTP/2.0" || resp.Header.Get("Strict-Transport-Security") == "" {
			t.Errorf("it speaks %s, and says %q", body, resp.Header.Get("Strict-Transport-Security"))
		}
		return resp.TLS.PeerCertificates[0].Subject.CommonName
	}
	if got := shown(); got != "first" {
		t.Errorf("%q is shown", got)
	}
	if changed, err := c.Read(); changed || err != nil {
		t.Errorf("what has not changed: %t, %v", changed, err)
	}
	a.write("second", cert, filepath.Join(dir, "later"))
	if _, err := c.Read(); err == nil {
		t.Error("a certificate was taken with the key of another")
	}
	if got := shown(); got != "first" {
		t.Errorf("after half of a change %q is shown", got)
	}
	if err := os.Rename(filepath.Join(dir, "later"), key); err != nil {
		t.Fatal(err)
	}
	if changed, err := c.Read(); !changed || err != nil {
		t.Errorf("what has changed: %t, %v", changed, err)
	}
	if got := shown(); got != "second" {
		t.Errorf("after a change %q is shown", got)
	}
	if d := time.Until(c.Expiry()); d < time.Minute || d > 2*time.Hour {
		t.Errorf("it ends in %s", d)
	}
	old := a.client()
	old.Transport.(*http.Transport).TLSClientConfig.MaxVersion = tls.VersionTLS11
	old.Transport.(*http.Transport).TLSClientConfig.MinVersion = tls.VersionTLS10
	if resp, err := old.Get(url); err == nil {
		resp.Body.Close()
		t.Error("TLS 1.1 was spoken")
	}
}

// Where callers must show certificates, only those of the right authority do.
func TestCallersShowCertificates(t *testing.T) {
	dir, a, other := t.TempDir(), newAuthority(t), newAuthority(t)
	a.write("server", filepath.Join(dir, "cert"), filepath.Join(dir, "key"))
	clients := filepath.Join(dir, "clients")
	if err := os.WriteFile(clients, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	_, url := secured(t, dir, clients)
	for name, c := range map[string]struct {
		by   *authority
		want bool
	}{"none": {nil, false}, "another's": {other, false}, "the right one": {a, true}} {
		var certs []tls.Certificate
		if c.by != nil {
			c.by.write("caller", filepath.Join(dir, "c"), filepath.Join(dir, "k"))
			pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "c"), filepath.Join(dir, "k"))
			if err != nil {
				t.Fatal(err)
			}
			certs = append(certs, pair)
		}
		resp, err := a.client(certs...).Get(url)
		if err == nil {
			resp.Body.Close()
		}
		if (err == nil) != c.want {
			t.Errorf("with %s: %v", name, err)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/internal/ground"
)

// block is something in PEM.
func block(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// certificate returns a certificate that signs itself, and its key, in PEM.
func certificate(t *testing.T, name string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return block("CERTIFICATE", der), block("PRIVATE KEY", secret)
}

// How TLS is spoken is set with the answers: with faults beside the controls, and
// with the secrets again where somebody new is trusted with them. Keys are shown to
// nobody.
func TestTLS(t *testing.T) {
	t.Parallel()
	h := openWith(t, func(c *host.Config) { c.Egress.AllowSkipVerify = true })
	service := httptest.NewTLSServer(h.Echo)
	t.Cleanup(service.Close)
	service.Config.ErrorLog = nil
	v := h.as(t, admin())
	path := v.send("/w/default/types/acme", url.Values{"baseUrl": {service.URL}, "apiKey": {ground.EchoKey}, "_tls": {"1"}}).made(t)
	tested := func(texts ...string) {
		t.Helper()
		v.send(path+"/test", url.Values{}).wants(t, http.StatusSeeOther)
		v.get(path).wants(t, http.StatusOK, texts...)
	}
	tested("certificate of an authority that is not trusted here")

	edit := func(status int, texts []string, change ...string) answer {
		t.Helper()
		page := v.get(path + "/edit").Body
		form := url.Values{"_form": {"1"}, "_tls": {"1"}, "baseUrl": {service.URL}}
		for _, name := range []string{"_generation", "_digest", "_answers", "_tls_was"} {
			form.Set(name, hidden(page, name))
		}
		for i := 0; i < len(change); i += 2 {
			form.Set(change[i], change[i+1])
		}
		got := v.send(path+"/edit", form)
		got.wants(t, status, texts...)
		return got
	}
	ca := block("CERTIFICATE", service.Certificate().Raw)
	edit(http.StatusUnprocessableEntity, []string{`id="tls-ca-fault"`, `href="#tls-ca"`, "Is no certificate", "not PEM at all", "<title>Error: "}, "_tls_ca", "not PEM at all", "apiKey", ground.EchoKey)
	edit(http.StatusUnprocessableEntity, []string{"apiKey", "again"}, "_tls_ca", ca) // who trusts somebody new gives the secret anew
	edit(http.StatusSeeOther, nil, "_tls_ca", ca, "apiKey", ground.EchoKey)
	tested("It works", "trusts ")

	own, key := certificate(t, "our engine")
	_, others := certificate(t, "another")
	edit(http.StatusUnprocessableEntity, []string{`id="tls-key-fault"`, "Is needed with the certificate"}, "_tls_certificate", own)
	wrong := edit(http.StatusUnprocessableEntity, []string{`id="tls-key-fault"`, "Does not belong to the certificate"}, "_tls_certificate", own, "_tls_key", others)
	edit(http.StatusSeeOther, nil, "_tls_certificate", own, "_tls_key", key)
	edit(http.StatusSeeOther, nil, "_tls_certificate", own) // renewed, with the key that is there
	for _, page := range []answer{wrong, v.get(path), v.get(path + "/edit")} {
		for _, line := range strings.Split(key+others, "\n") {
			if line != "" && !strings.HasPrefix(line, "-----") && strings.Contains(page.Body, line) {
				t.Errorf("%s has a part of a private key", page.Request.URL.Path)
			}
		}
	}
	v.get(path+"/edit").wants(t, http.StatusOK, "CN=our engine", "Show no certificate any more", `name="_secret" value="_tls_key"`)
	edit(http.StatusSeeOther, nil, "_tls_drop_certificate", "1", "_tls_drop_ca", "1")
	tested("certificate of an authority that is not trusted here")

	edit(http.StatusSeeOther, nil, "_tls_skip", "1", "apiKey", ground.EchoKey)
	tested("It works", "It takes any certificate.", "can read and change everything, secrets included")
	v.get(path+"/edit").wants(t, http.StatusOK, `name="_tls_skip"`, "Dangerous:")
	edit(http.StatusSeeOther, nil)
	if c := h.all(t)[0]; c.TLS != nil {
		t.Errorf("the settings are %+v", c.TLS)
	}
	h.as(t, reader()).get(path+"/edit").wants(t, http.StatusForbidden)
}

// Where who runs the host has not allowed it, no credential takes any certificate.
func TestNoSkipping(t *testing.T) {
	t.Parallel()
	h := open(t)
	v := h.as(t, admin())
	form := url.Values{"_form": {"1"}, "_tls": {"1"}, "_tls_skip": {"1"}, "baseUrl": {h.Echo.URL}, "apiKey": {ground.EchoKey}}
	v.send("/w/default/types/acme", form).wants(t, http.StatusUnprocessableEntity, `id="tls-skip-fault"`, "does not allow to take any certificate")
	if n := len(h.all(t)); n != 0 {
		t.Errorf("%d credentials were made", n)
	}
}

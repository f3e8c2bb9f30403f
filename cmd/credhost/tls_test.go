// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http/httptest"
	"os"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/credhost/credhost/internal/standin"
)

// private starts a HaloPSA on premise at $PRIVATE, behind TLS: its certificate
// is of an authority of its own, ca.pem, and it wants to see the certificate
// client.pem with the key client.key. The authority other.pem is nobody's.
func private(ts *testscript.TestScript, _ bool, _ []string) {
	write := func(name, kind string, der []byte) {
		ts.Check(os.WriteFile(ts.MkAbs(name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
	}
	ca, caKey := issue(ts, &x509.Certificate{Subject: pkix.Name{CommonName: "Private CA"}, IsCA: true, BasicConstraintsValid: true}, nil, nil)
	write("ca.pem", "CERTIFICATE", ca.Raw)
	other, _ := issue(ts, &x509.Certificate{Subject: pkix.Name{CommonName: "Other CA"}, IsCA: true, BasicConstraintsValid: true}, nil, nil)
	write("other.pem", "CERTIFICATE", other.Raw)
	client, key := issue(ts, &x509.Certificate{Subject: pkix.Name{CommonName: "workflow"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, ca, caKey)
	write("client.pem", "CERTIFICATE", client.Raw)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	ts.Check(err)
	write("client.key", "PRIVATE KEY", der)

	leaf, leafKey := issue(ts, &x509.Certificate{Subject: pkix.Name{CommonName: "halo"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}, ca, caKey)
	s := httptest.NewUnstartedServer(standin.NewHalo(standin.HaloConfig{Behaviour: standin.HaloBehaviour{OnPremise: true}}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{leaf.Raw}, PrivateKey: leafKey}},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: x509.NewCertPool()}
	s.TLS.ClientCAs.AddCert(ca)
	s.StartTLS()
	ts.Defer(s.Close)
	ts.Setenv("PRIVATE", s.URL)
}

// issue makes a certificate that ca signs, or itself if that is nil.
func issue(ts *testscript.TestScript, template, ca *x509.Certificate, signer *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(90*24*time.Hour)
	if ca == nil {
		ca, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca, key.Public(), signer)
	ts.Check(err)
	c, err := x509.ParseCertificate(der)
	ts.Check(err)
	return c, key
}

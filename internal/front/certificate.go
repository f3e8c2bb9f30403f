// SPDX-License-Identifier: Apache-2.0

package front

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/acme"
)

// Certificates are read from files: the certificate that is shown, and the
// authorities of callers. They are read again when somebody says so, or when
// the files have changed. They are safe for concurrent use.
type Certificates struct {
	cert, key, clients string
	now                atomic.Pointer[shown]
}

// shown is what the files held when they were read last.
type shown struct {
	files   [3][]byte
	pair    tls.Certificate
	clients *x509.CertPool
}

// ReadCertificates reads the PEM files of a certificate with its chain and of
// its private key. If clients is not empty, it is a PEM file of authorities, and
// callers must show a certificate of theirs.
func ReadCertificates(cert, key, clients string) (*Certificates, error) {
	c := &Certificates{cert: cert, key: key, clients: clients}
	_, err := c.Read()
	return c, err
}

// Read reads the files again, and reports whether they have changed. What they
// held before stays if they cannot be used; half of a change, say.
func (c *Certificates) Read() (changed bool, err error) {
	var next shown
	for i, path := range []string{c.cert, c.key, c.clients} {
		if path == "" {
			continue
		}
		if next.files[i], err = os.ReadFile(path); err != nil {
			return false, err
		}
	}
	before := c.now.Load()
	if before != nil && slices.EqualFunc(before.files[:], next.files[:], bytes.Equal) {
		return false, nil
	}
	if c.cert != "" {
		if next.pair, err = tls.X509KeyPair(next.files[0], next.files[1]); err != nil {
			return false, fmt.Errorf("%s and %s: %w", c.cert, c.key, err)
		}
	}
	if c.clients != "" {
		next.clients = x509.NewCertPool()
		if !next.clients.AppendCertsFromPEM(next.files[2]) {
			return false, fmt.Errorf("%s holds no certificate", c.clients)
		}
	}
	return c.now.CompareAndSwap(before, &next), nil
}

// Expiry returns when the certificate that is shown ends; the zero time if none is.
func (c *Certificates) Expiry() time.Time {
	if leaf := c.now.Load().pair.Leaf; leaf != nil {
		return leaf.NotAfter
	}
	return time.Time{}
}

// TLS returns how TLS is spoken: 1.2 at least, with what the files hold at the
// time. If obtain is not nil, certificates are what it returns, and not the
// file's.
func (c *Certificates) TLS(obtain func(*tls.ClientHelloInfo) (*tls.Certificate, error)) *tls.Config {
	base := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	base.GetCertificate = obtain
	if obtain == nil {
		base.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			if now := c.now.Load(); now.pair.Certificate != nil {
				return &now.pair, nil
			}
			return nil, errors.New("there is no certificate")
		}
	}
	if obtain != nil {
		base.NextProtos = append(base.NextProtos, acme.ALPNProto)
	}
	if c.clients == "" {
		return base
	}
	base.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if obtain != nil && slices.Equal(hello.SupportedProtos, []string{acme.ALPNProto}) {
			return nil, nil // a challenge: who asks it has no certificate, and gets no request through
		}
		own := base.Clone()
		own.GetConfigForClient = nil
		own.ClientAuth, own.ClientCAs = tls.RequireAndVerifyClientCert, c.now.Load().clients
		return own, nil
	}
	return base
}

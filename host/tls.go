// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"time"

	"github.com/credhost/credhost/host/egress"
	"github.com/credhost/credhost/sdk"
)

// TLS says how TLS is spoken for a credential, whatever its type: beside its
// answers, and not of its schema. It holds wherever the host speaks for the
// credential: in calls of its plugin, in tests, and in [Workspace.Client]. What
// a caller sends that [Workspace.Authenticate] has prepared is the caller's. An
// operator says the same for origins, with [egress.Config].TLS.
//
// It is sealed as answers are, and its Key is never shown. Printed, it is an
// outline.
type TLS struct {
	// CA is authorities in PEM that are trusted besides the host's.
	CA string

	// Certificate and Key are the client's certificate, with its chain, and its
	// private key, in PEM. A type may have fields of its own for them, and then
	// these are refused.
	Certificate string
	Key         string

	// SkipVerify takes any certificate: whoever is on the way reads and changes
	// everything. It is refused unless [egress.Config].AllowSkipVerify is set.
	SkipVerify bool
}

// String says what is set.
func (t TLS) String() string {
	return fmt.Sprintf("tls[ca:%t certificate:%t key:%t skipVerify:%t]", t.CA != "", t.Certificate != "", t.Key != "", t.SkipVerify)
}

// Format prints what is set.
func (t TLS) Format(f fmt.State, _ rune) { io.WriteString(f, t.String()) }

// MarshalText returns what is set.
func (t TLS) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// A TLSPatch is a change to a credential's [TLS]. What is nil stays as it is;
// an empty text clears.
type TLSPatch struct {
	CA, Certificate, Key *string
	SkipVerify           *bool
}

// String says what is changed.
func (p TLSPatch) String() string {
	return fmt.Sprintf("tls patch[ca:%t certificate:%t key:%t skipVerify:%t]", p.CA != nil, p.Certificate != nil, p.Key != nil, p.SkipVerify != nil)
}

// Format prints what is changed.
func (p TLSPatch) Format(f fmt.State, _ rune) { io.WriteString(f, p.String()) }

// MarshalText returns what is changed.
func (p TLSPatch) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// A TLSView is what may be seen of a [TLS].
type TLSView struct {
	CA          []CertificateView `json:"ca,omitempty"`
	Certificate *CertificateView  `json:"certificate,omitempty"`
	SkipVerify  bool              `json:"skipVerify,omitempty"`
}

// A CertificateView is what may be seen of a certificate.
type CertificateView struct {
	Subject     string    `json:"subject"`
	Issuer      string    `json:"issuer"`
	Fingerprint string    `json:"fingerprint"` // SHA-256 of all of it, in hexadecimal
	Expiry      time.Time `json:"expiry"`
}

// The fields that errors name.
var (
	caField          = sdk.Field{Name: "tls.ca"}
	certificateField = sdk.Field{Name: "tls.certificate"}
	keyField         = sdk.Field{Name: "tls.key"}
	skipField        = sdk.Field{Name: "tls.skipVerify"}
)

// storedTLS is a [TLS] as it is sealed.
type storedTLS struct {
	CA          string `json:"ca,omitempty"`
	Certificate string `json:"certificate,omitempty"`
	Key         string `json:"key,omitempty"`
	SkipVerify  bool   `json:"skipVerify,omitempty"`
}

// maxCA is the largest size of authorities in PEM: each is looked at in each
// handshake.
const maxCA = 64 << 10

// settings returns t as the egress has it. The error is an [*sdk.Error] with
// the field that is wrong.
func (t storedTLS) settings() (egress.TLS, error) {
	s := egress.TLS{SkipVerify: t.SkipVerify}
	var ok bool
	if s.Authorities, ok = parseCertificates(t.CA); !ok || len(t.CA) > maxCA {
		return s, sdk.Errorf(sdk.Invalid, "is no certificate: copy the whole of the PEM file, with its first and its last line").In(caField)
	}
	if t.Certificate == "" && t.Key == "" {
		return s, nil
	}
	pair, err := clientPair.KeyPair(sdk.Values{certificateField.Name: t.Certificate, keyField.Name: t.Key})
	s.Certificate = pair
	return s, err
}

// clientPair checks a client certificate as one of a type's own fields is.
var clientPair = sdk.Schema{
	Fields:            []sdk.Field{certificateField, keyField},
	ClientCertificate: &sdk.ClientCertificate{Certificate: certificateField.Name, Key: keyField.Name},
}

// parseCertificates returns the certificates in a text, and whether it holds
// nothing that is none. An empty text holds none.
func parseCertificates(text string) (all []*x509.Certificate, ok bool) {
	if text == "" {
		return nil, true
	}
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return all, len(all) > 0
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if block.Type != "CERTIFICATE" || err != nil {
			return nil, false
		}
		all = append(all, c)
	}
}

// patched returns t as p changes it; nil if nothing is left.
func (t *storedTLS) patched(p *TLSPatch) *storedTLS {
	var after storedTLS
	if t != nil {
		after = *t
	}
	if p != nil {
		set(&after.CA, p.CA)
		set(&after.Certificate, p.Certificate)
		set(&after.Key, p.Key)
		set(&after.SkipVerify, p.SkipVerify)
	}
	if after == (storedTLS{}) {
		return nil
	}
	return &after
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// trusts reports whether t trusts anybody whom before does not. Who may edit a
// credential, but not read it, must not put themselves between it and its
// service.
func (t *storedTLS) trusts(before *storedTLS) bool {
	var now, then storedTLS
	if t != nil {
		now = *t
	}
	if before != nil {
		then = *before
	}
	known := map[string]bool{}
	old, _ := parseCertificates(then.CA)
	for _, c := range old {
		known[string(c.Raw)] = true
	}
	all, _ := parseCertificates(now.CA)
	for _, c := range all {
		if !known[string(c.Raw)] {
			return true
		}
	}
	return now.SkipVerify && !then.SkipVerify
}

// equal reports whether two settings are the same.
func (t *storedTLS) equal(other *storedTLS) bool {
	return t == other || t != nil && other != nil && *t == *other
}

// secure takes new settings of TLS, if they can be.
func (c *credential) secure(t *storedTLS) error {
	if t == nil {
		c.TLS = nil
		return nil
	}
	_, err := t.settings()
	switch s := c.typ.Schema; {
	case err != nil:
		return err
	case t.SkipVerify && !c.w.h.cfg.Egress.AllowSkipVerify:
		return sdk.Errorf(sdk.Invalid, "the operator does not allow to take any certificate: give the authority of the service instead, or have it allowed: --allow-skip-verify (egress.Config.AllowSkipVerify)").In(skipField)
	case t.Certificate != "" && s.ClientCertificate != nil:
		return sdk.Errorf(sdk.Invalid, "is asked for by the type itself: answer its fields instead").In(certificateField)
	case c.app != nil && t.CA != "":
		return sdk.Errorf(sdk.Invalid, "decides who gets secrets, so it cannot be combined with an application's").In(caField)
	case c.app != nil && t.SkipVerify:
		return sdk.Errorf(sdk.Invalid, "decides who gets secrets, so it cannot be combined with an application's").In(skipField)
	}
	c.TLS = t
	return nil
}

// tls returns how TLS is spoken for the credential: its own settings, and the
// client certificate that its answers make, with what references stand for.
func (c *credential) tls(ctx context.Context) (egress.TLS, error) {
	var t egress.TLS
	if c.TLS != nil {
		var err error
		if t, err = c.TLS.settings(); err != nil {
			return egress.TLS{}, err
		}
	}
	own, err := c.certificate(ctx)
	if err != nil {
		return egress.TLS{}, err
	}
	if own != nil {
		t.Certificate = own
	}
	return t, nil
}

// egress is how the host reaches the network.
func (h *Host) egress() egress.Config {
	c := h.cfg.Egress
	if c.Logger == nil {
		c.Logger = h.log
	}
	if c.Traces == nil && c.Metrics == nil {
		c.Traces, c.Metrics, c.Propagate = h.cfg.Traces, h.cfg.Metrics, h.cfg.Propagate
	}
	return c
}

// view returns what may be seen of t; nil if it is nil.
func (t *storedTLS) view() *TLSView {
	if t == nil {
		return nil
	}
	v := &TLSView{SkipVerify: t.SkipVerify}
	all, _ := parseCertificates(t.CA)
	for _, c := range all {
		v.CA = append(v.CA, viewCertificate(c))
	}
	if chain, _ := parseCertificates(t.Certificate); len(chain) > 0 {
		leaf := viewCertificate(chain[0])
		v.Certificate = &leaf
	}
	return v
}

func viewCertificate(c *x509.Certificate) CertificateView {
	sum := sha256.Sum256(c.Raw)
	return CertificateView{Subject: c.Subject.String(), Issuer: c.Issuer.String(), Fingerprint: hex.EncodeToString(sum[:]), Expiry: c.NotAfter.UTC()}
}

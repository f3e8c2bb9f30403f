// SPDX-License-Identifier: Apache-2.0

package egress

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/credhost/credhost/internal/defence"
	"github.com/credhost/credhost/sdk"
)

// TLS says how TLS is spoken where that is not as with everybody. Operators
// give it for origins, in [Config.TLS]; a [Policy] has it for one credential.
// Where both do, both hold. It is of no account to tcp origins, where a plugin
// speaks for itself.
//
// A connection that was made with it serves no request that is without it. A
// TLS must not be changed once it is in use.
type TLS struct {
	// Authorities are trusted besides [Config.RootCAs].
	Authorities []*x509.Certificate

	// Certificate is presented to services that ask for one (RFC 8446, section
	// 4.3.2); nil: none.
	Certificate *tls.Certificate

	// MinVersion is the lowest version that will do: tls.VersionTLS12, which is
	// also what zero means, or tls.VersionTLS13.
	MinVersion uint16

	// SkipVerify takes any certificate: whoever is on the way reads and changes
	// everything. It is logged as a warning when it is used. That of a policy is
	// refused unless [Config.AllowSkipVerify] is set.
	SkipVerify bool
}

// isZero reports whether t changes nothing.
func (t TLS) isZero() bool {
	return len(t.Authorities) == 0 && t.Certificate == nil && t.MinVersion <= tls.VersionTLS12 && !t.SkipVerify
}

// and returns what holds where t and other do. Of two certificates, t's is
// presented.
func (t TLS) and(other TLS) TLS {
	t.Authorities = slices.Concat(t.Authorities, other.Authorities)
	if t.Certificate == nil {
		t.Certificate = other.Certificate
	}
	t.MinVersion = max(t.MinVersion, other.MinVersion)
	t.SkipVerify = t.SkipVerify || other.SkipVerify
	return t
}

// key tells t from all others. A private key need not be in it: a certificate
// has one.
func (t TLS) key() [sha256.Size]byte {
	all := binary.BigEndian.AppendUint16(nil, t.MinVersion)
	add := func(ders ...[]byte) {
		all = binary.BigEndian.AppendUint32(all, uint32(len(ders)))
		for _, der := range ders {
			all = binary.BigEndian.AppendUint32(all, uint32(len(der)))
			all = append(all, der...)
		}
	}
	if t.SkipVerify {
		all = append(all, 1)
	} else {
		all = append(all, 0)
	}
	for _, a := range t.Authorities {
		add(a.Raw)
	}
	add()
	if t.Certificate != nil {
		add(t.Certificate.Certificate...)
	}
	return sha256.Sum256(all)
}

// everywhere is the pattern of [Config.TLS] that stands for every origin.
const everywhere = "*"

// settings are those of an operator for the origins of one pattern.
type settings struct {
	pattern string
	TLS
}

func (s settings) match(origin string) bool {
	return s.pattern == everywhere || sdk.MatchOrigin([]string{s.pattern}, origin)
}

// parseTLS returns the settings, the nearest first: those of an origin before
// those of a pattern, of a longer pattern before a shorter one.
func parseTLS(config map[string]TLS) []settings {
	var all []settings
	for pattern, t := range config {
		all = append(all, settings{pattern, t})
	}
	slices.SortFunc(all, func(a, b settings) int {
		if wild := strings.Contains(a.pattern, "*"); wild != strings.Contains(b.pattern, "*") {
			if wild {
				return 1
			}
			return -1
		}
		return len(b.pattern) - len(a.pattern)
	})
	return all
}

// tlsFor returns what holds for a request to origin, with settings of its own.
func (g *Guard) tlsFor(origin string, own TLS) (TLS, error) {
	if own.SkipVerify && !g.config.AllowSkipVerify {
		return TLS{}, sdk.Errorf(sdk.Invalid, "the credential takes any certificate, which the operator does not allow: give it the authority of %s instead, or have it allowed: --allow-skip-verify (egress.Config.AllowSkipVerify)", origin)
	}
	for _, s := range g.tls {
		if s.match(origin) {
			own = own.and(s.TLS)
		}
	}
	if own.SkipVerify && strings.HasPrefix(origin, "https:") {
		g.unverified.warn(origin)
	}
	return own, nil
}

// configure makes a transport speak TLS as t says. A server may hint at the
// authorities that it knows; a self-signed certificate (RFC 8705, section 2.2)
// is of none of them, so hints are passed over.
func (g *Guard) configure(tr *http.Transport, t TLS) *http.Transport {
	c := tr.TLSClientConfig
	c.MinVersion = max(tls.VersionTLS12, t.MinVersion)
	c.RootCAs = g.config.RootCAs
	c.InsecureSkipVerify = t.SkipVerify || g.off(defence.Verified)
	if len(t.Authorities) > 0 {
		c.RootCAs = withAuthorities(c.RootCAs, t.Authorities)
	}
	certificate := t.Certificate
	if certificate == nil {
		certificate = new(tls.Certificate)
	}
	c.GetClientCertificate = func(info *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		if a, ok := info.Context().Value(askedKey{}).(*atomic.Bool); ok {
			a.Store(true)
		}
		return certificate, nil
	}
	return tr
}

// withAuthorities returns a pool of those in base, or of the system's if it is
// nil, and more.
func withAuthorities(base *x509.CertPool, more []*x509.Certificate) *x509.CertPool {
	if base != nil {
		base = base.Clone()
	} else if system, err := x509.SystemCertPool(); err == nil {
		base = system
	} else {
		base = x509.NewCertPool()
	}
	for _, a := range more {
		base.AddCert(a)
	}
	return base
}

// warnEvery is how often at most it is said of an origin that nobody verifies
// who answers there.
const warnEvery = time.Minute

// A reminder says of origins, now and then, that they are not verified. It is
// safe for concurrent use.
type reminder struct {
	say func(origin string)

	mu   sync.Mutex
	said map[string]time.Time
}

func (r *reminder) warn(origin string) {
	r.mu.Lock()
	now := time.Now()
	last, before := r.said[origin]
	due := !before || now.Sub(last) >= warnEvery
	if due {
		if r.said == nil || len(r.said) > 1000 {
			r.said = map[string]time.Time{}
		}
		r.said[origin] = now
	}
	r.mu.Unlock()
	if due {
		r.say(origin)
	}
}

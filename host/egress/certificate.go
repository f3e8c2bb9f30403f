// SPDX-License-Identifier: Apache-2.0

package egress

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/credhost/credhost/internal/defence"
	"github.com/credhost/credhost/sdk"
)

// As returns the guard with settings of TLS, as if a [Policy] had them: for the
// host's own clients, whose contexts have no policy. With the zero TLS it is
// the guard itself. It is safe for concurrent use.
func (g *Guard) As(t TLS) http.RoundTripper {
	if t.isZero() {
		return g
	}
	return identified{g, t}
}

type identified struct {
	g   *Guard
	tls TLS
}

// RoundTrip implements [http.RoundTripper].
func (i identified) RoundTrip(r *http.Request) (*http.Response, error) {
	return i.g.roundTrip(r, i.tls)
}

// ErrCertificate is why a service broke off the handshake: it wants a client
// certificate, and there is none, or it does not take the one there is. It has
// looked at no request then, whatever of it was on its way (RFC 8446, section
// 4.4.2.4).
var ErrCertificate = errors.New("the service does not take the client certificate")

// The bounds of what is kept for settings of TLS.
const (
	maxPools = 128
	keepPool = time.Minute // since it was last used
)

// pools hold the connections that were made with settings of TLS: all who have
// the same have their own, and their own TLS sessions, so that nobody is taken
// for another, nor trusts whom they do not. It is safe for concurrent use.
type pools struct {
	transport func(routed bool, t TLS) *http.Transport // returns a new one
	off       func(defence.Defence) bool

	mu  sync.Mutex
	all map[[sha256.Size]byte]*pool
}

// A pool holds the connections of those who have the same settings.
type pool struct {
	guarded, routed *http.Transport
	used            time.Time
	timer           *time.Timer
}

// close closes the connections that nobody uses. One that is in use is closed
// when it has been idle for a while.
func (p *pool) close() {
	p.timer.Stop()
	p.guarded.CloseIdleConnections()
	p.routed.CloseIdleConnections()
}

// of returns the pool of those who have the settings t.
func (s *pools) of(t TLS) *pool {
	key := t.key()
	if s.off(defence.OwnPool) {
		key = [sha256.Size]byte{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.all[key]
	if p == nil {
		p = &pool{guarded: s.transport(false, t), routed: s.transport(true, t)}
		p.timer = time.AfterFunc(keepPool, func() { s.expire(key, p) })
		if len(s.all) >= maxPools {
			s.evict()
		}
		if s.all == nil {
			s.all = map[[sha256.Size]byte]*pool{}
		}
		s.all[key] = p
	}
	p.used = time.Now()
	p.timer.Reset(keepPool)
	return p
}

// expire forgets a pool, and with it the private key, unless it has just been
// used.
func (s *pools) expire(key [sha256.Size]byte, p *pool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all[key] == p && time.Since(p.used) >= keepPool {
		delete(s.all, key)
		p.close()
	}
}

// evict forgets the pool that was not used for longest.
func (s *pools) evict() {
	var oldest [sha256.Size]byte
	for key, p := range s.all {
		if o := s.all[oldest]; o == nil || p.used.Before(o.used) {
			oldest = key
		}
	}
	s.all[oldest].close()
	delete(s.all, oldest)
}

// close forgets all pools.
func (s *pools) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, p := range s.all {
		p.close()
		delete(s.all, key)
	}
}

// askedKey is the key of a context's note of whether a server has asked for a
// certificate.
type askedKey struct{}

// watched returns r with such a note.
func watched(r *http.Request) (*http.Request, *atomic.Bool) {
	asked := new(atomic.Bool)
	return r.WithContext(context.WithValue(r.Context(), askedKey{}, asked)), asked
}

// certificateAlerts are those with which a server refuses a client's
// certificate, or the lack of one (RFC 8446, section 6.2).
var certificateAlerts = []tls.AlertError{
	40,  // handshake_failure: what TLS 1.2 has in the place of the last one
	42,  // bad_certificate
	43,  // unsupported_certificate
	44,  // certificate_revoked
	45,  // certificate_expired
	46,  // certificate_unknown
	48,  // unknown_ca
	49,  // access_denied
	116, // certificate_required
}

// isRefusal reports whether err is the alert of a server that has asked for a
// certificate and does not take what it got.
func isRefusal(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "remote error" && op.Err != nil &&
		slices.ContainsFunc(certificateAlerts, func(a tls.AlertError) bool { return a.Error() == op.Err.Error() })
}

// refusedCertificate returns what to say if a request failed because a server,
// which had asked for a client certificate, does not take the one it got, or
// having none; else nil.
//
// In TLS 1.3 a client may send its request before the server has looked at the
// certificate, and what it sends may cost it the answer. So where a connection
// just broke, another one is opened to hear why, on which nothing is sent.
func refusedCertificate(t *http.Transport, out *http.Request, origin string, err error, presented bool) error {
	if !isRefusal(err) {
		if _, own := errors.AsType[*sdk.Error](err); own || isTimeout(err) {
			return nil
		}
		if err = listen(out.Context(), t, out.URL); !isRefusal(err) {
			return nil
		}
	}
	cause := errors.Join(ErrCertificate, err)
	if presented {
		return sdk.Errorf(sdk.Denied, "%s does not take the client certificate: check that it is the one that is registered there, and has not ended", origin).Because(cause)
	}
	return sdk.Errorf(sdk.Denied, "%s wants a client certificate, and this credential has none: check the address, or give the credential one", origin).Because(cause)
}

func isTimeout(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout()
}

// listenTime is how long a server may take to say what it has against a
// certificate.
const listenTime = 2 * time.Second

// listen connects as a request to u would, and returns how the server ends
// that.
func listen(ctx context.Context, t *http.Transport, u *url.URL) error {
	ctx, cancel := context.WithTimeout(ctx, listenTime)
	defer cancel()
	raw, err := t.DialContext(ctx, "tcp", hostPort(u.Scheme+"://"+u.Host))
	if err != nil {
		return err
	}
	defer raw.Close()
	config := t.TLSClientConfig.Clone()
	config.ServerName = u.Hostname()
	conn := tls.Client(raw, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		return err
	}
	raw.SetReadDeadline(time.Now().Add(listenTime))
	_, err = conn.Read(make([]byte, 1))
	return err
}

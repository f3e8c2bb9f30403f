// SPDX-License-Identifier: Apache-2.0

package egress

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/credhost/credhost/internal/defence"
	"github.com/credhost/credhost/sdk"
)

// maxIdle is how many connections are kept for an origin. A thousand requests at
// once use a thousand, and those that are not used for a while are closed: see
// [Config].IdleTimeout.
const maxIdle = 1024

type dialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

// newTransport returns a transport whose zero Proxy means none at all, and
// which passes answers on as they were sent.
func (g *Guard) newTransport(dial dialFunc, t TLS) *http.Transport {
	c := g.config
	tr := &http.Transport{
		DialContext:            dial,
		TLSClientConfig:        &tls.Config{ClientSessionCache: tls.NewLRUClientSessionCache(256)},
		TLSHandshakeTimeout:    c.TLSTimeout,
		ResponseHeaderTimeout:  c.ResponseHeaderTimeout,
		ExpectContinueTimeout:  time.Second,
		IdleConnTimeout:        c.IdleTimeout,
		MaxIdleConns:           2 * maxIdle,
		MaxIdleConnsPerHost:    maxIdle,
		MaxResponseHeaderBytes: c.maxHead,
		DisableCompression:     true,
		ForceAttemptHTTP2:      true,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 10 * time.Second},
	}
	if g.off(defence.Unproxied) {
		tr.Proxy = http.ProxyFromEnvironment
	}
	return g.configure(tr, t)
}

func (g *Guard) dialer() net.Dialer {
	return net.Dialer{Timeout: g.config.DialTimeout, Resolver: g.config.Resolver}
}

// dialChecked connects to addr and looks at the address of every attempt, when
// it is made: what a name resolved to before is of no interest.
func (g *Guard) dialChecked(ctx context.Context, network, addr string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	if g.proxy != nil && !g.spared(addr) {
		return g.proxy.dial(ctx, addr)
	}
	d := g.dialer()
	d.ControlContext = func(_ context.Context, _, address string, _ syscall.RawConn) error {
		return g.addresses.connect(host, address)
	}
	return d.DialContext(ctx, network, addr)
}

// prepare returns what to send in r's place, and through which transport. Where
// there is no TLS, its settings are not used.
func (g *Guard) prepare(r *http.Request, origin string, t TLS) (*http.Transport, *http.Request) {
	out := r.WithContext(r.Context())
	if !g.off(defence.SentOnce) {
		out.Header = sentOnce(r.Header)
	}
	if scheme, host, _ := strings.Cut(origin, "://"); host != r.URL.Host || scheme != r.URL.Scheme {
		// What is dialled is what was checked, to the letter. The service sees the
		// host as the caller has written it.
		u := *r.URL
		u.Scheme, u.Host = scheme, host
		out.URL, out.Host = &u, hostOf(r)
	}
	guarded, routed := g.guarded, g.routed
	to, ok := g.routes[origin]
	scheme := r.URL.Scheme
	if to.base != nil {
		scheme = to.base.Scheme
	}
	if !t.isZero() && strings.EqualFold(scheme, "https") {
		p := g.pools.of(t)
		guarded, routed = p.guarded, p.routed
	}
	if !ok {
		return guarded, out
	}
	if to.base != nil {
		out.URL, out.Host = to.rewrite(r.URL), hostOf(r)
	}
	return routed, out
}

// hostOf returns the host that r is for, in its own spelling.
func hostOf(r *http.Request) string {
	if r.Host != "" {
		return r.Host
	}
	return r.URL.Host
}

// sentOnce returns h in a form that keeps net/http from repeating the request.
// It repeats a request that is not safe if it has a header of one of these
// names, spelt like this, whether or not the service knows that header. To
// everybody else the case of a header's name does not matter.
func sentOnce(h http.Header) http.Header {
	var out http.Header
	for name, lower := range map[string]string{"Idempotency-Key": "idempotency-key", "X-Idempotency-Key": "x-idempotency-key"} {
		if values, ok := h[name]; ok {
			if out == nil {
				out = h.Clone()
			}
			delete(out, name)
			out[lower] = values
		}
	}
	if out == nil {
		return h
	}
	return out
}

// takenAlong reports whether r failed with somebody else's end, and may be sent
// again. Who leaves just when his answer has come, and it has no body, closes the
// connection, and another may have it by then; net/http tells that one that he
// had left himself (Go's issue 41600).
func takenAlong(r *http.Request, err error) bool {
	if err != context.Canceled && err != context.DeadlineExceeded || r.Context().Err() != nil { // those very errors: a dial that takes too long has another
		return false
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, "":
		return r.Body == nil || r.Body == http.NoBody
	}
	return false
}

// explain says what went wrong on the way to origin, in words that hold
// nothing of what was sent or received.
func (g *Guard) explain(ctx context.Context, origin string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var (
		own         *sdk.Error
		name        *net.DNSError
		certificate *tls.CertificateVerificationError
		authority   x509.UnknownAuthorityError
		timeout     interface{ Timeout() bool }
	)
	text := "%s could not be reached"
	switch {
	case errors.As(err, &own):
		return own
	case errors.Is(err, errAddress):
		if g.off(defence.Alike) {
			origin += " (" + err.Error() + ")"
		}
		return refusedAddress(origin).Because(err)
	case errors.As(err, &name) && name.IsNotFound:
		text = "%s has no address: check how it is spelt"
	case errors.As(err, &authority):
		text = "%s has a certificate of an authority that is not trusted here: give the credential that authority (--ca), or have the operator trust it: --tls (egress.Config.TLS)"
	case errors.As(err, &certificate):
		text = "%s has a certificate that is not valid for it: check the address"
	case errors.As(err, &timeout) && timeout.Timeout():
		text = "%s did not answer in time"
	}
	return sdk.Errorf(sdk.Unavailable, text, origin).Because(err)
}

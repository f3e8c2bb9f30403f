// SPDX-License-Identifier: Apache-2.0

// Package egress is the only way out to the network: for plugins, for tests of
// credentials and for the clients that a host hands out.
//
// A [Guard] is an [http.RoundTripper] that connects to public addresses and,
// beyond them, only to those that an operator allows. It looks at the address
// that is connected to, at every attempt, so a name that changes its answer
// gains nothing. It follows no redirects and heeds no proxy of the environment.
//
// [Guard.Serve] hands the guard to plugins, which have no network of their
// own: a socket, on which each connection belongs to one [Call] and goes to
// one origin that the call's [Policy] names.
//
// Errors are [sdk.Error] values. They name origins, never paths or queries,
// and say the same of every address that is refused.
package egress

import (
	"context"
	"crypto/x509"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/credhost/credhost/internal/defence"
	"github.com/credhost/credhost/sdk"
)

// Config configures a [Guard]. The zero value is a strict one.
type Config struct {
	// Allow are private and special addresses that may be reached; nil: public
	// addresses only, and none of this machine's own. The addresses at which
	// clouds hand out the secrets of their machines are allowed only by a
	// prefix of that one address.
	Allow []netip.Prefix

	// AllowHTTP allows http:// to hosts other than this machine.
	AllowHTTP bool

	// Routes says where an origin is really served, for tests and
	// demonstrations: at a base URL such as "http://127.0.0.1:8080/halopsa",
	// or at a "host:port", which is connected to in the origin's place while
	// TLS still asks for the origin's own certificate. Where it leads is not
	// checked.
	Routes map[string]string

	// TLS says how TLS is spoken with an origin, with those of a pattern such as
	// https://*.example.com, or, as "*", with all.
	TLS map[string]TLS

	// AllowSkipVerify allows credentials to take any certificate.
	AllowSkipVerify bool

	// Proxy is the URL of a proxy that everything goes through but what a route
	// leads elsewhere: http, https or socks5, a host and a port; it may hold a
	// name and a password. Empty: none. No environment is asked.
	//
	// The guard resolves and checks names itself, and asks the proxy for the
	// address. With ProxyResolves it asks for the name, and the proxy alone keeps
	// what is private or special out of reach. Either way where the proxy is
	// needs no leave. What is under a pattern of NoProxy goes without it.
	Proxy         string
	ProxyResolves bool
	NoProxy       []string // as in [sdk.MatchOrigin]

	RootCAs  *x509.CertPool // whom to trust; nil: the system's
	Resolver *net.Resolver  // for names; nil: net.DefaultResolver

	Logger *slog.Logger // nil: nothing is logged; never told a secret

	// Traces and Metrics are where requests are traced and counted, as
	// OpenTelemetry has it; nil: nowhere. They are told methods, origins and
	// statuses, and origins are not counted by. With Propagate, services are
	// told of the trace that a request belongs to (W3C Trace Context).
	Traces    trace.TracerProvider
	Metrics   metric.MeterProvider
	Propagate bool

	DialTimeout           time.Duration // to connect, names included; zero: 10 s
	TLSTimeout            time.Duration // to shake hands; zero: 10 s
	ResponseHeaderTimeout time.Duration // from a request's end to its answer's headers; zero: 30 s

	// IdleTimeout is how long a connection is kept for the next request; zero:
	// 4 s. Servers close theirs after 5 s or more, and a request that cannot be
	// repeated must not meet a connection that is being closed.
	IdleTimeout time.Duration

	// The limits of a plugin's calls. The host's own clients have none.

	MaxAnswer  int64 // bytes of an answer's body; zero: 16 MiB
	MaxRequest int64 // bytes of a request's body; zero: 16 MiB
	MaxTraffic int64 // bytes that one call may send and receive; zero: 256 MiB
	MaxConns   int   // connections that one call may have open; zero: 32

	maxHead int64 // bytes of an answer's line and headers
}

func (c Config) withDefaults() Config {
	setDefault(&c.DialTimeout, 10*time.Second)
	setDefault(&c.TLSTimeout, 10*time.Second)
	setDefault(&c.ResponseHeaderTimeout, 30*time.Second)
	setDefault(&c.IdleTimeout, 4*time.Second)
	setDefault(&c.MaxAnswer, 16<<20)
	setDefault(&c.MaxRequest, 16<<20)
	setDefault(&c.MaxTraffic, 256<<20)
	setDefault(&c.MaxConns, 32)
	setDefault(&c.maxHead, 256<<10)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// lift lifts the limits that are switched off.
func (c *Config) lift(off func(defence.Defence) bool) {
	for d, limit := range map[defence.Defence]*int64{
		defence.AnswerSize: &c.MaxAnswer, defence.RequestSize: &c.MaxRequest, defence.CallTraffic: &c.MaxTraffic, defence.HeadSize: &c.maxHead,
	} {
		if off(d) {
			*limit = 1 << 50
		}
	}
	if off(defence.CallConns) {
		c.MaxConns = 1 << 30
	}
	if off(defence.AnswerTime) {
		c.TLSTimeout, c.ResponseHeaderTimeout = time.Hour, time.Hour
	}
}

func setDefault[T time.Duration | int64 | int](v *T, def T) {
	if *v <= 0 {
		*v = def
	}
}

func (c Config) resolver() *net.Resolver {
	if c.Resolver == nil {
		return net.DefaultResolver
	}
	return c.Resolver
}

// A Guard reaches the network for others. It is safe for concurrent use.
type Guard struct {
	config     Config
	off        func(defence.Defence) bool
	addresses  addresses
	routes     map[string]route
	instead    map[string]string // what is dialled → where its route leads
	guarded    *http.Transport   // checks every address
	routed     *http.Transport   // for routes alone, which must not share a pool with others
	pools      pools             // of settings of TLS, which must not either
	tls        []settings        // the operator's, the nearest first
	unverified reminder
	proxy      *proxy
	measure    measure
	broken     error // why nothing may be sent
}

var _ http.RoundTripper = (*Guard)(nil)

// New returns a guard. A route that makes no sense is reported by
// [Guard.Check] of its origin, and by requests to it. Whoever takes a config
// from somebody else should ask [Config.Check] first: with what that reports,
// nothing can be sent.
func New(config Config) *Guard { return NewWithContext(context.Background(), config) }

// NewWithContext is [New] for a guard that keeps the values of ctx, though not
// its end: tests of this module switch defences off with them.
func NewWithContext(ctx context.Context, config Config) *Guard {
	g := &Guard{config: config.withDefaults(), measure: newMeasure(config), addresses: newAddresses(config.Allow)}
	g.off = func(d defence.Defence) bool { return defence.Off(ctx, d) }
	g.addresses.off = g.off
	g.config.lift(g.off)
	g.routes, g.instead = parseRoutes(config.Routes)
	g.tls = parseTLS(config.TLS)
	g.broken = config.Check()
	if g.proxy, _ = parseProxy(config.Proxy); g.proxy != nil {
		g.proxy.names, g.proxy.g = config.ProxyResolves, g
	}
	g.unverified.say = g.sayUnverified
	for _, s := range g.tls {
		if s.SkipVerify {
			g.unverified.warn(s.pattern)
		}
	}
	g.guarded = g.newTransport(g.dialChecked, TLS{})
	g.routed = g.newTransport(g.dialRoute, TLS{})
	g.pools.off = g.off
	g.pools.transport = func(routed bool, t TLS) *http.Transport {
		if routed {
			return g.newTransport(g.dialRoute, t)
		}
		return g.newTransport(g.dialChecked, t)
	}
	return g
}

func (g *Guard) sayUnverified(origin string) {
	g.config.Logger.Warn("whoever answers is taken for the service: its certificate is not verified", "origin", origin)
}

// Close closes the connections that are kept for later. The guard remains
// usable.
func (g *Guard) Close() error {
	g.guarded.CloseIdleConnections()
	g.routed.CloseIdleConnections()
	g.pools.close()
	return nil
}

// RoundTrip sends r and returns the answer as it came: redirects are not
// followed and nothing is decompressed. If r's context has a [Policy], it must
// allow r's origin, and may have settings of TLS for it; and the answer, which
// is then for a plugin, is decompressed if it was compressed with gzip, and
// refused if it was in another way.
//
// A request that is not safe to repeat (RFC 9110, section 9.2.1) is given to
// the service at most once: it is sent again only if nothing of it had left, or
// if the service said, in HTTP/2, that it had not looked at it.
//
// An answer that switches protocols (RFC 9110, section 7.8) is taken only if it
// is to the one protocol that r asked for in Upgrade. Then its body is the
// connection.
func (g *Guard) RoundTrip(r *http.Request) (*http.Response, error) {
	p, _ := PolicyFrom(r.Context())
	return g.roundTrip(r, p.TLS)
}

func (g *Guard) roundTrip(r *http.Request, own TLS) (*http.Response, error) {
	origin, err := g.permit(r)
	if err == nil {
		own, err = g.tlsFor(origin, own)
	}
	if err != nil {
		closeBody(r)
		return nil, err
	}
	transport, out := g.prepare(r, origin, own)
	out, end := g.measure.begin(out, origin)
	resp, err := g.send(r, out, transport, origin, own)
	end(resp, err)
	if addressRefused(err) {
		g.measure.refused(r.Context(), ruleAddress)
	}
	return resp, err
}

// send sends out, which was prepared in r's place.
func (g *Guard) send(r, out *http.Request, transport *http.Transport, origin string, own TLS) (*http.Response, error) {
	_, limited := PolicyFrom(r.Context())
	limited = limited && !g.off(defence.Inflated)
	if limited {
		out.Header = askPlain(out.Header)
	}
	out, asked := watched(out)
	send := transport.RoundTrip
	if g.off(defence.Unredirected) {
		send = (&http.Client{Transport: transport}).Do
	}
	resp, err := send(out)
	for again := 0; again < 3 && takenAlong(out, err); again++ {
		resp, err = send(out)
	}
	if err != nil {
		if asked.Load() && r.Context().Err() == nil {
			if refused := refusedCertificate(transport, out, origin, err, own.Certificate != nil); refused != nil {
				return nil, refused
			}
		}
		return nil, g.explain(r.Context(), origin, err)
	}
	resp.Request = r
	if resp.StatusCode == http.StatusSwitchingProtocols && !switches(out, resp) {
		resp.Body.Close()
		return nil, sdk.Errorf(sdk.Unavailable, "%s answered in another protocol than HTTP", origin)
	}
	if err = g.headSize(resp, origin); err == nil && limited {
		err = inflate(resp, origin)
	}
	if err != nil {
		resp.Body.Close()
		return nil, err
	}
	return resp, nil
}

// switches reports whether resp switches to the one protocol that r asked for.
// Requests of plugins ask for none.
func switches(r *http.Request, resp *http.Response) bool {
	asked, got := r.Header["Upgrade"], resp.Header["Upgrade"]
	return len(asked) == 1 && len(got) == 1 && strings.EqualFold(asked[0], got[0])
}

// headSize refuses an answer that has too many headers.
func (g *Guard) headSize(resp *http.Response, origin string) error {
	n := 0
	for _, values := range resp.Header {
		n += len(values)
	}
	if n > maxFields && !g.off(defence.HeadSize) {
		return sdk.Errorf(sdk.Unavailable, "%s answered with more than %d headers", origin, maxFields)
	}
	return nil
}

// permit returns r's origin if r may go there, as far as can be said without
// the network.
func (g *Guard) permit(r *http.Request) (origin string, err error) {
	rule := ruleForm
	defer func() {
		if err != nil {
			g.measure.refused(r.Context(), rule)
		}
	}()
	origin = sdk.OriginOf(r.URL)
	switch {
	case origin == "":
		return "", sdk.Errorf(sdk.Invalid, "the request's address is not a URL with a host")
	case !isHTTP(r.URL.Scheme), r.Method == http.MethodConnect:
		return "", sdk.Errorf(sdk.Internal, "only HTTP requests may be sent to %s", origin)
	case r.Host != "" && !isHostOf(r.Host, origin) && !g.off(defence.HostHeader):
		return "", sdk.Errorf(sdk.Internal, "the request's Host is not that of its address, %s", origin)
	}
	if p, ok := PolicyFrom(r.Context()); ok && !p.allows(origin) && !g.off(defence.Destinations) {
		rule = ruleDestination
		return "", outside(origin)
	}
	rule = ruleAddress
	return origin, g.Check(origin)
}

func closeBody(r *http.Request) {
	if r.Body != nil {
		r.Body.Close()
	}
}

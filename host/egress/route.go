// SPDX-License-Identifier: Apache-2.0

package egress

import (
	"context"
	"net"
	"net/url"
	"strings"

	"github.com/credhost/credhost/sdk"
)

// A route says where an origin is really served. One of base and at is set.
type route struct {
	base *url.URL // what the origin's URLs are rewritten to
	at   string   // the host:port to connect to
	err  error    // why it is neither
}

func parseRoutes(routes map[string]string) map[string]route {
	parsed := make(map[string]route, len(routes))
	for from, to := range routes {
		origin := sdk.Origin(from)
		if origin == "" {
			origin = from
		}
		parsed[origin] = parseRoute(origin, to)
	}
	return parsed
}

func parseRoute(origin, to string) route {
	if !strings.Contains(to, "://") {
		if host, port, err := net.SplitHostPort(to); err == nil && host != "" && port != "" {
			return route{at: to}
		}
	} else if u, err := url.Parse(to); err == nil && sdk.OriginOf(u) != "" && u.RawQuery+u.Fragment == "" {
		if strings.HasPrefix(origin, "tcp://") {
			return route{at: u.Host}
		}
		u.Path, u.RawPath = strings.TrimRight(u.Path, "/"), strings.TrimRight(u.RawPath, "/")
		return route{base: u}
	}
	return route{err: sdk.Errorf(sdk.Internal, "the route of %s must lead to a base URL or to host:port (egress.Config.Routes)", origin)}
}

// rewrite returns u below the route's base, its own path and query as they were.
func (r route) rewrite(u *url.URL) *url.URL {
	to := *u
	to.Scheme, to.Host = r.base.Scheme, r.base.Host
	if r.base.Path != "" {
		to.Path, to.RawPath = r.base.Path+u.Path, r.base.EscapedPath()+u.EscapedPath()
		if u.Opaque != "" {
			to.Opaque = r.base.EscapedPath() + u.Opaque
		}
	}
	return &to
}

// dialRoute connects to where a route leads: to the host of its base URL, or
// to its host:port in the place of the origin's.
func (g *Guard) dialRoute(ctx context.Context, network, addr string) (net.Conn, error) {
	for origin, to := range g.routes {
		if to.at != "" && hostPort(origin) == addr {
			addr = to.at
			break
		}
	}
	d := g.dialer()
	return d.DialContext(ctx, network, addr)
}

// hostPort returns what to dial for an origin.
func hostPort(origin string) string {
	u, err := url.Parse(origin)
	if err != nil {
		return ""
	}
	port := u.Port()
	switch {
	case port != "":
	case u.Scheme == "https":
		port = "443"
	case u.Scheme == "http":
		port = "80"
	}
	return net.JoinHostPort(u.Hostname(), port)
}

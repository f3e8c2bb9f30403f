// SPDX-License-Identifier: Apache-2.0

package egress

import (
	"context"
	"net"
	"net/url"
	"strings"

	"github.com/credhost/credhost/sdk"
)

// A route says where an origin is really served. One of its fields is set.
type route struct {
	base *url.URL // what the origin's URLs are rewritten to
	at   string   // the host:port to connect to in the origin's place
	err  error    // why it is neither
}

// parseRoutes returns the routes by origin, and those that lead to a host:port
// by what would be dialled without them.
func parseRoutes(config map[string]string) (routes map[string]route, instead map[string]string) {
	routes, instead = make(map[string]route, len(config)), make(map[string]string)
	for from, to := range config {
		origin := from
		if o := sdk.Origin(from); o != "" {
			origin = o
		}
		r := parseRoute(origin, to)
		routes[origin] = r
		if r.at != "" {
			instead[hostPort(origin)] = r.at
		}
	}
	return routes, instead
}

func parseRoute(origin, to string) route {
	if !strings.Contains(to, "://") {
		to = "tcp://" + to
	}
	u, err := url.Parse(to)
	switch {
	case err != nil || sdk.OriginOf(u) == "" || u.User != nil || u.RawQuery+u.Fragment != "":
	case u.Scheme == "tcp" && u.Port() != "" && u.Path == "":
		return route{at: u.Host}
	case isHTTP(u.Scheme) && !strings.HasPrefix(origin, "tcp:"):
		u.Path, u.RawPath = strings.TrimRight(u.Path, "/"), strings.TrimRight(u.RawPath, "/")
		return route{base: u}
	}
	return route{err: sdk.Errorf(sdk.Internal, "the route of %s must lead to a base URL or to host:port (egress.Config.Routes)", origin)}
}

func isHTTP(scheme string) bool { return scheme == "https" || scheme == "http" }

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
	if at, ok := g.instead[addr]; ok {
		addr = at
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

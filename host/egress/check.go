// SPDX-License-Identifier: Apache-2.0

package egress

import (
	"crypto/tls"
	"net/netip"
	"net/url"
	"strings"

	"github.com/credhost/credhost/internal/defence"
	"github.com/credhost/credhost/sdk"
)

// Check reports what is wrong with an origin, as far as that can be said
// without the network: for when origins are frozen. Origin is as sdk.Origin
// returns it, or a pattern such as https://*.example.com. The error is an
// *sdk.Error that says how an operator allows what is refused.
func (g *Guard) Check(origin string) error {
	if g.broken != nil {
		return g.broken
	}
	u, ok := parseOrigin(origin)
	if !ok {
		return sdk.Errorf(sdk.Invalid, "this is not an origin: it must be a scheme, a host and perhaps a port, such as https://api.example.com")
	}
	if r, ok := g.routes[origin]; ok {
		return r.err
	}
	switch u.Scheme {
	case "https":
	case "http":
		if !g.config.AllowHTTP && !isLocal(u.Hostname()) && !g.off(defence.Encrypted) {
			return sdk.Errorf(sdk.Invalid, "%s is not encrypted, and nothing is sent there: use https, or have the operator allow it: --allow-http (egress.Config.AllowHTTP)", origin)
		}
	case "tcp":
		if u.Port() == "" {
			return sdk.Errorf(sdk.Invalid, "%s has no port", origin)
		}
	default:
		return sdk.Errorf(sdk.Invalid, "%s is neither https, http nor tcp", origin)
	}
	if g.addresses.checkHost(u.Hostname()) != nil {
		return refusedAddress(origin)
	}
	return nil
}

// Check reports what is wrong with a config, as far as a guard cannot do with
// it. It quotes nothing that may be a secret.
func (c Config) Check() error {
	if _, err := parseProxy(c.Proxy); err != nil {
		return sdk.Errorf(sdk.Internal, "%v", err)
	}
	for _, pattern := range c.NoProxy {
		if _, ok := parseOrigin(pattern); !ok {
			return sdk.Errorf(sdk.Internal, "%q is no origin, nor a pattern such as https://*.example.com (egress.Config.NoProxy)", pattern)
		}
	}
	for pattern, t := range c.TLS {
		if u, ok := parseOrigin(pattern); pattern != everywhere && (!ok || u.Scheme != "https") {
			return sdk.Errorf(sdk.Internal, "%q is no https origin, nor a pattern such as https://*.example.com, nor * for all (egress.Config.TLS)", pattern)
		}
		if t.MinVersion != 0 && t.MinVersion != tls.VersionTLS12 && t.MinVersion != tls.VersionTLS13 {
			return sdk.Errorf(sdk.Internal, "the lowest version of TLS for %s must be 1.2 or 1.3 (egress.Config.TLS)", pattern)
		}
	}
	return nil
}

// parseOrigin parses an origin in its canonical form, or a pattern of such.
func parseOrigin(origin string) (*url.URL, bool) {
	plain := strings.Replace(origin, "://*.", "://", 1)
	if sdk.Origin(plain) != plain {
		return nil, false
	}
	u, err := url.Parse(plain)
	if err != nil {
		return nil, false
	}
	if _, err := netip.ParseAddr(u.Hostname()); err == nil && plain != origin {
		return nil, false // a star above an address
	}
	return u, true
}

// isHostOf reports whether a request to origin may have this Host header.
func isHostOf(host, origin string) bool {
	scheme, _, _ := strings.Cut(origin, "://")
	return !strings.ContainsAny(host, "@/?#") && sdk.Origin(scheme+"://"+host) == origin
}

// outside is the refusal of an origin that a call's policy does not name.
func outside(origin string) error {
	return sdk.Errorf(sdk.Invalid, "%s is not an origin of this credential: correct the address, or have the type declare it", origin)
}

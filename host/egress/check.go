// SPDX-License-Identifier: Apache-2.0

package egress

import (
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

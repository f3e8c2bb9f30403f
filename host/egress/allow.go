// SPDX-License-Identifier: Apache-2.0

package egress

import (
	"net/netip"
	"slices"

	"code.dny.dev/ssrf"
)

// allowed is what an operator allows besides public addresses.
type allowed struct {
	prefixes []netip.Prefix
	special  *ssrf.Guardian
}

func newAllowed(prefixes []netip.Prefix) *allowed {
	var v4, v6 []netip.Prefix
	for _, p := range prefixes {
		if p.Addr().Is4() {
			v4 = append(v4, p)
		} else {
			v6 = append(v6, p)
		}
	}
	return &allowed{prefixes, ssrf.New(ssrf.WithAnyPort(), ssrf.WithAllowedV4Prefixes(v4...), ssrf.WithAllowedV6Prefixes(v6...))}
}

// Allow takes the place of [Config].Allow from now on. Connections that are kept
// for later are closed, so that none goes on to what is not allowed any more;
// requests that are under way end as they would have.
func (g *Guard) Allow(prefixes []netip.Prefix) {
	g.addresses.allowed.Store(newAllowed(slices.Clone(prefixes)))
	g.Close()
}

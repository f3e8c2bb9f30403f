// SPDX-License-Identifier: Apache-2.0

package host

import "net/netip"

// Allow takes the place of [Config].Egress.Allow from now on: the private and
// special addresses that may be reached. It is safe for concurrent use.
func (h *Host) Allow(prefixes []netip.Prefix) { h.guard.Allow(prefixes) }

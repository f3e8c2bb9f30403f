// SPDX-License-Identifier: Apache-2.0

package front

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Trust says whose word is taken for where a request comes from. The zero Trust
// takes nobody's.
type Trust struct {
	// Proxies are the addresses of reverse proxies.
	Proxies []netip.Prefix

	// Sockets says that what connects to a Unix socket is a reverse proxy.
	Sockets bool

	// Forwarded has the header of that name be read (RFC 7239), and not
	// X-Forwarded-For. One of them it must be: a proxy sets one, and passes on
	// what a caller wrote into the other.
	Forwarded bool
}

// peer returns the address that a request's connection comes from, and whether
// it is one whose word is taken. Of a Unix socket the address is not valid.
func (t Trust) peer(r *http.Request) (addr netip.Addr, trusted bool) {
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok && local.Network() == "unix" {
		return netip.Addr{}, t.Sockets
	}
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}, false
	}
	addr = at.Addr().Unmap().WithZone("")
	return addr, t.trusts(addr)
}

func (t Trust) trusts(addr netip.Addr) bool {
	return slices.ContainsFunc(t.Proxies, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// source returns where a request comes from: the nearest address on its way
// that is no trusted proxy's. Behind an address that cannot be read nothing is
// believed.
func (t Trust) source(r *http.Request) netip.Addr {
	addr, trusted := t.peer(r)
	if !trusted {
		return addr
	}
	hops := t.hops(r.Header)
	for i := len(hops) - 1; i >= 0; i-- {
		hop, ok := parseHop(hops[i])
		if !ok {
			return addr
		}
		addr = hop
		if !t.trusts(hop) {
			break
		}
	}
	return addr
}

// maxHops is how long a way is believed.
const maxHops = 32

// hops returns what the header says of a request's way, the nearest last.
func (t Trust) hops(h http.Header) []string {
	name := "X-Forwarded-For"
	if t.Forwarded {
		name = "Forwarded"
	}
	var all []string
	for _, line := range h.Values(name) {
		for element := range strings.SplitSeq(line, ",") {
			if t.Forwarded {
				element = forParameter(element)
			}
			all = append(all, strings.TrimSpace(element))
		}
	}
	return all[max(0, len(all)-maxHops):]
}

// forParameter returns the parameter "for" of an element of Forwarded (RFC
// 7239, section 4), without quotes; empty if there is none. A quoted comma
// splits an element in two that cannot be read, and nothing behind is believed.
func forParameter(element string) string {
	for pair := range strings.SplitSeq(element, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
		if strings.EqualFold(name, "for") {
			return strings.Trim(value, `"`)
		}
	}
	return ""
}

// parseHop reads an address, which may have a port.
func parseHop(text string) (netip.Addr, bool) {
	if at, err := netip.ParseAddrPort(text); err == nil {
		return at.Addr().Unmap().WithZone(""), true
	}
	if inner, ok := strings.CutPrefix(text, "["); ok && strings.HasSuffix(inner, "]") {
		text = strings.TrimSuffix(inner, "]")
	}
	addr, err := netip.ParseAddr(text)
	return addr.Unmap().WithZone(""), err == nil
}

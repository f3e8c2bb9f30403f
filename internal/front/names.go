// SPDX-License-Identifier: Apache-2.0

package front

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Names are the hosts by which a server may be called: names in lower case,
// without a port. The addresses that it listens on are always among them, and
// "localhost" where only this machine calls.
//
// A page of somebody else, whose name leads here, is called by its own name
// (DNS rebinding): it would have the browser's leave to read what is answered.
type Names map[string]bool

// NewNames returns the names, each with or without a port.
func NewNames(hosts ...string) Names {
	n := Names{}
	for _, h := range hosts {
		n[hostname(h)] = true
	}
	return n
}

// hostname returns a host without its port, in lower case and without the dot
// that may end it.
func hostname(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.TrimSuffix(strings.ToLower(host), ".")
}

// allow reports whether a request calls the server by a name of its own.
func (n Names) allow(r *http.Request) bool {
	host := hostname(r.Host)
	if n[host] {
		return true
	}
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	at, tcp := local.(*net.TCPAddr)
	if host == "localhost" {
		return !tcp || at.IP.IsLoopback()
	}
	addr, err := netip.ParseAddr(host)
	if err != nil || !tcp {
		return false
	}
	own, _ := netip.AddrFromSlice(at.IP)
	return addr.Unmap() == own.Unmap()
}

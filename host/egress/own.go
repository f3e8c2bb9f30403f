// SPDX-License-Identifier: Apache-2.0

package egress

import (
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// ownTime is how long a list of this machine's addresses is believed.
const ownTime = 10 * time.Second

// own are the addresses of this machine. A public one among them is as special
// as loopback: connections to it do not leave the machine, and so reach what a
// firewall keeps from everybody else.
type own struct {
	list func() ([]net.Addr, error)

	mu    sync.Mutex
	addrs []netip.Addr
	until time.Time
}

// has reports whether addr is one of this machine's, as far as the system says.
func (o *own) has(addr netip.Addr) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if now := time.Now(); now.After(o.until) {
		if list, err := o.list(); err == nil {
			o.addrs = parseAddrs(list)
		}
		o.until = now.Add(ownTime)
	}
	return slices.Contains(o.addrs, addr)
}

func parseAddrs(list []net.Addr) []netip.Addr {
	addrs := make([]netip.Addr, 0, len(list))
	for _, a := range list {
		if n, ok := a.(*net.IPNet); ok {
			if addr, ok := netip.AddrFromSlice(n.IP); ok && !n.IP.IsLoopback() { // which is special by itself
				addrs = append(addrs, addr.Unmap())
			}
		}
	}
	return addrs
}

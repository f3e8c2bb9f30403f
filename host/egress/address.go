// SPDX-License-Identifier: Apache-2.0

package egress

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/credhost/credhost/internal/defence"
	"github.com/credhost/credhost/sdk"
)

// errAddress is what a dial fails with when the policy refuses the address.
// Which address it was is for the operator's log alone, as the cause of what is
// said: where a private name leads is not for whoever made the host look it up.
var errAddress = errors.New("the address is private or special")

// metadata are the addresses at which clouds hand out the secrets of their
// machines. A prefix that happens to contain one does not open it. The first
// is everybody's, the others those of AWS, Google, Azure, Alibaba and Oracle.
var metadata = []netip.Addr{
	netip.MustParseAddr("169.254.169.254"),
	netip.MustParseAddr("fd00:ec2::254"),
	netip.MustParseAddr("fd20:ce::254"),
	netip.MustParseAddr("168.63.129.16"), // looks public, is not
	netip.MustParseAddr("100.100.100.200"),
	netip.MustParseAddr("192.0.0.192"),
}

// metadataNames are the names of the same places. Where they lead is checked as
// it is of all names, but a proxy that resolves names may not know better.
var metadataNames = []string{
	"metadata", "metadata.google.internal", "metadata.goog", "instance-data", "instance-data.ec2.internal",
	"metadata.azure.internal", "metadata.azure.com", "metadata.tencentyun.com", "metadata.oraclecloud.com",
	"metadata.packet.net", "metadata.platformequinix.com", "rancher-metadata", "kubernetes.default.svc",
}

// addresses decides which addresses may be connected to.
type addresses struct {
	allowed *atomic.Pointer[allowed]
	own     *own
	off     func(defence.Defence) bool
}

func newAddresses(allow []netip.Prefix) addresses {
	a := addresses{allowed: new(atomic.Pointer[allowed]), own: &own{list: net.InterfaceAddrs}, off: func(defence.Defence) bool { return false }}
	a.allowed.Store(newAllowed(allow))
	return a
}

// check returns errAddress if addr may not be connected to.
func (a addresses) check(addr netip.Addr) error {
	switch {
	case !addr.IsValid():
		return errAddress
	case (addr.Is4In6() || addr.Zone() != "" || a.allowed.Load().special.SafeAddr(addr) != nil) && !a.off(defence.Addresses):
		return errAddress
	case slices.Contains(metadata, addr) && !a.opens(addr) && !a.off(defence.Metadata):
		return errAddress
	case slices.ContainsFunc(embedded(addr), func(v4 netip.Addr) bool { return a.check(v4) != nil }) && !a.off(defence.Addresses):
		return errAddress
	case a.own.has(addr) && !a.isAllowed(addr) && !a.off(defence.OwnAddresses):
		return errAddress
	}
	return nil
}

// opens reports whether the operator allows addr by a prefix of it alone.
func (a addresses) opens(addr netip.Addr) bool {
	return slices.Contains(a.allowed.Load().prefixes, netip.PrefixFrom(addr, addr.BitLen()))
}

// isAllowed reports whether the operator allows addr, by whatever prefix.
func (a addresses) isAllowed(addr netip.Addr) bool {
	return slices.ContainsFunc(a.allowed.Load().prefixes, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// connect decides on one attempt to connect to host, at address.
func (a addresses) connect(host, address string) error {
	if a.off(defence.EachAttempt) {
		return nil
	}
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return errAddress
	}
	if isLocalName(host) && !at.Addr().IsLoopback() {
		return errAddress
	}
	return a.check(at.Addr())
}

// checkHost decides on a host as far as that can be done without the network.
func (a addresses) checkHost(host string) error {
	if addr, err := netip.ParseAddr(host); err == nil {
		return a.check(addr)
	}
	if isLocalName(host) && a.check(localhost4) != nil && a.check(localhost6) != nil {
		return errAddress
	}
	if slices.Contains(metadataNames, host) && !slices.ContainsFunc(metadata, a.opens) && !a.off(defence.Metadata) {
		return errAddress
	}
	return nil
}

var (
	localhost4 = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	localhost6 = netip.IPv6Loopback()
)

// isLocalName reports whether host names this machine (RFC 6761, section 6.3).
func isLocalName(host string) bool {
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// isLocal reports whether host is this machine, whatever a resolver says.
func isLocal(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback() || isLocalName(host)
}

// refusedAddress is what is said of every address that the policy refuses.
func refusedAddress(origin string) *sdk.Error {
	return sdk.Errorf(sdk.Invalid, "%s is at a private or special address, where nothing is sent unless the operator allows it: --allow-address CIDR (egress.Config.Allow)", origin)
}

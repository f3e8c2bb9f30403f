// SPDX-License-Identifier: Apache-2.0

package egress

import (
	"bytes"
	"encoding/binary"
	"net/netip"
)

// The prefixes of IPv6 addresses that carry an IPv4 address, for somebody on
// the way to send the packet there. What they carry is checked, too, even where
// an operator allows the prefix.
var (
	nat64      = netip.MustParsePrefix("64:ff9b::/96")    // RFC 6052, section 2.1
	nat64Local = netip.MustParsePrefix("64:ff9b:1::/48")  // RFC 8215
	compatible = netip.MustParsePrefix("::/96")           // RFC 4291, section 2.5.5.1
	translated = netip.MustParsePrefix("::ffff:0:0:0/96") // RFC 2765, section 2.1
	sixToFour  = netip.MustParsePrefix("2002::/16")       // RFC 3056, section 2
	teredo     = netip.MustParsePrefix("2001::/32")       // RFC 4380, section 4
)

// isatap is what stands before an IPv4 address in the interface identifier of
// ISATAP, with the bits that say whether it is unique in the world cleared (RFC
// 5214, section 6.1).
var isatap = []byte{0, 0, 0x5e, 0xfe}

// embedded returns the IPv4 addresses that addr carries: where a packet to it
// may end.
func embedded(addr netip.Addr) []netip.Addr {
	if !addr.Is6() || addr == netip.IPv6Loopback() || addr.IsUnspecified() {
		return nil
	}
	b := addr.As16()
	at := func(i int) netip.Addr { return netip.AddrFrom4([4]byte(b[i : i+4])) }
	switch {
	case addr.Is4In6(), nat64.Contains(addr), compatible.Contains(addr), translated.Contains(addr):
		return []netip.Addr{at(12)}
	case nat64Local.Contains(addr): // whatever the length of the prefix there: RFC 6052, section 2.2
		return []netip.Addr{netip.AddrFrom4([4]byte{b[6], b[7], b[9], b[10]}), netip.AddrFrom4([4]byte{b[7], b[9], b[10], b[11]}),
			at(9), at(12)}
	case sixToFour.Contains(addr):
		return []netip.Addr{at(2)}
	case teredo.Contains(addr): // its server, and its client, whose bits are inverted
		client := binary.BigEndian.AppendUint32(nil, ^binary.BigEndian.Uint32(b[12:]))
		return []netip.Addr{at(4), netip.AddrFrom4([4]byte(client))}
	case bytes.Equal([]byte{b[8] &^ 3, b[9], b[10], b[11]}, isatap):
		return []netip.Addr{at(12)}
	}
	return nil
}

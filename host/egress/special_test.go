// SPDX-License-Identifier: Apache-2.0

package egress

import (
	"errors"
	"net/netip"
	"testing"
)

// registries are the special-purpose ranges of IANA's two registries (RFC 6890
// and what has changed them since, as of November 2026), the ranges beside them
// that are no host's of the public internet (RFC 4291, RFC 5771, RFC 3879), and
// the parts that the registries list on their own.
var registries = []string{
	// IPv4
	"0.0.0.0/8", "0.0.0.0/32", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
	"192.0.0.0/24", "192.0.0.0/29", "192.0.0.8/32", "192.0.0.9/32", "192.0.0.10/32", "192.0.0.170/32", "192.0.0.171/32",
	"192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.88.99.2/32", "192.168.0.0/16",
	"192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "255.255.255.255/32",
	// IPv6
	"::1/128", "::/128", "::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "100:0:0:1::/64",
	"2001::/23", "2001::/32", "2001:1::1/128", "2001:1::2/128", "2001:1::3/128", "2001:2::/48", "2001:3::/32", "2001:4:112::/48",
	"2001:10::/28", "2001:20::/28", "2001:30::/28", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20", "5f00::/16",
	"fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
	// never given to anybody, or not yet
	"::/8", "100::/8", "200::/7", "400::/6", "800::/5", "1000::/4", "4000::/3", "6000::/3", "8000::/3", "a000::/3", "c000::/3", "e000::/4", "f000::/5", "f800::/6", "fe00::/9",
}

// last returns the last address of a prefix.
func last(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for bit := p.Bits(); bit < len(b)*8; bit++ {
		b[bit/8] |= 0x80 >> (bit % 8)
	}
	addr, _ := netip.AddrFromSlice(b)
	return addr
}

// The first and the last address of each range, and one within, are refused
// when an origin is looked at, and when they are connected to.
func TestEverySpecialRange(t *testing.T) {
	t.Parallel()
	g := New(Config{})
	for _, text := range registries {
		p := netip.MustParsePrefix(text)
		for _, addr := range []netip.Addr{p.Addr(), p.Addr().Next(), last(p), last(p).Prev()} {
			if !addr.IsValid() || !p.Contains(addr) {
				continue
			}
			if g.addresses.check(addr) == nil {
				t.Errorf("%s, of %s, is taken for public", addr, p)
			}
			if g.addresses.connect("name.example", netip.AddrPortFrom(addr, 443).String()) == nil {
				t.Errorf("%s, of %s, may be connected to", addr, p)
			}
			host := addr.String()
			if addr.Is6() {
				host = "[" + host + "]"
			}
			if g.Check("https://"+host) == nil {
				t.Errorf("%s, of %s, may be an origin", addr, p)
			}
		}
	}
	// What stands beside them is not.
	for _, text := range []string{"1.0.0.0", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
		"169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "191.255.255.255", "192.0.1.0", "192.0.3.0", "192.167.255.255",
		"192.169.0.0", "198.17.255.255", "198.20.0.0", "203.0.112.255", "203.0.114.0", "223.255.255.255",
		"2001:200::1", "2001:db7::1", "2001:db9::1", "2003::1", "2620:4f:7fff::1", "2620:4f:8001::1", "2606:4700::1", "3fff:1000::1", "3ffe:ffff::1"} {
		if addr := netip.MustParseAddr(text); g.addresses.check(addr) != nil {
			t.Errorf("%s is taken for special", addr)
		}
	}
}

// What an IPv6 address carries counts, whatever the address itself is, and
// even where its prefix is allowed.
func TestEmbeddedAddresses(t *testing.T) {
	t.Parallel()
	all := newAddresses([]netip.Prefix{netip.MustParsePrefix("::/0")})
	for text, want := range map[string]bool{
		"2606:4700::5efe:7f00:1":        false, // ISATAP, 127.0.0.1
		"2606:4700::200:5efe:a00:1":     false, // the same, 10.0.0.1, unique in the world
		"2606:4700::300:5efe:a9fe:a9fe": false, // for a group, 169.254.169.254
		"2606:4700::200:5efe:808:808":   true,
		"2606:4700::100:5eff:7f00:1":    true, // no ISATAP
		"2002:7f00:1::1":                false,
		"2002:a9fe:a9fe::1":             false,
		"2002:808:808::1":               true,
		"2001:0:7f00:1::f7f7:f7f7":      false, // Teredo: its server
		"2001:0:808:808::80ff:fffe":     false, // Teredo: 127.0.0.1, inverted
		"2001:0:808:808::f7f7:f7f7":     true,
		"64:ff9b::7f00:1":               false,
		"64:ff9b::808:808":              true,
		"64:ff9b:1:7f00:0:100::":        false, // a prefix of 48 bits
		"64:ff9b:1::c0a8:101":           false, // of 96
		"::7f00:1":                      false,
		"::808:808":                     true,
		"::ffff:0:7f00:1":               false,
		"::ffff:7f00:1":                 false,
		"::ffff:808:808":                false, // to be written as it is meant
		"fd12::1":                       true,
	} {
		if err := all.check(netip.MustParseAddr(text)); (err == nil) != want {
			t.Errorf("%s with ::/0 allowed: %v, want allowed: %v", text, err, want)
		}
	}
	none := newAddresses(nil)
	if none.check(netip.MustParseAddr("2606:4700::5efe:7f00:1")) == nil {
		t.Error("an ISATAP address of this machine is taken for public")
	}
}

// The names of the places where clouds hand out secrets are refused by
// themselves, unless one of the addresses is opened.
func TestMetadataNames(t *testing.T) {
	t.Parallel()
	strict, open := New(Config{}), New(Config{Allow: []netip.Prefix{netip.MustParsePrefix("169.254.169.254/32")}})
	for _, name := range metadataNames {
		if strict.Check("https://"+name) == nil {
			t.Errorf("%s may be an origin", name)
		}
		if err := open.Check("https://" + name); err != nil {
			t.Errorf("%s, where it is opened: %v", name, err)
		}
	}
	wide := New(Config{Allow: []netip.Prefix{netip.MustParsePrefix("169.254.0.0/16")}})
	if wide.Check("https://metadata.google.internal") == nil {
		t.Error("a prefix opens it by accident")
	}
}

// The way through a proxy checks what it dials by itself, whoever has looked
// before.
func TestProxyChecksWhatItDials(t *testing.T) {
	t.Parallel()
	for _, names := range []bool{false, true} {
		g := New(Config{Proxy: "http://proxy.invalid:1", ProxyResolves: names})
		for _, addr := range []string{"127.0.0.1:80", "[::1]:80", "10.0.0.1:443", "localhost:80", "a.localhost:80", "metadata.google.internal:80", "[::ffff:127.0.0.1]:80"} {
			if _, err := g.dialChecked(t.Context(), "tcp", addr); !errors.Is(err, errAddress) {
				t.Errorf("%s: %v, want %v", addr, err, errAddress)
			}
		}
	}
}

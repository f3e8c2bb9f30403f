// SPDX-License-Identifier: Apache-2.0

package egress

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/credhost/credhost/internal/defence"
)

// A public address of this machine is special, and one that it no longer has
// is not.
func TestOwnAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mine, other := netip.MustParseAddr("8.8.4.4"), netip.MustParseAddr("2606:4700::1")
		list := []net.Addr{&net.IPNet{IP: net.ParseIP("8.8.4.4"), Mask: net.CIDRMask(24, 32)}}
		var fails error
		a := newAddresses(nil)
		a.own.list = func() ([]net.Addr, error) { return list, fails }
		if a.check(mine) == nil || a.check(other) != nil {
			t.Errorf("of this machine's address and another's, got %v and %v", a.check(mine), a.check(other))
		}
		list = []net.Addr{&net.IPNet{IP: net.ParseIP("2606:4700::1"), Mask: net.CIDRMask(64, 128)}}
		time.Sleep(ownTime + 1)
		if a.check(mine) != nil || a.check(other) == nil {
			t.Errorf("after a change, got %v and %v", a.check(mine), a.check(other))
		}
		fails = errors.New("no such thing here")
		time.Sleep(ownTime + 1)
		if a.check(other) == nil {
			t.Error("what was known is forgotten when the system does not answer")
		}
		allowed := newAddresses([]netip.Prefix{netip.MustParsePrefix("2606:4700::/32")})
		allowed.own = a.own
		if err := allowed.check(other); err != nil {
			t.Errorf("what the operator allows: %v", err)
		}
	})
}

// Without the defence, it is as public as any other.
func TestOwnAddressesDefence(t *testing.T) {
	t.Parallel()
	mine := netip.MustParseAddr("8.8.4.4")
	for _, off := range [][]defence.Defence{nil, {defence.OwnAddresses}} {
		g := NewWithContext(defence.Without(t.Context(), off...), Config{})
		g.addresses.own.list = func() ([]net.Addr, error) {
			return []net.Addr{&net.IPNet{IP: net.ParseIP("8.8.4.4"), Mask: net.CIDRMask(24, 32)}}, nil
		}
		if err := g.addresses.check(mine); (err == nil) != (off != nil) {
			t.Errorf("without %q: %v", off, err)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package egress

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"testing"
	"testing/synctest"
	"time"
)

// numbered returns settings with a certificate that is told from others by a number.
func numbered(n int) TLS {
	return TLS{Certificate: &tls.Certificate{Certificate: [][]byte{binary.BigEndian.AppendUint64(nil, uint64(n))}}}
}

// What is kept for certificates is bounded, and forgotten when it is not used.
func TestPools(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := New(Config{})
		defer g.Close()
		first := g.pools.of(numbered(1))
		if g.pools.of(numbered(1)) != first || g.pools.of(numbered(2)) == first {
			t.Error("a certificate has not one pool of its own")
		}
		if first.guarded == first.routed || first.guarded == g.guarded || first.guarded.TLSClientConfig == g.guarded.TLSClientConfig ||
			first.guarded.TLSClientConfig.ClientSessionCache == g.guarded.TLSClientConfig.ClientSessionCache {
			t.Error("connections or sessions are shared")
		}
		time.Sleep(keepPool - time.Second)
		g.pools.of(numbered(1))
		time.Sleep(time.Second)
		synctest.Wait()
		if len(g.pools.all) != 1 || g.pools.of(numbered(1)) != first {
			t.Errorf("%d pools are left, want the one that was used", len(g.pools.all))
		}
		for n := range maxPools {
			time.Sleep(time.Millisecond)
			g.pools.of(numbered(n + 10))
		}
		if len(g.pools.all) != maxPools || g.pools.of(numbered(1)) == first {
			t.Errorf("%d pools are kept, the oldest among them", len(g.pools.all))
		}
		time.Sleep(keepPool + time.Second)
		synctest.Wait()
		if len(g.pools.all) != 0 {
			t.Errorf("%d pools are kept that nobody uses", len(g.pools.all))
		}
		g.pools.of(numbered(1))
		g.Close()
		if len(g.pools.all) != 0 {
			t.Error("a closed guard keeps pools")
		}
	})
}

// Settings that differ in anything share no connection.
func TestKeys(t *testing.T) {
	t.Parallel()
	chain := func(ders ...[]byte) *tls.Certificate { return &tls.Certificate{Certificate: ders} }
	authority := func(raw string) *x509.Certificate { return &x509.Certificate{Raw: []byte(raw)} }
	all := []TLS{
		{}, {SkipVerify: true}, {MinVersion: tls.VersionTLS13},
		{Certificate: chain([]byte{1, 2}, []byte{3})}, {Certificate: chain([]byte{1}, []byte{2, 3})}, // whose bytes are the same
		{Authorities: []*x509.Certificate{authority("a")}}, {Authorities: []*x509.Certificate{authority("a"), authority("b")}},
		{Authorities: []*x509.Certificate{authority("ab")}}, {Certificate: chain([]byte("a"))},
		{Certificate: chain([]byte("a")), SkipVerify: true},
	}
	seen := map[[32]byte]int{}
	for i, one := range all {
		if before, again := seen[one.key()]; again {
			t.Errorf("settings %d and %d have one key", before, i)
		}
		seen[one.key()] = i
	}
}

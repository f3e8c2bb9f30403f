// SPDX-License-Identifier: Apache-2.0

package egress

import (
	"crypto/tls"
	"encoding/binary"
	"testing"
	"testing/synctest"
	"time"
)

// numbered returns a certificate that is told from others by a number.
func numbered(n int) *tls.Certificate {
	return &tls.Certificate{Certificate: [][]byte{binary.BigEndian.AppendUint64(nil, uint64(n))}}
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

// A chain is not another's because their bytes are.
func TestFingerprint(t *testing.T) {
	t.Parallel()
	one, two := &tls.Certificate{Certificate: [][]byte{{1, 2}, {3}}}, &tls.Certificate{Certificate: [][]byte{{1}, {2, 3}}}
	if fingerprint(one) == fingerprint(two) {
		t.Error("two chains have one fingerprint")
	}
}

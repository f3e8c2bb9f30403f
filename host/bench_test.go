// SPDX-License-Identifier: Apache-2.0

package host_test

import (
	"net/http"
	"testing"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/internal/testplugin"
	"github.com/credhost/credhost/sdk"
)

// BenchmarkAuthenticate measures the hot path against what cannot be less: a
// caller who knows the key and sets it by hand.
func BenchmarkAuthenticate(b *testing.B) {
	b.Run("by-hand", func(b *testing.B) {
		r, _ := http.NewRequest(http.MethodGet, "https://placed.example/me", nil)
		key := testplugin.Answers("placed")["apiKey"]
		b.ReportAllocs()
		for b.Loop() {
			r.Header.Set("X-Api-Key", key)
		}
	})
	b.Run("cached", func(b *testing.B) {
		h, id, r := cached(b)
		b.ReportAllocs()
		for b.Loop() {
			if err := h.Authenticate(b.Context(), id, r); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("cached-parallel", func(b *testing.B) {
		h, id, _ := cached(b)
		b.ReportAllocs()
		b.ResetTimer()
		b.RunParallel(func(pb *testing.PB) {
			r, _ := http.NewRequest(http.MethodGet, "https://placed.example/me", nil)
			for pb.Next() {
				if err := h.Authenticate(b.Context(), id, r); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
}

// cached returns a host that has a credential's grant in its cache.
func cached(b *testing.B) (*house, string, *http.Request) {
	b.Helper()
	h := open(b, func(cfg *host.Config) { cfg.Now = nil })
	id := h.create("placed", nil)
	r, _ := http.NewRequest(http.MethodGet, "https://placed.example/me", nil)
	if err := h.Authenticate(b.Context(), id, r); err != nil {
		b.Fatal(err)
	}
	return h, id, r
}

// BenchmarkSign measures a request whose credential signs it: a call of the
// plugin each.
func BenchmarkSign(b *testing.B) {
	h := open(b, nil)
	id := h.create("sigv4", nil)
	sign := func() {
		r, _ := http.NewRequest(http.MethodGet, "https://s3.eu-central-1.amazonaws.com/bucket/key", nil)
		if err := h.Authenticate(b.Context(), id, r); err != nil {
			b.Fatal(err)
		}
	}
	sign() // which starts the plugin
	for b.Loop() {
		sign()
	}
}

// BenchmarkCredentials measures the hot path with many credentials in the
// store, and what they cost to list.
func BenchmarkCredentials(b *testing.B) {
	h := open(b, nil)
	var ids []string
	for range 10_000 {
		id, err := h.Create(b.Context(), "placed", sdk.Values{"apiKey": "k"})
		if err != nil {
			b.Fatal(err)
		}
		ids = append(ids, id)
	}
	b.Run("first-use", func(b *testing.B) {
		i := 0
		for b.Loop() {
			r, _ := http.NewRequest(http.MethodGet, "https://placed.example/me", nil)
			if err := h.Authenticate(b.Context(), ids[i%len(ids)], r); err != nil {
				b.Fatal(err)
			}
			i++
		}
	})
}

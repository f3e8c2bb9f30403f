// SPDX-License-Identifier: Apache-2.0

package host_test

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

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
	b.Run("cached-ten-headers", func(b *testing.B) {
		h, id, r := cached(b)
		for name, v := range map[string]string{
			"Accept": "application/json", "Accept-Encoding": "gzip", "Accept-Language": "de,en;q=0.7", "Cache-Control": "no-cache",
			"Content-Type": "application/json; charset=utf-8", "If-None-Match": `"0815"`, "Traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
			"User-Agent": "engine/1.0", "X-Request-Id": "3f5c9a52-1f0e-4a53-9f65-0c1ad8c2d1c5",
		} {
			r.Header.Set(name, v)
		}
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

// BenchmarkCredentials measures the hot path with a hundred thousand
// credentials in the store, the first use of one, and a page of them.
func BenchmarkCredentials(b *testing.B) {
	h := open(b, func(c *host.Config) { c.Now = nil })
	ids := make([]string, 100_000)
	for i := range ids {
		var err error
		if ids[i], err = h.Create(b.Context(), "placed", sdk.Values{"apiKey": "k"}); err != nil {
			b.Fatal(err)
		}
	}
	use := func(b *testing.B, id string) {
		r, _ := http.NewRequest(http.MethodGet, "https://placed.example/me", nil)
		if err := h.Authenticate(b.Context(), id, r); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("cached", func(b *testing.B) {
		r, _ := http.NewRequest(http.MethodGet, "https://placed.example/me", nil)
		for _, id := range ids[:1000] {
			use(b, id)
		}
		i := 0
		for b.Loop() {
			if err := h.Authenticate(b.Context(), ids[i%1000], r); err != nil {
				b.Fatal(err)
			}
			i++
		}
	})
	b.Run("first-use", func(b *testing.B) {
		i := 1000
		for b.Loop() {
			use(b, ids[i%len(ids)])
			i++
		}
	})
	b.Run("page", func(b *testing.B) {
		for b.Loop() {
			if page, err := h.List(b.Context(), host.Page{After: ids[0]}); err != nil || len(page) == 0 {
				b.Fatal(len(page), err)
			}
		}
	})
}

// BenchmarkStorm measures a request with a good grant, over loopback, while two
// hundred other grants end at once, each second, and are renewed, against the
// same request without. What counts is the slowest of a hundred.
func BenchmarkStorm(b *testing.B) {
	const others = 200
	for _, storm := range []bool{false, true} {
		name := map[bool]string{false: "quiet", true: "renewing"}[storm]
		b.Run(name, func(b *testing.B) {
			h := open(b, nil)
			id := h.create("placed", nil)
			h.get(id, "https://placed.example/me")
			ctx, stop := context.WithCancel(b.Context())
			var renewals atomic.Int64
			var all sync.WaitGroup
			if storm {
				for range others {
					other := h.create("clients", nil)
					all.Go(func() {
						for ctx.Err() == nil {
							r, _ := http.NewRequestWithContext(ctx, http.MethodGet, testplugin.ClientsOrigin+"/me", nil)
							if h.Authenticate(ctx, other, r) == nil {
								renewals.Add(1)
							}
							time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second)))
							h.clock.Advance(time.Minute) // two hundred of which end all grants
						}
					})
				}
			}
			var took []time.Duration
			for b.Loop() {
				start := time.Now()
				h.get(id, "https://placed.example/me")
				took = append(took, time.Since(start))
			}
			elapsed := b.Elapsed()
			stop()
			all.Wait()
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*99/100]), "p99-ns")
			b.ReportMetric(float64(renewals.Load())/elapsed.Seconds(), "renewals/s")
		})
	}
}

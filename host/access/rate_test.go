// SPDX-License-Identifier: Apache-2.0

package access_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/host/memstore"
	"github.com/credhost/credhost/sdk"
)

// tooMany demands an error that says when to ask again.
func tooMany(t testing.TB, err error, want time.Duration) {
	t.Helper()
	var e *sdk.Error
	if !errors.As(err, &e) || e.Code != sdk.Unavailable || e.Reason != access.ReasonRate || e.RetryAfter != want {
		t.Errorf("the error is %#v, want one to ask again in %v", err, want)
	}
}

func TestRates(t *testing.T) {
	t.Parallel()
	p := open(t, nil, func(c *access.Config) {
		c.Rates.Key, c.Rates.Workspace = access.Rate{PerSecond: 2, Burst: 10}, access.Rate{PerSecond: 4, Burst: 15}
	})
	p.clock.mu.Lock()
	p.clock.now = p.clock.now.Truncate(time.Second)
	p.clock.mu.Unlock()
	use := []access.Scope{access.Use}
	_, one := p.key(access.NewKey{Workspace: "default", Scopes: use})
	_, two := p.key(access.NewKey{Workspace: "default", Scopes: use})
	derived, _, err := p.Derive(t.Context(), p.caller(one), nil, access.Limits{}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		c := p.caller(one)
		if i%2 == 1 {
			c = p.caller(derived) // which has no budget of its own
		}
		q := p.Allow(c)
		if q.Err() != nil || q.Policy != "key" || q.Remaining != 9-i || q.Limit != 10 || q.Window != 5*time.Second || q.Reset != time.Duration(i+1)*500*time.Millisecond {
			t.Fatalf("request %d: %+v", i, q)
		}
	}
	q := p.Allow(p.caller(one))
	tooMany(t, q.Err(), 500*time.Millisecond)
	h := http.Header{}
	q.Header(h)
	if got := fmt.Sprint(h["Ratelimit-Policy"], h["Ratelimit"], h["Retry-After"]); got != `["key";q=10;w=5] ["key";r=0;t=5] [1]` {
		t.Errorf("the header is %s", got)
	}
	for i := range 5 {
		if q := p.Allow(p.caller(two)); q.Err() != nil || q.Policy != "workspace" || q.Remaining != 4-i {
			t.Fatalf("another's request %d: %+v", i, q)
		}
	}
	for range 8 { // what the workspace refuses costs the key nothing
		if q = p.Allow(p.caller(two)); q.Policy != "workspace" {
			t.Errorf("%+v", q)
		}
		tooMany(t, q.Err(), 250*time.Millisecond)
	}
	p.clock.Advance(time.Second)
	for i := range 4 {
		if q := p.Allow(p.caller(two)); q.Err() != nil {
			t.Errorf("a second later, request %d: %+v", i, q)
		}
	}
	p.clock.Advance(-time.Hour) // a clock that is put right locks nobody out
	if q = p.Allow(p.caller(one)); q.Err() != nil || q.Remaining != 9 {
		t.Errorf("an hour before: %+v", q)
	}
	if err := p.Reload(access.Config{Host: p.Host, Rates: access.Rates{Key: access.Rate{PerSecond: -1}, Workspace: access.Rate{PerSecond: -1}}}); err != nil {
		t.Fatal(err)
	}
	h = http.Header{}
	if q = p.Allow(p.caller(one)); q.Err() != nil || q.Policy != "" {
		t.Errorf("without limits: %+v", q)
	}
	if q.Header(h); len(h) != 0 {
		t.Errorf("without limits: %v", h)
	}
}

// At once, no more are let through than there are.
func TestRatesAtOnce(t *testing.T) {
	t.Parallel()
	p := open(t, nil, func(c *access.Config) {
		c.Rates.Key, c.Rates.Workspace = access.Rate{PerSecond: 1, Burst: 20_000}, access.Rate{PerSecond: -1}
	})
	_, token := p.key(access.NewKey{Workspace: "default", Scopes: access.Scopes})
	c := p.caller(token)
	var through atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 5000 {
				if p.Allow(c).Wait == 0 {
					through.Add(1)
				}
			}
		})
	}
	if wg.Wait(); through.Load() != 20_000 {
		t.Errorf("%d requests of 20,000 went through", through.Load())
	}
}

// However closely they follow one another: what two took at the same moment was
// not taken once.
func TestTakenAtOnce(t *testing.T) {
	t.Parallel()
	const burst = 1_000_000
	for range 15 { // on one processor they meet only where one is interrupted
		if given := access.TakeAtOnce(8, burst/4, burst); given != burst {
			t.Fatalf("%d of %d were given", given, burst)
		}
	}
}

// Who guesses is slowed down, address by address; who shows what is right is not,
// wherever they ask from.
func TestGuessing(t *testing.T) {
	t.Parallel()
	store := &faulty{Store: memstore.New()}
	p := open(t, store, nil)
	k, token := p.key(access.NewKey{Workspace: "default", Scopes: access.Scopes})
	session := p.begin(anna)
	must(p.Session(t.Context(), session))
	p.caller(token)
	unseen, quiet := p.key(access.NewKey{Workspace: "default", Scopes: access.Scopes})
	guess := access.Guess
	for name, from := range map[string][]string{
		"IPv4":         {"192.0.2.1", "::ffff:192.0.2.1"},
		"IPv6":         {"2001:db8:0:1::1", "2001:db8:0:1:ffff::2"},
		"a unix path":  {""},
		"a link-local": {"fe80::1%eth0", "fe80::1%eth1"},
	} {
		var err error
		before := store.gets.Load()
		for i := range 200 {
			ctx := host.WithSource(t.Context(), host.Source{Address: from[i%len(from)]})
			_, err = p.Caller(ctx, guess())
			if i < 20 && !errors.Is(err, sdk.Denied) {
				t.Fatalf("%s: attempt %d: %v", name, i, err)
			}
		}
		tooMany(t, err, 2*time.Second)
		if n := store.gets.Load() - before; n > 20 {
			t.Errorf("%s: %d looks into the store", name, n)
		}
		ctx := host.WithSource(t.Context(), host.Source{Address: from[0]})
		if c, err := p.Caller(ctx, token); err != nil || c.Key != k.ID {
			t.Errorf("%s: the right key beside them: %v", name, err)
		}
		if _, err := p.Session(ctx, session); err != nil {
			t.Errorf("%s: a person beside them: %v", name, err)
		}
		// So is who shows a key that this host has not seen yet.
		other, fresh := p.key(access.NewKey{Workspace: "default", Scopes: access.Scopes})
		for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
			c, err := p.Caller(ctx, quiet)
			if err == nil && c.Key == unseen.ID {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("%s: a key that was never shown, beside them: %v", name, err)
			}
		}
		if c, err := p.Caller(ctx, fresh); err != nil || c.Key != other.ID {
			t.Errorf("%s: a new key beside them: %v", name, err)
		}
		in, _, err := p.SignIn(ctx, p.link(anna))
		if err != nil {
			t.Errorf("%s: a person who signs in beside them: %v", name, err)
		}
		if _, err := p.Session(ctx, in); err != nil {
			t.Errorf("%s: a new session beside them: %v", name, err)
		}
	}
	if _, err := p.Caller(host.WithSource(t.Context(), host.Source{Address: "192.0.2.200"}), guess()); !errors.Is(err, sdk.Denied) {
		t.Errorf("another address: %v", err)
	}
	p.clock.Advance(2 * time.Second)
	if _, err := p.Caller(host.WithSource(t.Context(), host.Source{Address: "192.0.2.1"}), guess()); !errors.Is(err, sdk.Denied) {
		t.Errorf("two seconds later: %v", err)
	}
}

// Links, sessions and visits are guessed no faster than keys.
func TestGuessingOthers(t *testing.T) {
	t.Parallel()
	f := newForger(t)
	for name, guess := range map[string]func(p *place, ctx context.Context) error{
		"links": func(p *place, ctx context.Context) error {
			_, _, err := p.SignIn(ctx, access.GuessOf("chl_"))
			return err
		},
		"sessions": func(p *place, ctx context.Context) error {
			_, err := p.Session(ctx, access.GuessOf("chs_"))
			return err
		},
		"visits": func(p *place, ctx context.Context) error {
			_, _, _, err := p.FinishVisit(ctx, "https://host.example/", url.Values{}, "")
			return err
		},
		"derived keys": func(p *place, ctx context.Context) error {
			_, err := p.Caller(ctx, "chd_a.b.c")
			return err
		},
	} {
		p := open(t, nil, f.config(anybody))
		ctx := host.WithSource(t.Context(), host.Source{Address: "192.0.2.1"})
		for range 20 {
			if err := guess(p, ctx); !errors.Is(err, sdk.Denied) {
				t.Fatalf("%s: %v", name, err)
			}
		}
		tooMany(t, guess(p, ctx), 2*time.Second)
	}
}

// A flood from everywhere takes no memory.
func TestFlood(t *testing.T) {
	if testing.Short() {
		t.Skip("a flood takes a second")
	}
	p := open(t, nil, nil)
	guess := access.Guess
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range 50_000 {
		ctx := host.WithSource(t.Context(), host.Source{Address: fmt.Sprintf("2001:db8:%x:%x::%x", i>>8, i, i)})
		p.Caller(ctx, guess())
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 1<<20 {
		t.Errorf("%d bytes are left of it", grown)
	}
}

func BenchmarkAllow(b *testing.B) {
	p := open(b, nil, nil)
	_, token := p.key(access.NewKey{Workspace: "default", Scopes: access.Scopes})
	c := p.caller(token)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			p.Allow(c)
		}
	})
}

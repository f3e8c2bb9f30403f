// SPDX-License-Identifier: Apache-2.0

package access_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/host/memstore"
	"github.com/credhost/credhost/sdk"
)

// A faulty store counts reads, and can be away.
type faulty struct {
	*memstore.Store
	gets atomic.Int64
	away atomic.Bool
}

var errAway = errors.New("the store is away")

func (s *faulty) Get(ctx context.Context, workspace, id string) (host.Record, error) {
	s.gets.Add(1)
	if s.away.Load() {
		return host.Record{}, errAway
	}
	return s.Store.Get(ctx, workspace, id)
}

func (s *faulty) Changes(ctx context.Context, since uint64) ([]host.Change, uint64, error) {
	if s.away.Load() {
		return nil, 0, errAway
	}
	return s.Store.Changes(ctx, since)
}

// Nobody makes a key that may do more than their own.
func TestNoKeyIsMoreThanItsMakers(t *testing.T) {
	t.Parallel()
	p := open(t, nil, nil)
	now := p.clock.Now()
	if _, err := p.CreateWorkspace(p.as(operator), "acme"); err != nil {
		t.Fatal(err)
	}
	makes := func(maker access.NewKey) access.Caller {
		_, token := p.key(maker)
		return p.caller(token)
	}
	use, admin := []access.Scope{access.Use}, []access.Scope{access.Use, access.Admin}
	whole := makes(access.NewKey{Workspace: "acme", Scopes: admin})
	narrow := makes(access.NewKey{Workspace: "acme", Scopes: admin, Limits: access.Limits{Credentials: []string{"c-1", "c-2"}, Methods: []string{"GET", "POST"}, URLs: []string{"https://api.x/v1/*", "/v2/*"}}})
	brief := makes(access.NewKey{Workspace: "acme", Scopes: admin, Expires: now.Add(time.Hour)})
	inside := access.Limits{Credentials: []string{"c-1"}, Methods: []string{"GET"}, URLs: []string{"https://api.x/v1/a/*", "/v2/b", "https://y/v2/"}}
	with := func(change func(l *access.Limits)) access.Limits {
		l := inside
		change(&l)
		return l
	}
	for name, test := range map[string]struct {
		maker access.Caller
		key   access.NewKey
		code  sdk.Code
		field string
	}{
		"nobody":                    {access.Caller{}, access.NewKey{Workspace: "acme", Scopes: use}, sdk.Forbidden, ""},
		"no admin":                  {makes(access.NewKey{Workspace: "acme", Scopes: use}), access.NewKey{Workspace: "acme", Scopes: use}, sdk.Forbidden, ""},
		"another scope":             {whole, access.NewKey{Workspace: "acme", Scopes: []access.Scope{access.Release}}, sdk.Forbidden, "scopes"},
		"no scope":                  {whole, access.NewKey{Workspace: "acme"}, sdk.Invalid, "scopes"},
		"no such scope":             {whole, access.NewKey{Workspace: "acme", Scopes: []access.Scope{"use", "all"}}, sdk.Invalid, "scopes"},
		"a name of two lines":       {whole, access.NewKey{Workspace: "acme", Name: "a\nb", Scopes: use}, sdk.Invalid, "name"},
		"an end that is over":       {whole, access.NewKey{Workspace: "acme", Scopes: use, Expires: now}, sdk.Invalid, "expires"},
		"a later end":               {brief, access.NewKey{Workspace: "acme", Scopes: use, Expires: now.Add(time.Hour + time.Second)}, sdk.Forbidden, "expires"},
		"no end":                    {brief, access.NewKey{Workspace: "acme", Scopes: use}, sdk.Forbidden, "expires"},
		"no limits":                 {narrow, access.NewKey{Workspace: "acme", Scopes: use}, sdk.Forbidden, "limits.credentials"},
		"another credential":        {narrow, access.NewKey{Workspace: "acme", Scopes: use, Limits: with(func(l *access.Limits) { l.Credentials = []string{"c-1", "c-3"} })}, sdk.Forbidden, "limits.credentials"},
		"another method":            {narrow, access.NewKey{Workspace: "acme", Scopes: use, Limits: with(func(l *access.Limits) { l.Methods = []string{"PUT"} })}, sdk.Forbidden, "limits.methods"},
		"all URLs":                  {narrow, access.NewKey{Workspace: "acme", Scopes: use, Limits: with(func(l *access.Limits) { l.URLs = nil })}, sdk.Forbidden, "limits.urls"},
		"all paths":                 {narrow, access.NewKey{Workspace: "acme", Scopes: use, Limits: with(func(l *access.Limits) { l.URLs = []string{"https://api.x/*"} })}, sdk.Forbidden, "limits.urls"},
		"a path there anywhere":     {narrow, access.NewKey{Workspace: "acme", Scopes: use, Limits: with(func(l *access.Limits) { l.URLs = []string{"/v1/a"} })}, sdk.Forbidden, "limits.urls"},
		"the path without its star": {narrow, access.NewKey{Workspace: "acme", Scopes: use, Limits: with(func(l *access.Limits) { l.URLs = []string{"/v2"} })}, sdk.Forbidden, "limits.urls"},
	} {
		_, token, err := p.CreateKey(p.as(test.maker), test.key)
		if refused(t, err, test.code, test.field); t.Failed() || token != "" {
			t.Fatal(name)
		}
	}
	for name, workspace := range map[string]string{"the host itself": "", "another workspace": "default", "none": "nowhere"} {
		if _, _, err := p.CreateKey(p.as(whole), access.NewKey{Workspace: workspace, Scopes: use}); !errors.Is(err, host.ErrNotFound) {
			t.Errorf("a key for %s: %v", name, err)
		}
	}
	if _, _, err := p.CreateKey(p.as(operator), access.NewKey{Workspace: "nowhere", Scopes: use}); !errors.Is(err, host.ErrNotFound) {
		t.Errorf("an operator's key for a workspace that does not exist: %v", err)
	}
	for _, ok := range []access.NewKey{{Workspace: "acme", Scopes: use, Limits: inside, Expires: now.Add(time.Minute)}, {Workspace: "acme", Scopes: admin, Limits: inside}} {
		if _, _, err := p.CreateKey(p.as(narrow), ok); err != nil {
			t.Error(err)
		}
	}
}

// What cannot be a token costs no look into the store, and what is none fills no
// memory.
func TestTokens(t *testing.T) {
	t.Parallel()
	store := &faulty{Store: memstore.New()}
	p := open(t, store, func(c *access.Config) { c.Rates.Failures.PerSecond = -1 })
	_, token := p.key(access.NewKey{Workspace: "default", Scopes: access.Scopes})
	if len(token) != 89 || !strings.HasPrefix(token, "chk_") || strings.Trim(token[4:], "abcdefghijklmnopqrstuvwxyz234567") != "" {
		t.Errorf("the token has %d letters, and is not what scanners look for", len(token))
	}
	p.caller(token)
	before := store.gets.Load()
	for range 1000 {
		p.caller(token)
	}
	wrong := []string{"", "chk_", token[:88], token + "a", strings.ToUpper(token), " " + token, "chs_" + token[4:], "chk_" + strings.Repeat("a", 85), "chd_", "chd_a.b.c"}
	for i := range len(token) { // one letter that is mistyped
		c := byte('a')
		if token[i] == c {
			c = 'b'
		}
		wrong = append(wrong, token[:i]+string(c)+token[i+1:])
	}
	for _, w := range wrong {
		if _, err := p.Caller(t.Context(), w); !errors.Is(err, sdk.Denied) || strings.Contains(err.Error(), token[10:20]) {
			t.Errorf("%q: %v", w, err)
		}
	}
	if n := store.gets.Load() - before; n > 2 { // of the keys that sign what is derived
		t.Errorf("%d looks into the store", n)
	}
}

// Whoever has seen a key's ID, which is no secret, has not the key: neither on a
// host that knows it, nor on one that has to look.
func TestForged(t *testing.T) {
	onStores(t, func(t *testing.T, p *place) {
		_, token := p.key(access.NewKey{Workspace: "default", Scopes: access.Scopes})
		for range 2 {
			c, err := p.Caller(t.Context(), access.Forged(token))
			if refused(t, err, sdk.Denied, ""); c.Actor != "" {
				t.Errorf("it is %+v's", c)
			}
			p.caller(token)
		}
	})
}

func TestExpiry(t *testing.T) {
	onStores(t, func(t *testing.T, p *place) {
		_, token := p.key(access.NewKey{Workspace: "default", Scopes: access.Scopes, Expires: p.clock.Now().Add(time.Hour)})
		p.clock.Advance(time.Hour - time.Second)
		text, expires, err := p.Derive(t.Context(), p.caller(token), nil, access.Limits{}, time.Hour)
		if err != nil || expires.Sub(p.clock.Now()) > time.Second {
			t.Errorf("a derived key ends at %v, %v", expires, err)
		}
		p.clock.Advance(time.Second)
		for _, text := range []string{token, text} {
			_, err := p.Caller(t.Context(), text)
			refused(t, err, sdk.Denied, "")
		}
	})
}

// A key that is deleted on one host is gone on every other within two seconds,
// with all that was derived of it, and so is whoever was signed out.
func TestTwoHosts(t *testing.T) {
	onStores(t, func(t *testing.T, one *place) {
		two := one.another(nil)
		k, token := one.key(access.NewKey{Workspace: "default", Scopes: access.Scopes})
		derived, _, err := one.Derive(t.Context(), one.caller(token), nil, access.Limits{}, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		session, err := one.Begin(t.Context(), access.Caller{Actor: "user:anna", Workspace: "default", Scopes: access.Scopes})
		if err != nil {
			t.Fatal(err)
		}
		asks := map[string]func() error{
			"the key":         func() error { _, err := two.Caller(t.Context(), token); return err },
			"the derived key": func() error { _, err := two.Caller(t.Context(), derived); return err },
			"the session":     func() error { _, err := two.Session(t.Context(), session); return err },
		}
		for name, ask := range asks {
			if err := ask(); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if err := one.DeleteKey(t.Context(), "default", k.ID); err != nil {
			t.Fatal(err)
		}
		if n, err := one.SignOutEverywhere(t.Context(), anna); err != nil || n != 1 {
			t.Fatal(n, err)
		}
		for name, ask := range asks {
			for end := time.Now().Add(20 * time.Second); !errors.Is(ask(), sdk.Denied); time.Sleep(10 * time.Millisecond) {
				if time.Now().After(end) {
					t.Errorf("%s still works", name)
					break
				}
			}
		}
	})
}

// A host that cannot see the store does not trust what it remembers.
func TestBlind(t *testing.T) {
	t.Parallel()
	store := &faulty{Store: memstore.New()}
	p := open(t, store, nil)
	k, token := p.key(access.NewKey{Workspace: "default", Scopes: access.Scopes})
	p.caller(token)
	store.away.Store(true)
	p.caller(token) // for a while
	p.clock.Advance(31 * time.Second)
	_, err := p.Caller(t.Context(), token)
	refused(t, err, sdk.Unavailable, "")
	if _, err := p.Session(t.Context(), token); !errors.Is(err, sdk.Denied) {
		t.Error(err)
	}
	store.away.Store(false)
	if err := store.Store.Delete(t.Context(), "", k.ID, 0, nil); err != nil {
		t.Fatal(err)
	}
	_, err = p.Caller(t.Context(), token) // it looks, whether or not it was told
	refused(t, err, sdk.Denied, "")
}

// When a key was used is known to the hour, without a write for each request.
func TestLastUsed(t *testing.T) {
	onStores(t, func(t *testing.T, p *place) {
		k, token := p.key(access.NewKey{Workspace: "default", Name: "n", Scopes: access.Scopes})
		used := func() *time.Time {
			t.Helper()
			p.Tend(t.Context())
			k, err := p.Key(t.Context(), "default", k.ID)
			if err != nil {
				t.Fatal(err)
			}
			return k.Used
		}
		if u := used(); u != nil {
			t.Errorf("it was used at %v", u)
		}
		p.caller(token)
		if u := used(); u == nil || !u.Equal(p.clock.Now().Truncate(time.Hour)) {
			t.Errorf("it was used at %v", u)
		}
		_, before, err := p.store.Changes(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		for range 100 {
			p.caller(token)
			p.Tend(t.Context())
		}
		if _, after, err := p.store.Changes(t.Context(), 0); err != nil || after != before {
			t.Errorf("%d writes for a hundred requests in an hour, %v", after-before, err)
		}
		p.clock.Advance(2 * time.Hour)
		p.caller(token)
		if u := used(); u == nil || !u.Equal(p.clock.Now().Truncate(time.Hour)) {
			t.Errorf("it was used at %v", u)
		}
		if c := p.caller(token); c.Key != k.ID || len(c.Scopes) != len(access.Scopes) {
			t.Errorf("after that it is %+v's", c)
		}
	})
}

func TestKeysArePaged(t *testing.T) {
	onStores(t, func(t *testing.T, p *place) {
		var ids []string
		for i := range 7 {
			k, _ := p.key(access.NewKey{Workspace: "default", Name: fmt.Sprint(i), Scopes: access.Scopes})
			ids = append(ids, k.ID)
		}
		p.key(access.NewKey{Name: "the host's own", Scopes: access.Scopes})
		seen, after := map[string]bool{}, ""
		for {
			page, err := p.Keys(t.Context(), "default", after, 3)
			if err != nil {
				t.Fatal(err)
			}
			for _, k := range page {
				seen[k.ID], after = true, k.ID
			}
			if len(page) < 3 {
				break
			}
		}
		for _, id := range ids {
			if !seen[id] {
				t.Errorf("%s is not listed", id)
			}
		}
		if own, err := p.Keys(t.Context(), "", "", 0); len(seen) != 7 || err != nil || len(own) != 1 || own[0].Workspace != "" {
			t.Errorf("%d keys, and %+v, %v", len(seen), own, err)
		}
		if _, err := p.Key(t.Context(), "", ids[0]); !errors.Is(err, host.ErrNotFound) {
			t.Errorf("a workspace's key as the host's own: %v", err)
		}
	})
}

// A record that somebody has changed in the store is nobody's key.
func TestKeyOfAThief(t *testing.T) {
	t.Parallel()
	p := open(t, nil, nil)
	k, token := p.key(access.NewKey{Workspace: "default", Scopes: []access.Scope{access.Read}})
	r, err := p.store.Get(t.Context(), "", k.ID)
	if err != nil {
		t.Fatal(err)
	}
	r.Type, r.Generation = "*", 2 // the host's own
	if err := p.store.Save(t.Context(), r, nil); err != nil {
		t.Fatal(err)
	}
	if c, err := p.Caller(t.Context(), token); err == nil {
		t.Errorf("it is %+v's", c)
	}
}

func BenchmarkCaller(b *testing.B) {
	p := open(b, nil, func(c *access.Config) {
		c.Rates = access.Rates{Key: access.Rate{PerSecond: 1e9}, Workspace: access.Rate{PerSecond: 1e9}}
	})
	_, token := p.key(access.NewKey{Workspace: "default", Scopes: access.Scopes, Limits: access.Limits{Methods: []string{"GET", "POST"}, URLs: []string{"https://other.example/*", "https://api.example/v1/*"}}})
	derived, _, err := p.Derive(b.Context(), p.caller(token), []access.Scope{access.Use}, access.Limits{Methods: []string{"POST"}, URLs: []string{"/v1/a/*"}}, time.Hour)
	if err != nil {
		b.Fatal(err)
	}
	session, err := p.Begin(b.Context(), access.Caller{Actor: "user:anna", Workspace: "default", Scopes: access.Scopes})
	if err != nil {
		b.Fatal(err)
	}
	ctx := host.WithSource(b.Context(), host.Source{Address: "192.0.2.1"})
	u, _ := url.Parse("https://api.example/v1/a/b")
	for name, one := range map[string]func() (access.Caller, error){
		"key":     func() (access.Caller, error) { return p.Caller(ctx, token) },
		"derived": func() (access.Caller, error) { return p.Caller(ctx, derived) },
		"session": func() (access.Caller, error) { return p.Session(ctx, session) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c, err := one()
				if err == nil {
					err = c.Permits("c-1", "POST", u)
				}
				if err != nil {
					b.Fatal(err)
				}
				p.Allow(c)
			}
		})
	}
}

// A slow store is one whose next Get waits, having read, until it is let go.
type slow struct {
	*memstore.Store
	armed       atomic.Bool
	read, going chan struct{}
}

func (s *slow) Get(ctx context.Context, workspace, id string) (host.Record, error) {
	r, err := s.Store.Get(ctx, workspace, id)
	if s.armed.CompareAndSwap(true, false) {
		close(s.read)
		<-s.going
	}
	return r, err
}

// What was read before it changed is not kept after.
func TestReadWhileDeleted(t *testing.T) {
	t.Parallel()
	store := &slow{Store: memstore.New(), read: make(chan struct{}), going: make(chan struct{})}
	p := open(t, store, nil)
	k, token := p.key(access.NewKey{Workspace: "default", Scopes: access.Scopes})
	store.armed.Store(true)
	asked := make(chan error)
	go func() { _, err := p.Caller(context.Background(), token); asked <- err }()
	<-store.read
	if err := p.DeleteKey(t.Context(), "default", k.ID); err != nil {
		t.Fatal(err)
	}
	_, err := p.Caller(t.Context(), token) // who asks now is not told what was read before
	refused(t, err, sdk.Denied, "")
	close(store.going)
	<-asked
	_, err = p.Caller(t.Context(), token)
	refused(t, err, sdk.Denied, "")
}

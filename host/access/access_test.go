// SPDX-License-Identifier: Apache-2.0

package access_test

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/host/memstore"
	"github.com/credhost/credhost/host/sealer"
	"github.com/credhost/credhost/host/sqlitestore"
	"github.com/credhost/credhost/sdk"
)

// A clock is one that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// A place is hosts on one store, and the access to each.
type place struct {
	t     testing.TB
	clock *clock
	store host.Store
	seal  host.Sealer
	Host  *host.Host
	*access.Access
}

// open opens a host on a store of its own, and the access to it; change may
// change its configuration.
func open(t testing.TB, store host.Store, change func(*access.Config)) *place {
	t.Helper()
	ring, err := sealer.NewKeyring()
	if err != nil {
		t.Fatal(err)
	}
	if store == nil {
		store = memstore.New()
	}
	t.Cleanup(func() { store.Close() })
	p := &place{t: t, clock: &clock{now: time.Now().UTC()}, store: store, seal: sealer.New(ring)}
	return p.another(change)
}

// another opens another host on the same store.
func (p *place) another(change func(*access.Config)) *place {
	p.t.Helper()
	o := *p
	ctx := context.Background()
	var err error
	o.Host, err = host.Open(ctx, host.Config{Plugins: []string{p.t.TempDir()}, Store: p.store, Sealer: p.seal, Now: p.clock.Now, Logger: slog.New(slog.DiscardHandler), Dumpable: true, Runtime: filepath.Join(p.t.TempDir(), "r")})
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { o.Host.Close() })
	cfg := access.Config{Host: o.Host, Logger: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&cfg)
	}
	if o.Access, err = access.Open(ctx, cfg); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { o.Close() })
	return &o
}

// onStores runs a test on each kind of store.
func onStores(t *testing.T, test func(t *testing.T, p *place)) {
	t.Parallel()
	t.Run("memstore", func(t *testing.T) {
		t.Parallel()
		test(t, open(t, nil, nil))
	})
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		store, err := sqlitestore.Open(t.Context(), sqlitestore.Config{Path: filepath.Join(t.TempDir(), "db")})
		if err != nil {
			t.Fatal(err)
		}
		test(t, open(t, store, nil))
	})
}

var operator = access.Caller{Actor: "user:op", Scopes: access.Scopes}

// as returns a context of the caller's.
func (p *place) as(c access.Caller) context.Context { return access.With(p.t.Context(), c) }

// key makes a key as the operator, and returns its token.
func (p *place) key(n access.NewKey) (access.Key, string) {
	p.t.Helper()
	k, token, err := p.CreateKey(p.as(operator), n)
	if err != nil {
		p.t.Fatal(err)
	}
	return k, token
}

// caller returns who shows a token, which must be valid.
func (p *place) caller(token string) access.Caller {
	p.t.Helper()
	c, err := p.Caller(p.t.Context(), token)
	if err != nil {
		p.t.Fatal(err)
	}
	return c
}

// refused demands an error with a code, and a field.
func refused(t testing.TB, err error, code sdk.Code, field string) {
	t.Helper()
	var e *sdk.Error
	if !errors.As(err, &e) || e.Code != code || e.Field != field {
		t.Errorf("the error is %v, want the code %v and the field %q", err, code, field)
	}
}

func TestKeys(t *testing.T) {
	onStores(t, func(t *testing.T, p *place) {
		k, token := p.key(access.NewKey{Workspace: "default", Name: "n8n", Scopes: []access.Scope{access.Use, access.Read}})
		c := p.caller(token)
		if c.Key != k.ID || c.Workspace != "default" || c.Actor != host.Actor("key:"+k.ID) || !c.Has(access.Use) || c.Has(access.Write) || c.Operator() {
			t.Errorf("the caller is %+v", c)
		}
		all, err := p.Keys(t.Context(), "default", "", 0)
		if err != nil || len(all) != 1 || all[0].ID != k.ID || all[0].Name != "n8n" || all[0].By != "user:op" {
			t.Errorf("Keys = %+v, %v", all, err)
		}
		if err := p.DeleteKey(t.Context(), "", k.ID); !errors.Is(err, host.ErrNotFound) {
			t.Errorf("deleting it as the host's own: %v", err)
		}
		if err := p.DeleteKey(t.Context(), "default", k.ID); err != nil {
			t.Fatal(err)
		}
		_, err = p.Caller(t.Context(), token)
		refused(t, err, sdk.Denied, "")
	})
}

func TestDerive(t *testing.T) {
	onStores(t, func(t *testing.T, p *place) {
		k, token := p.key(access.NewKey{Workspace: "default", Scopes: access.Scopes})
		text, _, err := p.Derive(t.Context(), p.caller(token), []access.Scope{access.Use}, access.Limits{Methods: []string{"post"}, URLs: []string{"api.x.example/v1/*"}}, 5*time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		c := p.caller(text)
		u, _ := url.Parse("https://api.x.example/v1/things")
		if err := c.Permits("c-1", "POST", u); err != nil || c.Key != k.ID || c.Derived == "" {
			t.Errorf("%+v: %v", c, err)
		}
		refused(t, c.Permits("c-1", "GET", u), sdk.Forbidden, "")
		if err := p.DeleteKey(t.Context(), "default", k.ID); err != nil {
			t.Fatal(err)
		}
		_, err = p.Caller(t.Context(), text)
		refused(t, err, sdk.Denied, "")
	})
}

func TestSignIn(t *testing.T) {
	onStores(t, func(t *testing.T, p *place) {
		link, err := p.Link(p.as(operator), access.Caller{Actor: "user:anna", Workspace: "default", Scopes: []access.Scope{access.Read, access.Write}})
		if err != nil {
			t.Fatal(err)
		}
		session, c, err := p.SignIn(t.Context(), link)
		if err != nil || c.Actor != "user:anna" {
			t.Fatalf("SignIn = %+v, %v", c, err)
		}
		_, _, err = p.SignIn(t.Context(), link)
		refused(t, err, sdk.Denied, "")
		if c, err = p.Session(t.Context(), session); err != nil || c.Actor != "user:anna" || c.Session == "" {
			t.Errorf("Session = %+v, %v", c, err)
		}
		if err := p.SignOut(t.Context(), session); err != nil {
			t.Error(err)
		}
		_, err = p.Session(t.Context(), session)
		refused(t, err, sdk.Denied, "")
	})
}

// SPDX-License-Identifier: Apache-2.0

package access_test

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/sdk"
)

// A derived key may do less, and what is derived of it less again.
func TestDerivedAreNarrower(t *testing.T) {
	onStores(t, func(t *testing.T, p *place) {
		k, token := p.key(access.NewKey{Workspace: "default", Scopes: access.Scopes, Limits: access.Limits{URLs: []string{"https://api.x/*"}}})
		c := p.caller(token)
		text, expires, err := p.Derive(t.Context(), c, nil, access.Limits{URLs: []string{"/v1/*", "https://evil.example/*"}}, time.Hour)
		if err != nil || !expires.Equal(p.clock.Now().Add(time.Hour).Truncate(time.Second)) {
			t.Fatal(expires, err)
		}
		d := p.caller(text)
		if d.Has(access.Admin) || !d.Has(access.Release) || d.Key != k.ID || d.Actor != c.Actor || d.Derived == "" || len(d.Limits) != 2 {
			t.Errorf("derived: %+v", d)
		}
		text, expires, err = p.Derive(t.Context(), d, []access.Scope{access.Use}, access.Limits{Methods: []string{"GET"}, URLs: []string{"/v1/a", "/v2/*"}}, access.MaxDerived)
		if err != nil || expires.After(p.clock.Now().Add(time.Hour)) {
			t.Fatal(expires, err)
		}
		e := p.caller(text)
		if !slices.Equal(e.Scopes, []access.Scope{access.Use}) || len(e.Limits) != 3 || e.Derived == d.Derived {
			t.Errorf("derived again: %+v", e)
		}
		for address, ok := range map[string]bool{"https://api.x/v1/a": true, "https://api.x/v1/b": false, "https://api.x/v2/a": false, "https://evil.example/v1/a": false} {
			u, _ := url.Parse(address)
			if err := e.Permits("c-1", "GET", u); (err == nil) != ok {
				t.Errorf("%s: %v", address, err)
			}
		}
		_, _, err = p.CreateKey(p.as(e), access.NewKey{Workspace: "default", Scopes: []access.Scope{access.Use}})
		refused(t, err, sdk.Forbidden, "")
		for name, derive := range map[string]func() error{
			"scopes": func() error {
				_, _, err := p.Derive(t.Context(), e, []access.Scope{access.Read}, access.Limits{}, time.Minute)
				return err
			},
		} {
			refused(t, derive(), sdk.Forbidden, name)
		}
		for life, field := range map[time.Duration]string{0: "life", -time.Minute: "life", access.MaxDerived + 1: "life"} {
			_, _, err := p.Derive(t.Context(), c, nil, access.Limits{}, life)
			refused(t, err, sdk.Invalid, field)
		}
		_, _, err = p.Derive(t.Context(), c, []access.Scope{access.Admin}, access.Limits{}, time.Minute)
		refused(t, err, sdk.Invalid, "scopes")
		_, _, err = p.Derive(t.Context(), operator, nil, access.Limits{}, time.Minute)
		refused(t, err, sdk.Forbidden, "")
		p.clock.Advance(time.Hour)
		_, err = p.Caller(t.Context(), text)
		refused(t, err, sdk.Denied, "")
	})
}

// A derived key is never more than what it is of is now, whatever it was when it
// was derived: if an older copy of a record is put back, say.
func TestDerivedOfWhatHasChanged(t *testing.T) {
	t.Parallel()
	p := open(t, nil, nil)
	for name, change := range map[string]func(item *host.Item, stored map[string]any){
		"has fewer scopes":        func(_ *host.Item, stored map[string]any) { stored["scopes"] = []string{"read"} },
		"has ended":               func(_ *host.Item, stored map[string]any) { stored["expires"] = p.clock.Now() },
		"is of another workspace": func(item *host.Item, _ map[string]any) { item.Type = "other" },
		"is as it was":            func(*host.Item, map[string]any) {},
		"is limited to less": func(_ *host.Item, stored map[string]any) {
			stored["limits"] = access.Limits{Credentials: []string{"c-1"}}
		},
	} {
		k, token := p.key(access.NewKey{Workspace: "default", Scopes: access.Scopes})
		text, _, err := p.Derive(t.Context(), p.caller(token), []access.Scope{access.Use}, access.Limits{}, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		stored := map[string]any{}
		keys := p.Host.Shelf(access.KindKey)
		item, err := keys.Get(t.Context(), "", k.ID, &stored)
		if err != nil {
			t.Fatal(err)
		}
		change(&item, stored)
		if _, err := keys.Save(t.Context(), item, stored); err != nil {
			t.Fatal(err)
		}
		c, err := p.another(nil).Caller(t.Context(), text)
		switch name {
		case "is as it was":
			if err != nil || !c.Sees("c-2") {
				t.Errorf("one that %s: %+v, %v", name, c, err)
			}
		case "is limited to less":
			if err != nil || c.Sees("c-2") || !c.Sees("c-1") {
				t.Errorf("one that %s: %+v, %v", name, c, err)
			}
		default:
			if refused(t, err, sdk.Denied, ""); t.Failed() {
				t.Fatalf("one that %s is %+v", name, c)
			}
		}
	}
}

// A chain of derived keys does not grow for ever, nor does a token.
func TestDerivedAreBounded(t *testing.T) {
	t.Parallel()
	p := open(t, nil, nil)
	_, token := p.key(access.NewKey{Workspace: "default", Scopes: access.Scopes})
	c := p.caller(token)
	long := access.Limits{}
	for range 10 {
		long.URLs = append(long.URLs, "/"+strings.Repeat(string(rune('a'+len(long.URLs))), 500))
	}
	_, _, err := p.Derive(t.Context(), c, nil, long, time.Minute)
	refused(t, err, sdk.Invalid, "limits")
	for i := 0; ; i++ {
		text, _, err := p.Derive(t.Context(), c, nil, access.Limits{Methods: []string{"GET"}}, time.Minute)
		if i == 8 {
			refused(t, err, sdk.Invalid, "limits")
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		c = p.caller(text)
	}
}

func TestRotateSigning(t *testing.T) {
	onStores(t, func(t *testing.T, one *place) {
		two := one.another(nil)
		_, token := one.key(access.NewKey{Workspace: "default", Scopes: access.Scopes})
		derive := func(p *place) string {
			t.Helper()
			text, _, err := p.Derive(t.Context(), p.caller(token), nil, access.Limits{}, access.MaxDerived)
			if err != nil {
				t.Fatal(err)
			}
			return text
		}
		derive(two)
		one.clock.Advance(31 * 24 * time.Hour)
		first := derive(two)
		one.Tend(t.Context()) // which replaces the key that signs
		second := derive(one)
		if signer(first) == signer(second) {
			t.Fatal("a key that is a month old still signs")
		}
		for _, p := range []*place{one, two} { // the other learns of it by being shown one
			for _, text := range []string{first, second} {
				p.caller(text)
			}
		}
		refused(t, one.RotateSigning(one.as(anna), true), sdk.Forbidden, "")
		if err := one.RotateSigning(one.as(operator), true); err != nil {
			t.Fatal(err)
		}
		for _, p := range []*place{one, two} {
			for _, text := range []string{first, second} {
				for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
					if _, err := p.Caller(t.Context(), text); errors.Is(err, sdk.Denied) {
						break
					}
					if time.Now().After(end) {
						t.Error("what an old key has signed is still good")
						break
					}
				}
			}
		}
		two.caller(derive(one))
	})
}

func signer(text string) string { by, _, _ := strings.Cut(text, "."); return by }

// FuzzDerived shows that no text but those that were signed is a caller.
func FuzzDerived(f *testing.F) {
	p := open(f, nil, func(c *access.Config) { c.Rates.Failures.PerSecond = -1 })
	_, token := p.key(access.NewKey{Workspace: "default", Scopes: access.Scopes})
	text, _, err := p.Derive(f.Context(), p.caller(token), []access.Scope{access.Use}, access.Limits{Methods: []string{"GET"}}, time.Hour)
	if err != nil {
		f.Fatal(err)
	}
	signed, mac, _ := strings.Cut(text[strings.Index(text, ".")+1:], ".")
	for _, s := range []string{text, token, text + "=", text + ".", text[:len(text)-1], "chd_" + signer(text)[4:] + "." + signed + "." + mac, "chd_..", "chd_.", "chd_", "", strings.Repeat("chd_a.", 900),
		signer(text) + "." + signed + ".", signer(text) + ".." + mac, strings.Replace(text, "chd_", "chv_", 1), text[:40] + "\n" + text[40:]} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, shown string) {
		c, err := p.Caller(t.Context(), shown)
		if err == nil && shown != text && shown != token {
			t.Errorf("%q is %+v's", shown, c)
		}
		if err != nil && (!errors.Is(err, sdk.Denied) || c.Actor != "") {
			t.Errorf("%q: %+v, %v", shown, c, err)
		}
	})
}

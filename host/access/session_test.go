// SPDX-License-Identifier: Apache-2.0

package access_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/sdk"
)

var anna = access.Caller{Actor: "user:anna", Workspace: "default", Scopes: []access.Scope{access.Read, access.Admin}}

func (p *place) link(c access.Caller) string {
	p.t.Helper()
	link, err := p.Link(p.as(operator), c)
	if err != nil {
		p.t.Fatal(err)
	}
	return link
}

func (p *place) begin(c access.Caller) string {
	p.t.Helper()
	session, err := p.Begin(p.t.Context(), c)
	if err != nil {
		p.t.Fatal(err)
	}
	return session
}

// A link signs one person in, once, whichever hosts are asked and however often
// at once.
func TestLinkOnce(t *testing.T) {
	onStores(t, func(t *testing.T, one *place) {
		hosts := []*place{one, one.another(nil)}
		link := one.link(anna)
		var wg sync.WaitGroup
		var mu sync.Mutex
		in := 0
		for i := range 8 {
			wg.Go(func() {
				_, _, err := hosts[i%2].SignIn(t.Context(), link)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					in++
				} else if !errors.Is(err, sdk.Denied) {
					t.Error(err)
				}
			})
		}
		if wg.Wait(); in != 1 {
			t.Errorf("%d people have signed in", in)
		}
	})
}

func TestLinkEnds(t *testing.T) {
	onStores(t, func(t *testing.T, p *place) {
		link := p.link(anna)
		p.clock.Advance(10 * time.Minute)
		_, _, err := p.SignIn(t.Context(), link)
		refused(t, err, sdk.Denied, "")
		for _, wrong := range []string{"", link + "a", strings.Replace(link, "chl_", "chs_", 1), p.begin(anna)} {
			_, _, err := p.SignIn(t.Context(), wrong)
			refused(t, err, sdk.Denied, "")
		}
	})
}

// Who is let in has no more than who lets them in.
func TestInvitations(t *testing.T) {
	t.Parallel()
	p := open(t, nil, nil)
	limits := []access.Limits{{Credentials: []string{"c-1"}}}
	admin := access.Caller{Actor: "key:k-1", Key: "k-1", Workspace: "default", Scopes: []access.Scope{access.Read, access.Admin}}
	narrow := admin
	narrow.Limits = limits
	bob := func(workspace string, l []access.Limits, scopes ...access.Scope) access.Caller {
		return access.Caller{Actor: "user:bob", Workspace: workspace, Scopes: scopes, Limits: l}
	}
	for name, test := range map[string]struct {
		maker, who access.Caller
		want       error
	}{
		"as much":               {admin, bob("default", nil, access.Read), nil},
		"limited":               {narrow, bob("default", limits, access.Read), nil},
		"more":                  {admin, bob("default", nil, access.Read, access.Write), sdk.Forbidden},
		"nothing":               {admin, bob("default", nil), sdk.Invalid},
		"not limited":           {narrow, bob("default", nil, access.Read), sdk.Forbidden},
		"the host itself":       {admin, bob("", nil, access.Read), host.ErrNotFound},
		"another workspace":     {admin, bob("acme", nil, access.Read), host.ErrNotFound},
		"one that there is not": {operator, bob("acme", nil, access.Read), host.ErrNotFound},
		"by who may not":        {access.Caller{Actor: "key:k-2", Workspace: "default", Scopes: []access.Scope{access.Read}}, bob("default", nil, access.Read), sdk.Forbidden},
		"by nobody":             {access.Caller{}, bob("default", nil, access.Read), sdk.Forbidden},
		"nobody":                {admin, access.Caller{Workspace: "default", Scopes: []access.Scope{access.Read}}, sdk.Invalid},
		"a key":                 {operator, access.Caller{Actor: "key:k-9", Workspace: "default", Scopes: []access.Scope{access.Read}}, sdk.Invalid},
		"a provider's person":   {operator, access.Caller{Actor: "user:corp/ada@acme.example", Workspace: "default", Scopes: []access.Scope{access.Read}}, sdk.Invalid},
		"who runs the host":     {admin, access.Caller{Actor: "os:root", Workspace: "default", Scopes: []access.Scope{access.Read}}, sdk.Invalid},
		"two lines":             {admin, access.Caller{Actor: "user:a\nb", Workspace: "default", Scopes: []access.Scope{access.Read}}, sdk.Invalid},
	} {
		link, err := p.Link(p.as(test.maker), test.who)
		if !errors.Is(err, test.want) || (link == "") != (test.want != nil) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// What ends with a key that ends does not begin anew with a session.
	brief := admin
	brief.Expires = p.clock.Now().Add(time.Hour)
	who := bob("default", nil, access.Read, access.Admin)
	link, err := p.Link(p.as(brief), who)
	if err != nil {
		t.Fatal(err)
	}
	_, c, err := p.SignIn(t.Context(), link)
	if err != nil || !c.Expires.Equal(brief.Expires) {
		t.Errorf("the session ends at %v, %v", c.Expires, err)
	}
	_, _, err = p.CreateKey(p.as(c), access.NewKey{Workspace: "default", Scopes: []access.Scope{access.Read}})
	refused(t, err, sdk.Forbidden, "expires")
}

// A session ends twelve hours after it began, and when nobody has used it for one.
func TestSessionsEnd(t *testing.T) {
	onStores(t, func(t *testing.T, p *place) {
		session := p.begin(anna)
		derived, _, err := p.Derive(t.Context(), must(p.Session(t.Context(), session)), nil, access.Limits{}, access.MaxDerived)
		if err != nil {
			t.Fatal(err)
		}
		for range 13 { // a person who is at it
			p.clock.Advance(55 * time.Minute)
			c, err := p.Session(t.Context(), session)
			if err != nil || c.Actor != "user:anna" {
				t.Fatal(err)
			}
			p.Tend(t.Context())
		}
		p.clock.Advance(5 * time.Minute)
		for _, ask := range []func() error{
			func() error { _, err := p.Session(t.Context(), session); return err },
			func() error { _, err := p.Caller(t.Context(), derived); return err },
		} {
			refused(t, ask(), sdk.Denied, "")
		}
		idle := p.begin(anna)
		p.clock.Advance(time.Hour)
		_, err = p.Session(t.Context(), idle)
		refused(t, err, sdk.Denied, "")
		link := p.link(anna)
		p.clock.Advance(time.Hour)
		p.Tend(t.Context())
		for _, kind := range []host.Kind{access.KindSession, access.KindLink} {
			if left, err := p.store.List(t.Context(), host.Query{Kind: kind}); err != nil || len(left) != 0 {
				t.Errorf("%d of kind %s are left, %v", len(left), kind, err)
			}
		}
		_, _, err = p.SignIn(t.Context(), link)
		refused(t, err, sdk.Denied, "")
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// A person who works on one host is not idle on the other.
func TestSessionOnTwoHosts(t *testing.T) {
	onStores(t, func(t *testing.T, one *place) {
		two := one.another(nil)
		session := one.begin(anna)
		must(two.Session(t.Context(), session))
		for range 3 {
			one.clock.Advance(50 * time.Minute)
			must(one.Session(t.Context(), session))
			one.Tend(t.Context())
		}
		if _, err := two.Session(t.Context(), session); err != nil {
			t.Error(err)
		}
	})
}

func TestSessionsAreListedAndEnded(t *testing.T) {
	onStores(t, func(t *testing.T, p *place) {
		if _, err := p.CreateWorkspace(p.as(operator), "acme"); err != nil {
			t.Fatal(err)
		}
		both, c, err := p.BeginIn(host.WithSource(t.Context(), host.Source{Address: "192.0.2.7"}), "user:ben", []access.Grant{
			{Workspace: "default", Scopes: []access.Scope{access.Read}}, {Workspace: "acme", Scopes: []access.Scope{access.Use}}})
		if err != nil || c.Workspace != "default" || !slices.Equal(c.Workspaces(), []string{"default", "acme"}) {
			t.Fatal(c, err)
		}
		in, name, err := p.Enter(t.Context(), c, "acme")
		if err != nil || name != "acme" || in.Has(access.Read) || !in.Has(access.Use) || in.Session != c.Session {
			t.Errorf("in acme: %+v, %v", in, err)
		}
		derived, _, err := p.Derive(t.Context(), in, nil, access.Limits{}, time.Hour)
		if d := p.caller(derived); err != nil || d.Workspace != "acme" || d.Has(access.Read) || len(d.Workspaces()) != 1 {
			t.Errorf("derived in acme: %+v, %v", d, err)
		}
		if _, _, err := p.Enter(t.Context(), p.caller(derived), "default"); !errors.Is(err, host.ErrNotFound) {
			t.Errorf("a derived key of acme in default: %v", err)
		}
		p.begin(anna)
		all, err := p.Sessions(t.Context(), "default", "", 0)
		if err != nil || len(all) != 2 {
			t.Fatal(all, err)
		}
		acme, err := p.Sessions(t.Context(), "acme", "", 0)
		if err != nil || len(acme) != 1 || acme[0].Actor != "user:ben" || acme[0].Address != "192.0.2.7" || strings.Contains(both, acme[0].ID[2:]) {
			t.Fatal(acme, err)
		}
		if page, err := p.Sessions(t.Context(), "default", all[0].ID, 1); err != nil || len(page) != 1 || page[0].ID != all[1].ID {
			t.Error(page, err)
		}
		if err := p.EndSession(t.Context(), "", acme[0].ID); !errors.Is(err, host.ErrNotFound) {
			t.Errorf("as the host's own: %v", err)
		}
		if err := p.EndSession(t.Context(), "acme", acme[0].ID); err != nil {
			t.Fatal(err)
		}
		for _, ask := range []func() error{
			func() error { _, err := p.Session(t.Context(), both); return err },
			func() error { _, err := p.Caller(t.Context(), derived); return err },
		} {
			refused(t, ask(), sdk.Denied, "")
		}
		if err := p.SignOut(t.Context(), both); err != nil {
			t.Errorf("signing out again: %v", err)
		}
	})
}

// What a person may do, a session's keys may: but they do not end with it.
func TestKeysOfAPerson(t *testing.T) {
	t.Parallel()
	p := open(t, nil, nil)
	c := must(p.Session(t.Context(), p.begin(anna)))
	k, token, err := p.CreateKey(p.as(c), access.NewKey{Workspace: "default", Scopes: []access.Scope{access.Read}})
	if err != nil || k.By != "user:anna" || k.Expires != nil {
		t.Fatalf("%+v, %v", k, err)
	}
	p.clock.Advance(24 * time.Hour)
	p.caller(token)
}

// Of two people of one name in two workspaces, each signs out as themselves.
func TestSignOutEverywhere(t *testing.T) {
	onStores(t, func(t *testing.T, p *place) {
		if _, err := p.CreateWorkspace(p.as(operator), "acme"); err != nil {
			t.Fatal(err)
		}
		theirs := anna
		theirs.Workspace = "acme"
		mine, other, ben := p.begin(anna), p.begin(anna), anna
		ben.Actor = "user:ben"
		bens, another := p.begin(ben), p.begin(theirs)
		n, err := p.SignOutEverywhere(t.Context(), must(p.Session(t.Context(), mine)))
		if err != nil || n != 2 {
			t.Errorf("%d sessions have ended, %v", n, err)
		}
		for session, ended := range map[string]bool{mine: true, other: true, bens: false, another: false} {
			if _, err := p.Session(t.Context(), session); (err != nil) != ended {
				t.Errorf("%v, want it ended: %v", err, ended)
			}
		}
	})
}

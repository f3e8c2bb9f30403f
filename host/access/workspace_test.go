// SPDX-License-Identifier: Apache-2.0

package access_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/internal/ground"
	"github.com/credhost/credhost/sdk"
)

func TestMain(m *testing.M) { ground.Main(m) }

func TestWorkspaces(t *testing.T) {
	onStores(t, func(t *testing.T, p *place) {
		two := p.another(nil)
		names := func() (all []string) {
			for after := ""; ; {
				page, err := p.Workspaces(t.Context(), after, 2)
				if err != nil {
					t.Fatal(err)
				}
				for _, w := range page {
					all = append(all, w.Name)
				}
				if len(page) < 2 {
					return all
				}
				after = all[len(all)-1]
			}
		}
		if got := names(); !slices.Equal(got, []string{"default"}) {
			t.Errorf("from the start there are %q", got)
		}
		for _, name := range []string{"zoo", "acme", "Acme", "beta"} {
			if _, err := p.CreateWorkspace(p.as(operator), name); err != nil {
				t.Fatal(err)
			}
		}
		if got := names(); !slices.Equal(got, []string{"Acme", "acme", "beta", "default", "zoo"}) {
			t.Errorf("then there are %q", got)
		}
		if err := two.Exists(t.Context(), "acme"); err != nil {
			t.Errorf("on another host: %v", err)
		}
		for _, name := range []string{"", "-a", ".", "a b", "a/b", strings.Repeat("a", 65), "acme", "default"} {
			_, err := p.CreateWorkspace(p.as(operator), name)
			refused(t, err, sdk.Invalid, "name")
		}
		_, err := p.CreateWorkspace(p.as(anna), "mine")
		refused(t, err, sdk.Forbidden, "")
		_, err = p.DeleteWorkspace(p.as(anna), "acme", "acme")
		refused(t, err, sdk.Forbidden, "")
		_, err = p.DeleteWorkspace(p.as(operator), "default", "default")
		refused(t, err, sdk.Invalid, "")
		if _, err := p.DeleteWorkspace(p.as(operator), "nowhere", "nowhere"); !errors.Is(err, host.ErrNotFound) {
			t.Error(err)
		}
		if _, err := p.DeleteWorkspace(p.as(operator), "zoo", ""); err != nil {
			t.Errorf("deleting an empty one: %v", err)
		}
		if err := p.Exists(t.Context(), "zoo"); !errors.Is(err, host.ErrNotFound) {
			t.Error(err)
		}
		p.Tend(t.Context())
		_, err = p.CreateWorkspace(p.as(operator), "zoo") // a host that has not heard of it may add to it
		refused(t, err, sdk.Unavailable, "")
		p.clock.Advance(time.Minute)
		p.Tend(t.Context())
		if _, err = p.CreateWorkspace(p.as(operator), "zoo"); err != nil {
			t.Errorf("again, a minute later: %v", err)
		}
	})
}

func TestEnter(t *testing.T) {
	t.Parallel()
	p := open(t, nil, nil)
	if _, err := p.CreateWorkspace(p.as(operator), "acme"); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		who   access.Caller
		named string
		in    string
		want  error
	}{
		"one's own":             {anna, "", "default", nil},
		"one's own, by name":    {anna, "default", "default", nil},
		"another's":             {anna, "acme", "", host.ErrNotFound},
		"none":                  {anna, "nowhere", "", host.ErrNotFound},
		"an operator, any":      {operator, "acme", "acme", nil},
		"an operator, none":     {operator, "nowhere", "", host.ErrNotFound},
		"an operator, no name":  {operator, "a b", "", host.ErrNotFound},
		"an operator, unnamed":  {operator, "", "", sdk.Invalid},
		"nobody":                {access.Caller{}, "acme", "", host.ErrNotFound},
		"nobody of a workspace": {access.Caller{Workspace: "acme"}, "acme", "", host.ErrNotFound},
	} {
		_, in, err := p.Enter(t.Context(), test.who, test.named)
		if !errors.Is(err, test.want) || err == nil && in != test.in {
			t.Errorf("%s: %q, %v", name, in, err)
		}
	}
}

// A workspace is deleted with all that is in it, which a person must say; grants
// are revoked at their service, and nothing of another workspace goes.
func TestDeleteWorkspace(t *testing.T) {
	t.Parallel()
	g := ground.New(t, ground.Config{Types: []string{"acme", "faxplus"}})
	a, ctx := g.Access, access.With(t.Context(), operator)
	if _, err := a.CreateWorkspace(ctx, "archive"); err != nil {
		t.Fatal(err)
	}
	stays := g.Create("acme")
	kept := g.Key(access.Read)
	for range 10 {
		if _, err := g.Host.Workspace("archive").Create(ctx, "acme", g.Values("acme")); err != nil {
			t.Fatal(err)
		}
	}
	if err := host.Store.Create(g.Host.Store(), ctx, host.Record{Workspace: "archive", ID: "x-1", Kind: "webhook", Generation: 1}); err != nil {
		t.Fatal(err)
	}
	id, err := g.Host.Workspace("archive").Create(ctx, "faxplus", g.Values("faxplus"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Host.Workspace("archive").Test(ctx, id); err != nil {
		t.Fatal(err)
	}
	token := g.KeyOf(access.NewKey{Workspace: "archive", Scopes: access.Scopes})
	session, err := a.Begin(ctx, access.Caller{Actor: "user:anna", Workspace: "archive", Scopes: access.Scopes})
	if err != nil {
		t.Fatal(err)
	}
	both, _, err := a.BeginIn(ctx, "user:ben", []access.Grant{{Workspace: "archive", Scopes: access.Scopes}, {Workspace: "default", Scopes: []access.Scope{access.Read}}})
	if err != nil {
		t.Fatal(err)
	}
	want := access.Contents{Credentials: 11, Keys: 1, Sessions: 2, Others: 1}
	if c, err := a.Contents(ctx, "archive"); err != nil || c != want {
		t.Errorf("Contents = %+v, %v", c, err)
	}
	for _, confirm := range []string{"", "Archive", "default"} {
		_, err := a.DeleteWorkspace(ctx, "archive", confirm)
		refused(t, err, sdk.Invalid, "confirm")
	}
	if _, err := a.Caller(ctx, token); err != nil {
		t.Fatal(err)
	}
	gone, err := a.DeleteWorkspace(ctx, "archive", "archive")
	if want.Unrevoked = gone.Unrevoked; err != nil || gone != want {
		t.Errorf("DeleteWorkspace = %+v, %v", gone, err)
	}
	_, err = a.Caller(ctx, token)
	refused(t, err, sdk.Denied, "")
	_, err = a.Session(ctx, session)
	refused(t, err, sdk.Denied, "")
	if c, err := a.Session(ctx, both); err != nil || c.Workspace != "default" || c.Has(access.Write) {
		t.Errorf("who was in two workspaces is in %+v, %v", c, err)
	}
	if _, err := a.Caller(ctx, kept); err != nil {
		t.Errorf("another workspace's key: %v", err)
	}
	if _, err := g.Host.Workspace(ground.Workspace).Show(ctx, stays); err != nil {
		t.Errorf("another workspace's credential: %v", err)
	}
	left, err := g.Host.Store().(host.WholeStore).All(ctx, "archive", "", 10)
	if err != nil || len(left) > 0 && left[0].Workspace == "archive" {
		t.Errorf("%d records are left, %v", len(left), err)
	}
}

// One that dies while it deletes a workspace is followed by another that goes on.
func TestDeleteWorkspaceGoesOn(t *testing.T) {
	onStores(t, func(t *testing.T, p *place) {
		if _, err := p.CreateWorkspace(p.as(operator), "old"); err != nil {
			t.Fatal(err)
		}
		var tokens []string
		for i := range 5 {
			_, token := p.key(access.NewKey{Workspace: "old", Name: fmt.Sprint(i), Scopes: access.Scopes})
			tokens = append(tokens, token)
		}
		ctx, cancel := context.WithCancel(p.as(operator))
		stopped := p.Host.Watch(func(_, id string) {
			if id == "w-old" {
				cancel()
			}
		})
		defer stopped()
		go cancel()
		p.DeleteWorkspace(ctx, "old", "old") // however far it comes
		if _, err := p.DeleteWorkspace(p.as(operator), "old", "old"); err != nil && !errors.Is(err, host.ErrNotFound) {
			t.Fatal(err)
		}
		two := p.another(nil)
		// A host that had not heard of it yet adds something.
		rec := host.Record{Workspace: "old", ID: "x-late", Kind: "webhook", Generation: 1}
		if err := p.store.Create(t.Context(), rec); err != nil {
			t.Fatal(err)
		}
		p.clock.Advance(time.Minute)
		two.Tend(t.Context())
		if _, err := p.store.Get(t.Context(), "old", rec.ID); !errors.Is(err, host.ErrNotFound) {
			t.Errorf("what was added late: %v", err)
		}
		for _, token := range tokens {
			_, err := two.Caller(t.Context(), token)
			refused(t, err, sdk.Denied, "")
		}
		if _, err := two.CreateWorkspace(two.as(operator), "old"); err != nil {
			t.Errorf("one of its name: %v", err)
		}
	})
}

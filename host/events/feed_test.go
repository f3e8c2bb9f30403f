// SPDX-License-Identifier: Apache-2.0

package events_test

import (
	"context"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/events"
	"github.com/credhost/credhost/host/sqlitestore"
	"github.com/credhost/credhost/internal/ground"
	"github.com/credhost/credhost/sdk"
)

// TestFeed is about what a host with a real plugin tells, by itself.
func TestFeed(t *testing.T) {
	var feed *events.Feed
	var mu sync.Mutex
	audited, warned := 0, 0
	g := ground.New(t, ground.Config{Types: []string{"halopsa", "acme"}, Host: func(c *host.Config) {
		c.Audit = func(context.Context, host.Event) error { mu.Lock(); defer mu.Unlock(); audited++; return nil }
		c.Warn = func(context.Context, host.Warning) { mu.Lock(); defer mu.Unlock(); warned++ }
		feed = events.Listen(c)
		c.Notice(context.Background(), host.Notice{Kind: host.NoticeQuarantined, Program: "early", Workspace: ground.Workspace, Until: time.Unix(1e9, 0)})
	}})
	e, err := events.Open(t.Context(), events.Config{Host: g.Host, Feed: feed})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	ctx := host.WithSource(host.WithActor(t.Context(), "user:anna"), host.Source{Request: "req-1"})
	ws := g.Host.Workspace(ground.Workspace)
	good, err := ws.Create(ctx, "acme", g.Values("acme"))
	if err != nil {
		t.Fatal(err)
	}
	wrong := g.Values("halopsa")
	wrong["clientSecret"] = "EXAMPLE-wrong"
	bad, err := ws.Create(ctx, "halopsa", wrong)
	if err != nil {
		t.Fatal(err)
	}
	ws.Test(ctx, good)
	ws.Test(ctx, bad)
	if _, err := ws.Create(ctx, "acme", sdk.Values{}); err == nil {
		t.Error("it is created without answers")
	}
	name := "renamed"
	if err := ws.Update(ctx, good, host.Patch{Name: &name}); err != nil {
		t.Fatal(err)
	}
	if err := ws.Delete(ctx, good); err != nil {
		t.Fatal(err)
	}
	got, err := e.Since(t.Context(), ground.Workspace, "", 0)
	if err != nil {
		t.Fatal(err)
	}
	type line struct{ Type, About, Outcome, Actor string }
	var lines []line
	for _, ev := range got {
		if ev.Workspace != ground.Workspace || ev.Time.IsZero() {
			t.Errorf("%+v", ev)
		}
		about := map[string]string{good: "good", bad: "bad", "": ev.Data.Plugin}[ev.Data.Credential]
		lines = append(lines, line{string(ev.Type), about, ev.Data.Outcome, string(ev.Data.Actor)})
	}
	if diff := cmp.Diff([]line{
		{"plugin.quarantined", "early", "", ""},
		{"credential.created", "good", "", "user:anna"},
		{"credential.created", "bad", "", "user:anna"},
		{"credential.tested", "good", "works", "user:anna"},
		{"credential.refused", "bad", "", ""},
		{"credential.tested", "bad", "wrong", "user:anna"},
		{"credential.updated", "good", "", "user:anna"},
		{"credential.deleted", "good", "", "user:anna"},
	}, lines); diff != "" {
		t.Error(diff)
	}
	if own, err := e.Since(t.Context(), "", "", 0); err != nil || len(own) != 1 || own[0].Data.Tenant != ground.Workspace || own[0].Data.Plugin != "early" {
		t.Errorf("who sees to the host is told %+v, %v", own, err)
	}
	mu.Lock()
	defer mu.Unlock()
	if audited < 6 || warned != 1 {
		t.Errorf("the callbacks that were there are called %d and %d times", audited, warned)
	}
}

// TestOneFile is about hosts of two processes that share a file.
func TestOneFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	h := newHouse(t)
	var nodes []*node
	for range 2 {
		store, err := sqlitestore.Open(t.Context(), sqlitestore.Config{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { store.Close() })
		h.store = store
		nodes = append(nodes, h.open(nil))
	}
	r := newReceiver(t, h.clock)
	nodes[0].hook(t, r)
	var wg sync.WaitGroup
	for i, n := range nodes {
		for j := range 4 {
			wg.Go(func() { n.publish(t, 100*i+10*j, 10) })
		}
	}
	wg.Wait()
	a, b := nodes[0].all(t, ""), nodes[1].all(t, "")
	eventually(t, "each sees what the other wrote", func() bool {
		a, b = nodes[0].all(t, ""), nodes[1].all(t, "")
		return len(a) == 80 && len(b) == 80
	})
	if diff := cmp.Diff(ids(a), ids(b)); diff != "" {
		t.Error(diff)
	}
	eventually(t, "all are delivered", func() bool { return len(r.taken()) >= 80 })
	if diff := cmp.Diff(ids(a), ids(r.taken())); diff != "" {
		t.Error(diff)
	}
	r.check(t)
}

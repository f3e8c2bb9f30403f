// SPDX-License-Identifier: Apache-2.0

package events_test

import (
	"testing"
	"time"

	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/host/events"
	"github.com/credhost/credhost/host/memstore"
	"github.com/credhost/credhost/internal/ground"
)

// TestKeysThatEnd is about a key that ends in a month: its workspace is told
// once, by whichever host, a week before.
func TestKeysThatEnd(t *testing.T) {
	c := newClock()
	g := ground.New(t, ground.Config{Now: c.Now, Store: &memstore.Store{Now: c.Now}})
	var nodes []*events.Events
	for range 2 {
		e, err := events.OpenWith(t.Context(), events.Config{Host: g.Host, Access: g.Access})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { e.Close() })
		nodes = append(nodes, e)
	}
	ends := c.Now().Add(30 * 24 * time.Hour)
	g.KeyOf(access.NewKey{Workspace: ground.Workspace, Name: "nightly", Scopes: []access.Scope{access.Read}, Expires: ends})
	g.KeyOf(access.NewKey{Workspace: ground.Workspace, Name: "for good", Scopes: []access.Scope{access.Read}})
	told := func() []events.Event {
		for _, e := range nodes {
			if err := e.LookAtKeys(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		all, err := nodes[0].Since(t.Context(), ground.Workspace, "", 0)
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	c.Advance(22 * 24 * time.Hour)
	if all := told(); len(all) != 0 {
		t.Errorf("too early: %v", all)
	}
	c.Advance(2 * 24 * time.Hour)
	told()
	all := told()
	if len(all) != 1 || all[0].Type != events.KeyExpiring || all[0].Data.Name != "nightly" || all[0].Data.Key == "" || !all[0].Data.At.Equal(ends) {
		t.Errorf("%+v", all)
	}
	c.Advance(10 * 24 * time.Hour)
	if all := told(); len(all) != 1 {
		t.Errorf("after its end: %+v", all)
	}
}

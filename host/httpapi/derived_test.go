// SPDX-License-Identifier: Apache-2.0

package httpapi_test

import (
	"net/http"
	"testing"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/audit"
	"github.com/credhost/credhost/internal/ground"
)

// TestDerivedIsNamed shows that what was done with a derived key is on record,
// and told, as its parent's doing, and with its own ID.
func TestDerivedIsNamed(t *testing.T) {
	t.Parallel()
	w := serve(t, nil)
	parent := w.Key(all...)
	derived := w.want(w.do(parent, "POST", "/v1/keys/derive", `{"scopes":["read","use"],"seconds":60}`), http.StatusCreated, "").member("token")
	var me struct{ Actor, Key, Derived string }
	w.want(w.do(derived, "GET", "/v1/keys/current", ""), http.StatusOK, "").json(t, &me)
	if me.Actor != "key:"+me.Key || me.Derived == "" {
		t.Fatalf("it is %+v", me)
	}
	id := w.Create("acme")
	for _, token := range []string{parent, derived} {
		w.want(w.do(token, "POST", "/v1/credentials/"+id+"/test", ""), http.StatusOK, "")
	}
	var entries struct {
		Entries []struct{ Actor, Key, Derived string }
	}
	w.want(w.do(parent, "GET", "/v1/audit?action=test", ""), http.StatusOK, "").json(t, &entries)
	var events struct {
		Events []struct {
			Data struct{ Actor, Derived string }
		}
	}
	w.want(w.do(parent, "GET", "/v1/events?type=credential.tested", ""), http.StatusOK, "").json(t, &events)
	if len(entries.Entries) != 2 || len(events.Events) != 2 {
		t.Fatalf("on record is %+v, told %+v", entries, events)
	}
	for i, want := range []string{"", me.Derived} {
		e, ev := entries.Entries[1-i], events.Events[i].Data
		if e.Actor != me.Actor || e.Key != me.Key || e.Derived != want || ev.Actor != me.Actor || ev.Derived != want {
			t.Errorf("on record is %+v, told %+v; want it derived: %q", e, ev, want)
		}
	}
	// Uses that are counted are told apart, too.
	for _, of := range []string{"d-one", "d-two", "d-one"} {
		ctx := host.WithSource(t.Context(), host.Source{Key: me.Key, Derived: of})
		w.trail.Use(ctx, audit.Use{Workspace: ground.Workspace, Credential: id, Origin: w.Echo.URL})
	}
	if err := w.trail.Close(); err != nil {
		t.Fatal(err)
	}
	uses, err := w.trail.List(t.Context(), audit.Query{Action: audit.ActionUse})
	of := map[string]bool{}
	for _, u := range uses {
		of[u.Derived] = true
	}
	if err != nil || len(of) != 2 || !of["d-one"] || !of["d-two"] {
		t.Errorf("the uses are %+v, %v", uses, err)
	}
}

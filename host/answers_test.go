// SPDX-License-Identifier: Apache-2.0

package host_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/internal/testplugin"
	"github.com/credhost/credhost/sdk"
)

func TestUpdate(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	id := h.create("placed", nil)
	name := "the first"
	if err := h.Update(t.Context(), id, host.Patch{Name: &name, Values: sdk.Values{"place": "query"}}); err != nil {
		t.Fatal(err)
	}
	c, _ := h.Show(t.Context(), id)
	if c.Name != name || string(c.Answers["place"]) != `"query"` || string(c.Answers["apiKey"]) != `{"set":true}` {
		t.Errorf("Show = %+v; want what was patched changed and the rest kept", c)
	}
	if got := h.get(id, "https://placed.example/me"); got != http.StatusOK {
		t.Errorf("status %d after the update", got)
	}
	refused(t, h.Update(t.Context(), id, host.Patch{Values: sdk.Values{"apiKey": ""}}), sdk.Invalid, "apiKey")
	refused(t, h.Update(t.Context(), id, host.Patch{Values: sdk.Values{"place": "x"}}), sdk.Invalid, "place")
	if again, _ := h.Show(t.Context(), id); !again.Updated.Equal(c.Updated) {
		t.Error("a refused update changed the record")
	}
}

// TestUpdateWhole shows that a form puts all its answers: what it leaves out is
// cleared, but for the secrets, which it is never told.
func TestUpdateWhole(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	id := h.create("placed", nil)
	answers := func() map[string]json.RawMessage {
		t.Helper()
		c, err := h.Show(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		return c.Answers
	}
	for _, step := range []struct {
		patch host.Patch
		place string
	}{
		{host.Patch{Whole: true, Values: sdk.Values{"place": "query"}}, `"query"`},
		{host.Patch{Values: sdk.Values{}}, `"query"`},
		{host.Patch{Whole: true, Values: sdk.Values{}}, `"header"`}, // the default
	} {
		if err := h.Update(t.Context(), id, step.patch); err != nil {
			t.Fatal(err)
		}
		if got := answers(); string(got["place"]) != step.place || string(got["apiKey"]) != `{"set":true}` {
			t.Errorf("after %+v: place %s, apiKey %s", step.patch, got["place"], got["apiKey"])
		}
	}
	refused(t, h.Update(t.Context(), id, host.Patch{Whole: true, Values: sdk.Values{"apiKey": ""}}), sdk.Invalid, "apiKey")

	database := h.create("database", nil)
	moved := testplugin.Answers("database")
	moved["host"] = "evil.example"
	delete(moved, "password")
	refused(t, h.Update(t.Context(), database, host.Patch{Whole: true, Values: moved}), sdk.Invalid, "password")
}

// TestDestinationNeedsSecrets shows that nobody can send stored secrets to an
// address of their own by changing the answer that decides where they go.
func TestDestinationNeedsSecrets(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	id := h.create("database", nil)
	password := testplugin.Answers("database")["password"]
	refused(t, h.Update(t.Context(), id, host.Patch{Values: sdk.Values{"host": "evil.example"}}), sdk.Invalid, "password")
	if c, _ := h.Show(t.Context(), id); strings.Contains(fmt.Sprint(c.Origins), "evil") {
		t.Errorf("origins %v", c.Origins)
	}
	if err := h.Update(t.Context(), id, host.Patch{Values: sdk.Values{"host": "db2.example", "password": password}}); err != nil {
		t.Errorf("with the secret: %v", err)
	}
}

func TestDatabase(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go testplugin.ServeDatabase(conn)
		}
	}()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	h := open(t, func(cfg *host.Config) {
		cfg.Egress.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		cfg.Release = func(workspace, typ string) bool { return workspace == "acme" && typ == "database" }
	})
	id := h.create("database", sdk.Values{"host": "127.0.0.1", "port": port})
	if v, err := h.Test(t.Context(), id); err != nil || v.Outcome != host.Works {
		t.Errorf("Test over tcp:// = %+v, %v", v, err)
	}
	r, err := h.Release(t.Context(), id)
	if err != nil || r.Values["password"] != testplugin.Answers("database")["password"] {
		t.Errorf("Release: %v", err)
	}
	if text := fmt.Sprintf("%v %+v %#v %s", r, r, r, &r); strings.Contains(text, r.Values["password"]) {
		t.Error("a released credential prints itself")
	}
	other := h.create("placed", nil)
	_, err = h.Release(t.Context(), other)
	refused(t, err, sdk.Forbidden, "")
}

func TestReferences(t *testing.T) {
	folder := t.TempDir()
	key := testplugin.Answers("placed")["apiKey"]
	if err := os.WriteFile(filepath.Join(folder, "key"), []byte(key+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PLACED_KEY", key)
	t.Setenv("OTHER_KEY", key)
	h := open(t, func(cfg *host.Config) {
		cfg.Resolve = host.Resolver{Env: []string{"PLACED_"}, Files: []string{folder}}.Resolve
	})
	add := func(ref string) (string, error) {
		return h.Add(t.Context(), host.New{Type: "placed", References: map[string]string{"apiKey": ref}})
	}
	for _, ref := range []string{"env:PLACED_KEY", "file:" + filepath.Join(folder, "key")} {
		id, err := add(ref)
		if err != nil {
			t.Fatalf("%s: %v", ref, err)
		}
		if got := h.get(id, "https://placed.example/me"); got != http.StatusOK {
			t.Errorf("%s: status %d", ref, got)
		}
		if c, _ := h.Show(t.Context(), id); !bytes.Contains(c.Answers["apiKey"], []byte(`"reference"`)) {
			t.Errorf("%s: shown as %s", ref, c.Answers["apiKey"])
		}
	}
	for _, ref := range []string{"env:OTHER_KEY", "env:PLACED_NONE", "file:/etc/passwd", "file:" + folder + "/../key", "key", "env:"} {
		_, err := add(ref)
		refused(t, err, sdk.Invalid, "apiKey")
	}
	if _, err := h.Create(t.Context(), "placed", sdk.Values{"apiKey": "env:OTHER_KEY"}); err != nil {
		t.Errorf("an answer that looks like a reference is an answer: %v", err)
	}
}

// A rival is faster than who saves first.
type rival struct {
	host.Store
	before func()
}

func (r *rival) Save(ctx context.Context, rec host.Record, l *host.Lease) error {
	if before := r.before; before != nil {
		r.before = nil
		before()
	}
	return r.Store.Save(ctx, rec, l)
}

// What is for whatever version of an application there is, is done to what another
// has saved meanwhile; what is for one version is done to no other.
func TestApplicationsWithRivals(t *testing.T) {
	t.Parallel()
	store := &rival{}
	h := open(t, func(c *host.Config) { store.Store, c.Store = c.Store, store })
	apps := h.Workspace.Applications()
	id, err := apps.Create(t.Context(), host.New{Type: "homed", Name: "first", Values: testplugin.Answers("homed")})
	if err != nil {
		t.Fatal(err)
	}
	name := func(name string, generation uint64) error {
		return apps.Update(t.Context(), id, host.Patch{Name: &name, Generation: generation})
	}
	faster := func() {
		if err := name("theirs", 0); err != nil {
			t.Error(err)
		}
	}
	store.before = faster
	if err := name("ours", 0); err != nil {
		t.Errorf("for whatever version there is: %v", err)
	}
	if app, err := apps.Show(t.Context(), id); err != nil || app.Name != "ours" || app.Generation != 3 {
		t.Errorf("after two who were as fast: %q of generation %d, %v", app.Name, app.Generation, err)
	}
	store.before = faster
	if err := name("ours", 3); !errors.Is(err, host.ErrConflict) {
		t.Errorf("for a version that is no more: %v", err)
	}
	if app, err := apps.Show(t.Context(), id); err != nil || app.Name != "theirs" || app.Generation != 4 {
		t.Errorf("what the other has saved is %q of generation %d, %v", app.Name, app.Generation, err)
	}
}

func TestApplications(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	answers := testplugin.Answers("homed")
	for _, apps := range []host.Applications{h.Host.Applications(), h.Workspace.Applications()} {
		app, err := apps.Create(t.Context(), host.New{Type: "homed", Name: "ours", Values: answers})
		if err != nil {
			t.Fatal(err)
		}
		id, err := h.Add(t.Context(), host.New{Type: "homed", Application: app})
		if err != nil {
			t.Fatal(err)
		}
		h.connect(id)
		if got := h.get(id, instance); got != http.StatusOK {
			t.Errorf("status %d", got)
		}
		c, _ := h.Show(t.Context(), id)
		if c.Application != app || len(c.Answers) != 0 {
			t.Errorf("Show = %+v; want no answer of the application's", c)
		}
		_, err = h.Add(t.Context(), host.New{Type: "homed", Application: app, Values: answers})
		var faults sdk.Errors
		if !errors.As(err, &faults) && err == nil {
			t.Error("a person answered what the application answers")
		}
		if _, err := h.Host.Workspace("other").Add(t.Context(), host.New{Type: "homed", Application: app}); (err == nil) != (apps == h.Host.Applications()) && err == nil {
			t.Log("everybody's application may be used by everybody")
		}
	}
	mine, err := h.Workspace.Applications().Create(t.Context(), host.New{Type: "homed", Values: answers})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Host.Workspace("other").Add(t.Context(), host.New{Type: "homed", Application: mine}); !errors.Is(err, host.ErrNotFound) {
		t.Errorf("another workspace's application: %v, want ErrNotFound", err)
	}
	if _, err := h.Workspace.Applications().Create(t.Context(), host.New{Type: "placed"}); err == nil {
		t.Error("a type without application fields took an application")
	}
}

func TestUpgrade(t *testing.T) {
	t.Parallel()
	h := open(t, func(cfg *host.Config) { cfg.Plugins = []string{old} })
	id, err := h.Create(t.Context(), "renamed", testplugin.RenamedAnswers())
	if err != nil {
		t.Fatal(err)
	}
	oldHost := h.Workspace
	h.cfg.Plugins = []string{plugins}
	h.Workspace = h.another().Workspace("acme")
	v, err := h.Test(t.Context(), id) // which saves
	if err != nil || v.Outcome != host.Works {
		t.Errorf("Test after the upgrade = %+v, %v", v, err)
	}
	if _, err := oldHost.Show(t.Context(), id); !errors.Is(err, sdk.Unavailable) {
		t.Errorf("the old plugin meets a newer record: %v, want %v", err, sdk.Unavailable)
	}
}

func TestSuggest(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	answers := testplugin.Answers("sites")
	schema, _ := h.Type("sites")
	var field string
	for _, f := range schema.Schema.Fields {
		if f.Suggest != nil {
			field = f.Name
		}
	}
	delete(answers, field)
	_, err := h.Create(t.Context(), "sites", answers)
	refused(t, err, sdk.Invalid, field)
	id, err := h.Add(t.Context(), host.New{Type: "sites", Values: answers, Draft: true})
	if err != nil {
		t.Fatal(err)
	}
	options, err := h.Suggest(t.Context(), id, field, "")
	if err != nil || len(options) == 0 {
		t.Fatalf("Suggest = %v, %v", options, err)
	}
	if _, err := h.Client(id).Get("https://sites.example/me"); !errors.Is(err, sdk.Invalid) {
		t.Errorf("a draft was used: %v", err)
	}
	final := false
	if err := h.Update(t.Context(), id, host.Patch{Draft: &final, Values: sdk.Values{field: options[0].Value}}); err != nil {
		t.Fatal(err)
	}
	if v, err := h.Test(t.Context(), id); err != nil || !v.OK() {
		t.Errorf("Test = %+v, %v", v, err)
	}
	_, err = h.Suggest(t.Context(), id, "nonesuch", "")
	refused(t, err, sdk.Invalid, "nonesuch")
}

func TestAudit(t *testing.T) {
	t.Parallel()
	events := make(chan host.Event, 100)
	h := open(t, func(cfg *host.Config) {
		cfg.Audit = func(_ context.Context, e host.Event) error { events <- e; return nil }
	})
	ctx := host.WithActor(t.Context(), "anna")
	id, err := h.Create(ctx, "placed", testplugin.Answers("placed"))
	if err != nil {
		t.Fatal(err)
	}
	h.Test(ctx, id)
	h.Release(ctx, id)
	h.Delete(ctx, id)
	for _, want := range []host.Event{
		{Action: "create", Outcome: "ok"}, {Action: "test", Outcome: "ok"},
		{Action: "release", Outcome: "forbidden"}, {Action: "delete", Outcome: "begun"}, {Action: "delete", Outcome: "ok"},
	} {
		got := <-events
		if got.Action != want.Action || got.Outcome != want.Outcome || got.Actor != "anna" || got.Credential != id || got.Type != "placed" || got.Workspace != "acme" {
			t.Errorf("event %+v, want %s %s", got, want.Action, want.Outcome)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/host/audit"
	"github.com/credhost/credhost/host/connectflow"
	"github.com/credhost/credhost/host/events"
	"github.com/credhost/credhost/host/httpapi"
	"github.com/credhost/credhost/host/memstore"
	"github.com/credhost/credhost/host/sealer"
	"github.com/credhost/credhost/internal/ground"
	"github.com/credhost/credhost/internal/testplugin"
)

func TestMain(m *testing.M) { ground.Main(m) }

// A world is a host that is served.
type world struct {
	*ground.Ground
	t     testing.TB
	srv   *httptest.Server
	trail *audit.Trail
	ev    *events.Events
	flows *connectflow.Flows
}

// serve serves a host with plugins of the given types.
func serve(t testing.TB, change func(*ground.Config, *httpapi.Config), types ...string) *world {
	t.Helper()
	w := &world{t: t}
	ring, err := sealer.NewKeyring()
	if err != nil {
		t.Fatal(err)
	}
	store, seal := memstore.New(), sealer.New(ring)
	t.Cleanup(func() { store.Close() })
	now := time.Now
	if w.trail, err = audit.Open(context.Background(), audit.Config{Store: store, Sealer: seal, Now: func() time.Time { return now() }}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.trail.Close() })
	var feed *events.Feed
	gc := ground.Config{Store: store, Sealer: seal, Types: types, Host: func(hc *host.Config) {
		hc.Audit, hc.Fingerprint = w.trail.Record, w.trail.Fingerprint
		hc.Release = func(workspace, typ string) bool { return workspace == ground.Workspace && typ == "acme" }
		feed = events.Listen(hc)
	}}
	hc := httpapi.Config{Audit: w.trail, Version: "test"}
	if change != nil {
		change(&gc, &hc)
	}
	if gc.Now != nil {
		now = gc.Now
	}
	w.Ground = ground.New(t, gc)
	hc.Host, hc.Access = w.Ground.Host, w.Ground.Access
	if w.ev, err = events.Open(context.Background(), events.Config{Host: w.Ground.Host, Feed: feed}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.ev.Close() })
	if w.flows, err = connectflow.Open(connectflow.Config{Host: w.Ground.Host, StartURL: "http://127.0.0.1:8686/connect/start"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.flows.Close() })
	hc.Events, hc.Connect = w.ev, w.flows
	api, err := httpapi.New(hc)
	if err != nil {
		t.Fatal(err)
	}
	w.srv = httptest.NewServer(api)
	t.Cleanup(w.srv.Close)
	return w
}

// withTestPlugin adds the types of internal/testplugin: "homed", say, which has
// applications.
func withTestPlugin(t testing.TB) func(*ground.Config, *httpapi.Config) {
	t.Helper()
	dir := t.TempDir()
	if _, err := testplugin.Build(dir, false); err != nil {
		t.Fatal(err)
	}
	return func(g *ground.Config, _ *httpapi.Config) {
		before := g.Host
		g.Host = func(c *host.Config) {
			before(c)
			c.Plugins = append(c.Plugins, dir)
		}
	}
}

// An answer is one that was read.
type answer struct {
	*http.Response
	text []byte
}

// json reads the answer's body into v.
func (a answer) json(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal(a.text, v); err != nil {
		t.Fatalf("%v in %s", err, a.text)
	}
}

// member is the text of a member of the answer.
func (a answer) member(name string) string {
	var all map[string]any
	json.Unmarshal(a.text, &all)
	text, _ := all[name].(string)
	return text
}

// do sends a request, whose headers are pairs.
func (w *world) do(token, method, path, body string, headers ...string) answer {
	w.t.Helper()
	r, err := http.NewRequest(method, w.srv.URL+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
		if method == http.MethodPatch {
			r.Header.Set("Content-Type", "application/merge-patch+json")
		}
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return w.send(r)
}

func (w *world) send(r *http.Request) answer {
	w.t.Helper()
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	if bytes.Contains(text, []byte(ground.EchoKey)) && !strings.HasSuffix(r.URL.Path, "/release") && !strings.HasSuffix(r.URL.Path, "/authenticate") {
		w.t.Errorf("%s %s answered with a secret", r.Method, r.URL.Path)
	}
	if err := promised().check(r.Method, r.URL.Path, resp, text); err != nil {
		w.t.Errorf("the document does not promise this: %v", err)
	}
	return answer{resp, text}
}

// want fails unless an answer has a status, and if it is a problem, a type.
func (w *world) want(a answer, status int, problem string) answer {
	w.t.Helper()
	if a.StatusCode != status {
		w.t.Fatalf("%s %s: status %d, want %d: %s", a.Request.Method, a.Request.URL.Path, a.StatusCode, status, a.text)
	}
	if problem != "" && a.member("type") != "urn:credhost:problem:"+problem {
		w.t.Fatalf("%s %s: problem %q, want %q: %s", a.Request.Method, a.Request.URL.Path, a.member("type"), problem, a.text)
	}
	return a
}

// acme is a new credential of the type acme.
func (w *world) acme(name string) string {
	return `{"type":"acme","name":"` + name + `","answers":{"baseUrl":"` + w.Echo.URL + `","apiKey":"` + ground.EchoKey + `"}}`
}

func published() []byte { return httpapi.Document() }

type httpapiConfig = httpapi.Config

var all = []access.Scope{access.Read, access.Write, access.Use, access.Admin, access.Release}

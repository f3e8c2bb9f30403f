// SPDX-License-Identifier: Apache-2.0

package apitest_test

import (
	"context"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/host/audit"
	"github.com/credhost/credhost/host/connectflow"
	"github.com/credhost/credhost/host/events"
	"github.com/credhost/credhost/host/httpapi"
	"github.com/credhost/credhost/host/memstore"
	"github.com/credhost/credhost/host/sealer"
	"github.com/credhost/credhost/internal/ground"
	"github.com/credhost/credhost/schemas"
)

// node runs one of the installed programs.
func node(t *testing.T, dir, input, script string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "node", slices.Concat([]string{script}, args)...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(input)
	cmd.Env = append(os.Environ(), "NODE_NO_WARNINGS=1", "REDOCLY_TELEMETRY=off", "REDOCLY_SUPPRESS_UPDATE_NOTICE=true", "NO_COLOR=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
	return string(out)
}

// installed is the path of a package's program.
func installed(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("node", "node_modules", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// published writes the document into a folder.
func published(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "openapi.json")
	if err := os.WriteFile(path, schemas.OpenAPI, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestLint shows that a linter finds nothing in the document: no error and
// nothing that it warns of.
func TestLint(t *testing.T) {
	t.Parallel()
	need.Node(t)
	need.Packages(t, "node")
	config, err := filepath.Abs("node/redocly.yaml")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	node(t, dir, "", installed(t, "@redocly/cli/bin/cli.js"), "lint", "--config", config, "--format", "stylish", published(t, dir))
}

// TestTypeScript makes a client of the document, checks what an engine does with
// it as strictly as TypeScript can, and lets it do that against a host.
func TestTypeScript(t *testing.T) {
	t.Parallel()
	need.Node(t)
	need.Packages(t, "node")
	dir := t.TempDir()
	for name, text := range map[string]string{"package.json": `{"type":"module"}`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"job.ts", "tsconfig.json"} {
		text, err := os.ReadFile(filepath.Join("node", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(installed(t, "."), filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	// A module and no declaration, so that it is checked too.
	node(t, dir, "", installed(t, "openapi-typescript/bin/cli.js"), published(t, dir), "--output", "credhost.ts")
	node(t, dir, "", installed(t, "typescript/bin/tsc"), "--project", ".")

	url, token, service := serve(t)
	out := node(t, dir, ground.EchoKey, "job.js", url, token, service)
	want := []string{"types", "faults by field", "created once", "tested", "heard of it", "listed", "changed", "refused what was changed since",
		"nothing to connect", "derived a key", "deleted"}
	if got := strings.Split(strings.TrimSpace(out), "\n"); !slices.Equal(got, want) {
		t.Errorf("the job said %q; want %q", got, want)
	}
}

// serve serves a host, and returns its address, a key, and the address of the
// service of type "acme".
func serve(t *testing.T) (url, token, service string) {
	t.Helper()
	ring, err := sealer.NewKeyring()
	if err != nil {
		t.Fatal(err)
	}
	store, seal := memstore.New(), sealer.New(ring)
	t.Cleanup(func() { store.Close() })
	trail, err := audit.Open(context.Background(), audit.Config{Store: store, Sealer: seal})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { trail.Close() })
	var feed *events.Feed
	g := ground.New(t, ground.Config{Store: store, Sealer: seal, Host: func(c *host.Config) {
		c.Audit, c.Fingerprint = trail.Record, trail.Fingerprint
		feed = events.Listen(c)
	}})
	ev, err := events.Open(context.Background(), events.Config{Host: g.Host, Feed: feed})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ev.Close() })
	flows, err := connectflow.Open(connectflow.Config{Host: g.Host, StartURL: "http://127.0.0.1:8686/connect/start"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { flows.Close() })
	api, err := httpapi.New(httpapi.Config{Host: g.Host, Access: g.Access, Audit: trail, Events: ev, Connect: flows})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(api)
	t.Cleanup(srv.Close)
	return srv.URL, g.Key(access.Read, access.Write, access.Use, access.Admin), g.Echo.URL
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/egress"
	"github.com/credhost/credhost/host/registry"
)

// TestRun builds the plugin, trusts it as an operator does, and runs the
// engine against an Acme on this machine.
func TestRun(t *testing.T) {
	const key = "EXAMPLE-acme-key"
	acme := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Api-Key") != key {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer acme.Close()
	dir := t.TempDir()
	plugins := filepath.Join(dir, "plugins")
	program := filepath.Join(plugins, "credhost-plugin-acme")
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "github.com/credhost/credhost/examples/apikey")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Chdir(dir)
	trust(t, plugins)

	const url = "https://api.acme.example"
	cfg := host.Config{Plugins: []string{plugins}, Egress: egress.Config{Routes: map[string]string{url: acme.URL}}}
	var out bytes.Buffer
	run(t.Context(), cfg, url, key, &out)
	if got := strings.TrimSpace(out.String()); got != "works 200 OK" {
		t.Errorf("printed %q", got)
	}
	if db, _ := os.ReadFile("credhost.db"); bytes.Contains(db, []byte(key)) {
		t.Error("the store holds the key in the clear")
	}
}

func trust(t *testing.T, plugins string) {
	t.Helper()
	r, err := registry.Open(t.Context(), registry.Config{Dirs: []string{plugins}})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	offer, err := r.Inspect(t.Context(), "acme")
	if err == nil {
		err = r.Trust(t.Context(), offer)
	}
	if err != nil {
		t.Fatal(err)
	}
}

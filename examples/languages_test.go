// SPDX-License-Identifier: Apache-2.0

// Package examples_test holds the plugins that are not in Go to what those in
// Go are held to.
package examples_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/egress"
	"github.com/credhost/credhost/host/memstore"
	"github.com/credhost/credhost/host/registry"
	"github.com/credhost/credhost/host/sandbox"
	"github.com/credhost/credhost/host/sealer"
	"github.com/credhost/credhost/internal/tools"
	"github.com/credhost/credhost/sdk"
	"github.com/credhost/credhost/sdk/plugintest"
)

// A language is one that a plugin here is written in.
type language struct {
	name    string
	command []string // what runs the main file
	main    string
	has     []string // a command that succeeds if the language is there
}

var languages = []language{
	{"node", []string{"node"}, "main.mjs", []string{"node", "-e", "process.exit(process.versions.node.split('.')[0] >= 20 ? 0 : 1)"}},
	{"python", []string{"/usr/bin/python3", "-BEs"}, "main.py", []string{"/usr/bin/python3", "-c", "import google.protobuf, grpc"}},
}

var need = tools.Need{Name: "LANGUAGES", Untested: "the plugins in other languages, or the units, are not tested"}

// installed installs the plugin into a new folder of plugins.
func (l language) installed(t *testing.T) (plugins string) {
	t.Helper()
	missing := exec.Command(l.has[0], l.has[1:]...).Run() != nil
	if _, err := os.Stat(filepath.Join("node", "node_modules", ".package-lock.json")); l.name == "node" && err != nil {
		missing = true
	}
	if missing || runtime.GOOS == "windows" {
		need.Lacks(t, "Node.js, Python or their packages are")
	}
	err := filepath.WalkDir(l.name, func(path string, e os.DirEntry, err error) error {
		if err == nil && e.Name() == "node_modules" {
			return filepath.SkipDir
		}
		if err == nil && !e.IsDir() {
			_, err = os.ReadFile(path) // so that go test knows what the result depends on
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	plugins = t.TempDir()
	if out, err := exec.Command(filepath.Join(l.name, "install.sh"), plugins).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return plugins
}

func (l language) plugin() string { return "acme-" + l.name }

const (
	acme   = "https://api.acme.example"
	client = "EXAMPLE-acme-client"
	secret = "EXAMPLE-acme-secret"
	token  = "EXAMPLE-acme-token"
)

var answers = sdk.Values{"baseUrl": acme, "clientId": client, "clientSecret": secret}

// standIn is Acme.
func standIn(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	answer := map[string]any{"name": "Ada"}
	switch {
	case r.URL.Path == "/token" && r.PostFormValue("client_id") == client && r.PostFormValue("client_secret") == secret:
		answer = map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": 3600}
	case r.URL.Path == "/token" || r.Header.Get("Authorization") != "Bearer "+token:
		w.WriteHeader(http.StatusUnauthorized)
	}
	json.NewEncoder(w).Encode(answer)
}

// Each passes the conformance suite.
func TestConformance(t *testing.T) {
	for _, l := range languages {
		t.Run(l.name, func(t *testing.T) {
			plugins := l.installed(t)
			plugintest.Run(t, plugintest.Suite{
				Program: append(slices.Clone(l.command), filepath.Join(plugins, "credhost-plugin-"+l.plugin(), l.main)),
				Service: http.HandlerFunc(standIn),
				Answers: map[string]sdk.Values{"client": answers},
				Request: func(sdk.Input) *http.Request {
					r, _ := http.NewRequest(http.MethodGet, acme+"/v1/me", nil)
					return r
				},
			})
		})
	}
}

// Each works under a host, in the cell that it was trusted for.
func TestUnderAHost(t *testing.T) {
	for _, l := range languages {
		t.Run(l.name, func(t *testing.T) {
			plugins := l.installed(t)
			service := httptest.NewServer(http.HandlerFunc(standIn))
			t.Cleanup(service.Close)
			keys, err := sealer.OpenFile(t.Context(), sealer.FileConfig{Path: filepath.Join(t.TempDir(), "key"), Create: true})
			if err != nil {
				t.Fatal(err)
			}
			h, err := host.Open(t.Context(), host.Config{
				Plugins: []string{plugins}, Store: memstore.New(), Sealer: sealer.New(keys),
				Egress: egress.Config{Routes: map[string]string{acme: service.URL}},
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { h.Close() })
			trust(t, h.Registry(), l.plugin())

			ws := h.Workspace("acme")
			id, err := ws.Create(t.Context(), l.plugin(), answers)
			if err != nil {
				t.Fatal(err)
			}
			if verdict, err := ws.Test(t.Context(), id); err != nil || verdict.Outcome != host.Works {
				t.Errorf("the verdict is %+v, %v", verdict, err)
			}
			resp, err := ws.Client(id).Get(acme + "/v1/me")
			if err != nil || resp.StatusCode != http.StatusOK {
				t.Fatalf("a request is answered with %v, %v", resp, err)
			}
			resp.Body.Close()
			wrong, err := ws.Create(t.Context(), l.plugin(), sdk.Values{"baseUrl": acme, "clientId": client, "clientSecret": "wrong"})
			if err != nil {
				t.Fatal(err)
			}
			if verdict, err := ws.Test(t.Context(), wrong); err != nil || verdict.Outcome == host.Works {
				t.Errorf("with a wrong secret the verdict is %+v, %v", verdict, err)
			}
		})
	}
}

// trust trusts a plugin, after a look at what it asks for.
func trust(t *testing.T, r *registry.Registry, name string) {
	t.Helper()
	offer, err := r.Inspect(t.Context(), name)
	if err == nil {
		err = r.Trust(t.Context(), offer)
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := offer.Asks[name].Grants; !slices.Equal(got, []string{"{baseUrl=" + acme + "}"}) {
		t.Errorf("its grants go to %q", got)
	}
	if runtime.GOOS == "linux" && !slices.ContainsFunc(offer.Reads, func(path string) bool { return strings.Contains(path, "libc.so") }) {
		t.Errorf("it reads %q, and no library", offer.Reads)
	}
	t.Logf("it runs in a %s cell and reads %q", offer.Confined.Level, offer.Reads)
	if offer.Confined.Level != r.Sandbox().Level || r.Sandbox().Level == sandbox.None && os.Getenv("CREDHOST_NEED_SANDBOX") == "1" {
		t.Errorf("it is shown to run in a %s cell, and here there is a %s one", offer.Confined.Level, r.Sandbox().Level)
	}
}

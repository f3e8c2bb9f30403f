// SPDX-License-Identifier: Apache-2.0

//go:build unix

package canary_test

import (
	"bufio"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/credhost/credhost/internal/canary"
	"github.com/credhost/credhost/internal/defence"
	"github.com/credhost/credhost/internal/postgres"
)

// A run is an engine at work.
type run struct {
	*child
	*world
	dir string
}

// work starts an engine, and waits until it has done all that it can do.
func work(t *testing.T, o orders) *run {
	t.Helper()
	r := &run{world: newWorld(t), dir: openFolder(t)}
	o.Dir, o.Plugins, o.Routes, o.Services = r.dir, plugins, r.routes(), r.server.URL
	r.child = start(t, true, "engine")
	if err := json.NewEncoder(r.in).Encode(o); err != nil {
		t.Fatal(err)
	}
	out := bufio.NewReader(r.out)
	late := time.AfterFunc(8*time.Minute, func() { r.Process.Signal(syscall.SIGQUIT) })
	defer late.Stop()
	if line, err := out.ReadString('\n'); line != "done\n" {
		r.Wait()
		t.Fatalf("the engine says %q: %v\n%s", line, err, r.complain.Bytes())
	}
	for line := range strings.Lines(read(filepath.Join(r.dir, "key"))) {
		if text := strings.TrimSpace(line); !strings.HasPrefix(text, "#") && len(text) > 40 {
			r.nest.Add("sealing key", text)
		}
	}
	return r
}

// search searches all that the engine leaves while it runs. The key's own file
// is the one place for the key.
func (r *run) search(t *testing.T) (leaks []canary.Leak) {
	t.Helper()
	key := filepath.Join(r.dir, "key")
	elsewhere := filepath.Join(t.TempDir(), "key")
	if err := os.Rename(key, elsewhere); err != nil {
		t.Fatal(err)
	}
	defer os.Rename(elsewhere, key)
	leaks = searchFolder(t, r.nest, "the engine's folder", r.dir)
	for _, v := range r.Env {
		if dir, ok := strings.CutPrefix(v, "TMPDIR="); ok {
			leaks = append(leaks, searchFolder(t, r.nest, "temporary files", dir)...)
		}
	}
	for _, pid := range processes(t, r.Process.Pid) {
		leaks = append(leaks, searchProcess(r.nest, pid)...)
	}
	return leaks
}

// end closes the engine.
func (r *run) end(t *testing.T) {
	t.Helper()
	r.in.Close()
	if err := r.Wait(); err != nil {
		t.Errorf("the engine ended badly: %v\n%s", err, r.complain.Bytes())
	}
}

func report(t *testing.T, leaks []canary.Leak) {
	t.Helper()
	for _, l := range leaks {
		t.Error(l)
	}
}

// kinds are the secrets that a run must come across, or it shows nothing.
var kinds = []string{"access token", "answer", "assertion", "authorization", "client key", "code", "cookie", "device code", "key of a caller",
	"private key", "refresh token", "request URI", "sealing key", "secret of a link", "secret of a webhook", "session", "state", "verifier",
	"wrong password", "wrong reference"}

// lots are the types in lots, each for an engine of its own: to use one type after
// the other takes long, most of which is waiting.
var lots = [][]string{
	{"sigv4", "digest", "homed", "device", "database", "sites", "renamed", "account", "exchanged"},
	{"pushed", "mortal", "many001", "many002", "many003", "placed", "clients"},
	{"unruly"},
}

// TestNothingLeaks has a host do all that it can do, with services that repeat
// every secret and plugins that print, quote and panic with them, has it served,
// and asked as callers ask; and finds no secret in anything that is left of it:
// while it runs, and when it has ended.
func TestNothingLeaks(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	seen, done := map[string]bool{}, 0
	for _, types := range lots {
		t.Run(types[0], func(t *testing.T) {
			t.Parallel()
			names := leavesNothing(t, types)
			mu.Lock()
			defer mu.Unlock()
			for _, name := range names {
				seen[name] = true
			}
			done++
		})
	}
	t.Cleanup(func() { // when all have ended
		for _, kind := range kinds {
			if done == len(lots) && !seen[kind] {
				t.Errorf("no %s came by", kind)
			}
		}
	})
}

// leavesNothing searches all that an engine leaves that uses some types, and
// returns what it has looked for.
func leavesNothing(t *testing.T, types []string) []string {
	t.Helper()
	r := work(t, orders{Only: types, Serve: true})
	for _, name := range []string{"log.json", "log.txt", "errors", "results", "audit", "trail", "traces", "metrics", "events", "served"} {
		if info, err := os.Stat(filepath.Join(r.dir, name)); err != nil || info.Size() < 1000 {
			t.Errorf("nothing was written to %s: %v", name, err)
		}
	}
	for _, what := range []string{"msg=request", "urn:credhost:problem:", "<main", "http_server_request_duration", "Webhook-Signature"} {
		if !strings.Contains(read(filepath.Join(r.dir, "served"))+read(filepath.Join(r.dir, "log.txt")), what) {
			t.Errorf("nothing that is served has %s", what)
		}
	}
	if log := read(filepath.Join(r.dir, "log.txt")); types[0] == "unruly" && strings.Count(log, "[secret]") < 4 {
		t.Error("the plugin has printed no secret")
	}
	report(t, r.search(t))
	r.end(t)
	report(t, r.search(t))
	report(t, r.nest.Search("standard error", r.complain.Bytes()))
	t.Logf("%d secrets were looked for\n%s", r.nest.Secrets(), read(filepath.Join(r.dir, "times")))
	return r.nest.Names()
}

// TestNothingLeaksInPostgreSQL is about what a database keeps: its tables, its
// write-ahead log and its statistics.
func TestNothingLeaksInPostgreSQL(t *testing.T) {
	t.Parallel()
	server := postgres.Shared(t)
	database := must(url.Parse(server.Database(t)))
	database.User = url.UserPassword(postgres.Superuser, databasePassword)
	r := work(t, orders{Database: database.String(), Proxy: "http://anna:" + proxyPassword + "@127.0.0.1:1",
		Only: []string{"homed", "placed", "mortal", "pushed", "many003"}})
	report(t, r.search(t))
	r.end(t)
	server.SQL(t, "postgres", "CHECKPOINT")
	report(t, searchFolder(t, r.nest, "the database", server.Folder()))
}

// TestPlantedInARun shows that the search of a run finds what is there: what the
// plugin prints, if the host does without hiding it, and one secret in each
// place that is searched.
func TestPlantedInARun(t *testing.T) {
	t.Parallel()
	r := work(t, orders{Only: []string{"unruly"}, Off: []defence.Defence{defence.Redacted}})
	found := func() func(where string) bool {
		leaks := r.search(t)
		return func(where string) bool {
			return slices.ContainsFunc(leaks, func(l canary.Leak) bool { return strings.Contains(l.Sink, where) })
		}
	}
	const planted = "canary-planted-7f3a9"
	r.nest.Add("plant", planted)
	before := found()
	for _, name := range []string{"log.json", "log.txt"} {
		if !before(name) {
			t.Errorf("what the plugin printed was not found in %s", name)
		}
	}
	places := map[string]string{"cache": "data/cache", "errors": "errors", "lock": "data/lock", "store.db-wal": "data/store.db-wal"}
	for where, name := range places {
		if before(where) {
			t.Errorf("%s holds a secret before one is planted", where)
		}
		name = filepath.Join(r.dir, name)
		if info, err := os.Stat(name); err != nil || info.IsDir() {
			name += "-planted"
		}
		f := must(os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600))
		f.WriteString(planted)
		f.Close()
	}
	after := found()
	for where := range places {
		if !after(where) {
			t.Errorf("what was planted in %s was not found", where)
		}
	}
}

// TestRepeatedSecrets shows that a run finds what services repeat beside the
// bodies of their answers, if the host passes it on, and that it does not.
func TestRepeatedSecrets(t *testing.T) {
	t.Parallel()
	for _, off := range []defence.Defence{defence.Unechoed, ""} {
		r := work(t, orders{Only: []string{"placed", "homed"}, Off: []defence.Defence{off}})
		leaks := r.search(t)
		switch {
		case off == "":
			report(t, leaks)
		case !slices.ContainsFunc(leaks, func(l canary.Leak) bool { return strings.Contains(l.Sink, "results") }):
			t.Error("without the defence, nothing of what the services repeat was found")
		}
	}
}

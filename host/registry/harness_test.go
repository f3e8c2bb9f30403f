// SPDX-License-Identifier: Apache-2.0

//go:build unix

package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/credhost/credhost/host/sandbox"
	"github.com/credhost/credhost/sdk"
)

// confMark is what stands in a program before its conf.
const confMark = "#CREDHOST-TEST#"

// conf is what testdata/plugin finds in its own bytes.
type conf struct {
	Types   []string
	Origins []string
	Schema  int
	Version string
	Start   string
	Answer  string
	Note    string
}

// testPrograms are testdata/plugin and testdata/rogue, built once, without a
// conf.
var testPrograms = sync.OnceValues(func() (map[string][]byte, error) {
	dir, err := os.MkdirTemp("", "registry-test")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	cmd := exec.Command("go", "build", "-ldflags", "-s -w", "-o", dir, "./testdata/plugin", "./testdata/rogue")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	all := map[string][]byte{}
	for _, name := range []string{"plugin", "rogue"} {
		if all[name], err = os.ReadFile(filepath.Join(dir, name)); err != nil {
			return nil, err
		}
	}
	return all, nil
})

// programBytes returns a program that behaves as c says.
func programBytes(t testing.TB, c conf) []byte {
	t.Helper()
	programs, err := testPrograms()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	name := "plugin"
	if c.Start+c.Answer != "" {
		name = "rogue"
	}
	program := bytes.Clone(programs[name])
	at := bytes.Index(program, []byte(confMark)) + len(confMark)
	if len(text) > 1024 || copy(program[at:], text) != len(text) {
		t.Fatalf("a conf of %d bytes has no room in the program", len(text))
	}
	return program
}

// A bench is a place to open registries in.
type bench struct {
	t       testing.TB
	dir     string // of plugins
	runtime string
	log     *logBook
	Config
}

func newBench(t testing.TB) *bench {
	t.Helper()
	base, err := os.MkdirTemp("", "rt") // t.TempDir is too long for sockets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(base) })
	b := &bench{t: t, dir: filepath.Join(base, "plugins"), runtime: filepath.Join(base, "run"), log: &logBook{}}
	if err := os.Mkdir(b.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	b.Config = Config{
		Dirs: []string{b.dir}, Cache: filepath.Join(base, "cache"), Runtime: b.runtime,
		StartTimeout: 20 * time.Second, WatchTime: time.Hour,
		Logger: hclog.New(&hclog.LoggerOptions{Output: b.log, Level: hclog.Trace, JSONFormat: true}),
	}
	return b
}

// loose makes the registries of b run plugins in no cell: for what they can do
// where there is none, and to see them from within.
func (b *bench) loose() *bench {
	b.Sandbox = sandbox.Off
	return b
}

// pidOf returns the process of a program in the workspace "acme".
func pidOf(t testing.TB, r *Registry, name string) string {
	t.Helper()
	for _, s := range r.slotsOf(name) {
		s.mu.Lock()
		p := s.process
		s.mu.Unlock()
		if s.workspace == "acme" && p != nil {
			return p.child.ID()
		}
	}
	t.Fatalf("no process of %s", name)
	return ""
}

// install puts a program into the plugin folder, as a new file.
func (b *bench) install(name string, c conf) string {
	b.t.Helper()
	if c.Types == nil {
		c.Types = []string{name}
	}
	path := filepath.Join(b.dir, prefix+name)
	b.write(path, programBytes(b.t, c))
	return path
}

func (b *bench) write(path string, data []byte) {
	b.t.Helper()
	if err := os.WriteFile(path+".new", data, 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		b.t.Fatal(err)
	}
}

// open opens a registry, which the test's end closes.
func (b *bench) open() *Registry {
	b.t.Helper()
	r, err := Open(b.t.Context(), b.Config)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		if err := r.Close(); err != nil {
			b.t.Error(err)
		}
	})
	return r
}

// trust trusts programs as they are.
func (b *bench) trust(r *Registry, names ...string) {
	b.t.Helper()
	for _, name := range names {
		o, err := r.Inspect(b.t.Context(), name)
		if err == nil {
			err = r.Trust(b.t.Context(), o)
		}
		if err != nil {
			b.t.Fatal(err)
		}
	}
}

// trusted opens a registry with one trusted program, named after c.
func (b *bench) trusted(name string, c conf) *Registry {
	b.t.Helper()
	b.install(name, c)
	r := b.open()
	b.trust(r, name)
	return r
}

// ask makes a Grant call of what testdata/plugin can do.
func ask(ctx context.Context, r *Registry, workspace, typ, do, arg string) (sdk.Grant, error) {
	return askWith(ctx, r, workspace, typ, sdk.Values{"do": do, "arg": arg})
}

func askWith(ctx context.Context, r *Registry, workspace, typ string, values sdk.Values) (sdk.Grant, error) {
	p, err := r.Plugin(workspace, typ)
	if err != nil {
		return sdk.Grant{}, err
	}
	return p.Grant(ctx, sdk.NewInput(p.Schema(), values))
}

// mustAsk returns the fact that a call brings.
func mustAsk(t testing.TB, r *Registry, typ, do, arg string) string {
	t.Helper()
	g, err := ask(t.Context(), r, "acme", typ, do, arg)
	if err != nil {
		t.Fatalf("%s %s: %v", typ, do, err)
	}
	return g.Facts["it"]
}

// test makes a Test call, which is safe to repeat.
func askTest(ctx context.Context, r *Registry, workspace, typ, do, arg string) error {
	p, err := r.Plugin(workspace, typ)
	if err != nil {
		return err
	}
	return p.(sdk.Tester).Test(ctx, sdk.NewInput(p.Schema(), sdk.Values{"do": do, "arg": arg}), sdk.Grant{})
}

// program returns what the registry says of a program.
func programOf(t testing.TB, r *Registry, name string) Program {
	t.Helper()
	for _, p := range r.Programs() {
		if p.Name == name && p.State != Hidden {
			return p
		}
	}
	t.Fatalf("no program %s in %+v", name, r.Programs())
	return Program{}
}

// eventually waits for what happens by itself.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}

// wantError wants an error that says all of words.
func wantError(t testing.TB, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", words)
	}
	wantWords(t, err.Error(), words...)
}

func wantWords(t testing.TB, text string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("%q does not say %q", text, w)
		}
	}
}

func entries(dir string) []string {
	all, _ := os.ReadDir(dir)
	var names []string
	for _, e := range all {
		names = append(names, e.Name())
	}
	return names
}

func wantEmpty(t testing.TB, dir string) {
	t.Helper()
	if names := entries(dir); len(names) > 0 {
		t.Errorf("%s has %q", dir, names)
	}
}

// alive reports whether a process exists and is no zombie.
func alive(pid string) bool {
	status, err := os.ReadFile("/proc/" + pid + "/status")
	return err == nil && !strings.Contains(string(status), "State:\tZ")
}

// A logBook is a log that tests read.
type logBook struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBook) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// lines returns the lines of the log that contain word, decoded.
func (l *logBook) lines(word string) []map[string]any {
	var all []map[string]any
	for line := range strings.SplitSeq(l.text(), "\n") {
		var m map[string]any
		if strings.Contains(line, word) && json.Unmarshal([]byte(line), &m) == nil {
			all = append(all, m)
		}
	}
	return all
}

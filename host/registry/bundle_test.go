// SPDX-License-Identifier: Apache-2.0

//go:build linux

package registry

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/credhost/credhost/host/sandbox"
)

// bundle installs a plugin that is a folder: its interpreter is testdata/plugin,
// and its program the JSON that this reads.
func (b *bench) bundle(name string, c conf, change func(dir string, m *manifest)) {
	b.t.Helper()
	if c.Types == nil {
		c.Types = []string{name}
	}
	programs, err := testPrograms()
	if err != nil {
		b.t.Fatal(err)
	}
	interpreter := filepath.Join(filepath.Dir(b.dir), "interpreter")
	if _, err := os.Stat(interpreter); err != nil {
		b.write(interpreter, programs["plugin"])
	}
	dir := filepath.Join(b.dir, prefix+name)
	os.MkdirAll(filepath.Join(dir, "lib"), 0o755)
	text, _ := json.Marshal(c)
	b.write(filepath.Join(dir, "main.json"), text)
	b.write(filepath.Join(dir, "lib", "words.txt"), []byte("words"))
	b.write(filepath.Join(dir, "secret.txt"), []byte("not named"))
	m := manifest{Interpreter: interpreter, Main: "main.json", Files: []string{"main.json"}, Data: []string{"lib"}}
	if change != nil {
		change(dir, &m)
	}
	text, _ = json.Marshal(m)
	b.write(filepath.Join(dir, manifestFile), text)
}

func TestBundle(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.bundle("alpha", conf{Version: "1"}, nil)
	r := b.open()
	b.trust(r, "alpha")
	if p := programOf(t, r, "alpha"); p.State != Trusted {
		t.Fatalf("program %+v", p)
	}
	if got := mustAsk(t, r, "alpha", "version", ""); got != "1" {
		t.Errorf("version %q", got)
	}
	cwd := mustAsk(t, r, "alpha", "cwd", "")
	if cwd != filesAt && (r.Sandbox().Level == sandbox.Full || !strings.HasPrefix(cwd, r.run.path+"/")) {
		t.Errorf("it runs in %s", cwd)
	}
	if got := mustAsk(t, r, "alpha", "read", "lib/words.txt"); got != "words<nil>" {
		t.Errorf("its data are %q", got)
	}
	if got := mustAsk(t, r, "alpha", "read", "secret.txt"); !strings.Contains(got, "no such file") {
		t.Errorf("a file that the manifest does not name is %q", got)
	}
	r.Close()
	r = b.open()
	if n := r.run.next.Load(); n != 0 || programOf(t, r, "alpha").State != Trusted {
		t.Errorf("%d starts at Open; %+v", n, programOf(t, r, "alpha"))
	}

	// Whatever changes, the pin notices; and what runs is the copy.
	mustAsk(t, r, "alpha", "pid", "")
	dir := filepath.Join(b.dir, prefix+"alpha")
	for _, file := range []string{filepath.Join(dir, "lib", "words.txt"), filepath.Join(dir, "main.json"), filepath.Join(filepath.Dir(b.dir), "interpreter")} {
		old, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		b.write(file, append(old, '\n'))
		if err := r.Rescan(t.Context()); err != nil {
			t.Fatal(err)
		}
		if p := programOf(t, r, "alpha"); p.State != Changed {
			t.Errorf("%s was changed: %+v", file, p)
		}
		if got := mustAsk(t, r, "alpha", "read", "lib/words.txt"); got != "words<nil>" {
			t.Errorf("its data are %q", got)
		}
		b.write(file, old)
		if err := r.Rescan(t.Context()); err != nil {
			t.Fatal(err)
		}
		if p := programOf(t, r, "alpha"); p.State != Trusted {
			t.Errorf("%s is as it was: %+v", file, p)
		}
	}
	b.write(filepath.Join(dir, "secret.txt"), []byte("changed"))
	if err := r.Rescan(t.Context()); err != nil || programOf(t, r, "alpha").State != Trusted {
		t.Errorf("a file that is no part of it was changed: %+v, %v", programOf(t, r, "alpha"), err)
	}
}

// A bundle may be a program with data.
func TestBundleOfAProgram(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.bundle("alpha", conf{}, func(dir string, m *manifest) {
		b.write(filepath.Join(dir, "alpha"), programBytes(t, conf{Types: []string{"alpha"}}))
		*m = manifest{Main: "alpha", Files: []string{"alpha"}, Data: []string{"lib/words.txt"}}
	})
	r := b.open()
	b.trust(r, "alpha")
	if got := mustAsk(t, r, "alpha", "read", "lib/words.txt"); got != "words<nil>" {
		t.Errorf("its data are %q", got)
	}
	if got := mustAsk(t, r, "alpha", "args", ""); !strings.HasPrefix(got, "credhost-plugin-alpha|") {
		t.Errorf("it is called %q", got)
	}
}

// A bundle has one signature, that of the list of its contents.
func TestSignedBundle(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	a := newAuthor(t)
	sign := func(at int64) {
		dir := filepath.Join(b.dir, prefix+"alpha")
		var list strings.Builder
		for _, name := range []string{"plugin.json", "main.json", "lib/words.txt"} {
			fmt.Fprintf(&list, "%s  ./%s\n", digestOf(read1(t, filepath.Join(dir, name))).hex(), name)
		}
		b.write(filepath.Join(dir, sumsFile), []byte(list.String()))
		b.signs(a, filepath.Join(dir, sumsFile), fmt.Sprintf("plugin:alpha timestamp:%d", at))
	}
	b.bundle("alpha", conf{Version: "1"}, nil)
	r := b.open()
	if _, err := r.InspectSigned(t.Context(), "alpha", a.key); err == nil || !strings.Contains(err.Error(), "SHA256SUMS.minisig is not there") {
		t.Errorf("without a signature: %v", err)
	}
	sign(1000)
	b.trustSigned(r, "alpha", a.key)
	b.bundle("alpha", conf{Version: "2"}, nil)
	sign(2000)
	rescan(t, r)
	if p := programOf(t, r, "alpha"); p.State != Trusted || p.Version != "2" {
		t.Errorf("program %+v", p)
	}
	// Another interpreter is not the author's to sign.
	interpreter := filepath.Join(filepath.Dir(b.dir), "interpreter")
	b.write(interpreter, append(read1(t, interpreter), '\n'))
	b.bundle("alpha", conf{Version: "3"}, nil)
	sign(3000)
	rescan(t, r)
	if p := programOf(t, r, "alpha"); p.State != Changed || !strings.Contains(p.Fault, "asks for more") {
		t.Errorf("program %+v", p)
	}
	o, err := r.Inspect(t.Context(), "alpha")
	if err != nil || len(o.Changes) != 1 || o.Changes[0].Of != "interpreter" {
		t.Errorf("offer %+v, %v", o.Changes, err)
	}
	// A list with another file than the one that is there.
	b.bundle("alpha", conf{Version: "4"}, nil)
	if _, err := r.Inspect(t.Context(), "alpha"); err == nil || !strings.Contains(err.Error(), "main.json is not what SHA256SUMS lists") {
		t.Errorf("a list of another version: %v", err)
	}
}

func TestBadBundles(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	outside := filepath.Join(t.TempDir(), "outside")
	os.WriteFile(outside, nil, 0o644)
	for name, change := range map[string]func(dir string, m *manifest){
		"leaves":   func(dir string, m *manifest) { os.Symlink(outside, filepath.Join(dir, "lib", "link")) },
		"up":       func(dir string, m *manifest) { m.Data = []string{"../" + prefix + "leaves/main.json"} },
		"absent":   func(dir string, m *manifest) { m.Files = append(m.Files, "absent.py") },
		"main":     func(dir string, m *manifest) { m.Main = "lib/other.json" },
		"relative": func(dir string, m *manifest) { m.Interpreter = "python3" },
		"gone":     func(dir string, m *manifest) { m.Interpreter = "/no/such/interpreter" },
		"open":     func(dir string, m *manifest) { os.Chmod(filepath.Join(dir, "lib", "words.txt"), 0o666) },
		"shim": func(dir string, m *manifest) {
			b.write(filepath.Join(dir, "shim"), []byte("#!/bin/sh\n"))
			m.Interpreter = filepath.Join(dir, "shim")
		},
	} {
		b.bundle(name, conf{}, change)
	}
	os.Mkdir(filepath.Join(b.dir, prefix+"bare"), 0o755)
	dir := filepath.Join(b.dir, prefix+"typo")
	os.Mkdir(dir, 0o755)
	os.WriteFile(filepath.Join(dir, manifestFile), []byte(`{"main":"x","file":["x"]}`), 0o644)
	dir = filepath.Join(b.dir, prefix+"twice")
	os.Mkdir(dir, 0o755)
	os.WriteFile(filepath.Join(dir, manifestFile), []byte(`{"main":"x","files":["x"],"main":"y"}`), 0o644)
	r := b.open()
	for name, words := range map[string][]string{
		"twice":    {"is not a manifest", `the name "main" twice`},
		"leaves":   {"lib/link", "leads out of the folder"},
		"up":       {"must be the path of a file below this folder"},
		"absent":   {"absent.py", "is not there"},
		"main":     {`main "lib/other.json" is not among the files`},
		"relative": {`interpreter "python3" must be an absolute path`},
		"gone":     {"/no/such/interpreter is not there"},
		"open":     {"everybody may write to lib/words.txt"},
		"shim":     {"is a script"},
		"bare":     {"needs this manifest", manifestFile},
		"typo":     {"is not a manifest", `"file"`},
	} {
		_, err := r.Inspect(t.Context(), name)
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		wantWords(t, err.Error(), append(words, "plugin "+name)...)
	}
}

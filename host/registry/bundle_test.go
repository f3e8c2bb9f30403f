// SPDX-License-Identifier: Apache-2.0

//go:build linux

package registry

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
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
	if !strings.HasPrefix(cwd, r.run.path+"/") {
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
	if got := mustAsk(t, r, "alpha", "args", ""); got != "credhost-plugin-alpha|credhost-plugin" {
		t.Errorf("it is called %q", got)
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
	r := b.open()
	for name, words := range map[string][]string{
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

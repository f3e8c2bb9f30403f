// SPDX-License-Identifier: Apache-2.0

//go:build linux

package registry

import (
	"debug/elf"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// grove makes a folder with a little of everything.
func grove(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "grove")
	err := errors.Join(
		os.MkdirAll(filepath.Join(dir, "lib", "deep"), 0o755),
		os.WriteFile(filepath.Join(dir, "lib", "a.txt"), []byte("a"), 0o644),
		os.WriteFile(filepath.Join(dir, "lib", "deep", "b.txt"), []byte("b"), 0o644),
		os.Symlink("a.txt", filepath.Join(dir, "lib", "link")),
	)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func mustDigest(t testing.TB, dir string) digest {
	t.Helper()
	d, _, err := treeDigest(dir)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// The digest of a folder changes with whatever an interpreter could notice, and
// with nothing else.
func TestTreeDigest(t *testing.T) {
	t.Parallel()
	pristine := mustDigest(t, grove(t))
	for name, change := range map[string]func(dir string) error{
		"bytes":       func(dir string) error { return os.WriteFile(filepath.Join(dir, "lib", "a.txt"), []byte("x"), 0o644) },
		"a new file":  func(dir string) error { return os.WriteFile(filepath.Join(dir, "new"), nil, 0o644) },
		"a new dir":   func(dir string) error { return os.Mkdir(filepath.Join(dir, "new"), 0o755) },
		"a lost file": func(dir string) error { return os.Remove(filepath.Join(dir, "lib", "deep", "b.txt")) },
		"a name":      func(dir string) error { return os.Rename(filepath.Join(dir, "lib"), filepath.Join(dir, "lob")) },
		"a mode":      func(dir string) error { return os.Chmod(filepath.Join(dir, "lib", "a.txt"), 0o755) },
		"a dir's":     func(dir string) error { return os.Chmod(filepath.Join(dir, "lib"), 0o775) },
		"a link": func(dir string) error {
			link := filepath.Join(dir, "lib", "link")
			return errors.Join(os.Remove(link), os.Symlink("deep/b.txt", link))
		},
		"a link that is a file": func(dir string) error {
			link := filepath.Join(dir, "lib", "link")
			return errors.Join(os.Remove(link), os.WriteFile(link, []byte("a"), 0o644))
		},
	} {
		dir := grove(t)
		if got := mustDigest(t, dir); got != pristine {
			t.Fatalf("another folder with the same has the digest %s, want %s", got, pristine)
		}
		if err := change(dir); err != nil {
			t.Fatal(err)
		}
		if mustDigest(t, dir) == pristine {
			t.Errorf("%s: the digest is the same", name)
		}
	}
}

// What is read again is what has changed, even if its size and time are put
// back.
func TestLedger(t *testing.T) {
	t.Parallel()
	dir := grove(t)
	l := newLedger()
	look := func(path string) verified {
		t.Helper()
		v, err := l.look(path)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	file := filepath.Join(dir, "lib", "a.txt")
	first, single := look(dir), look(file)
	if !first.read.Folder || single.read.Folder || single.read.Digest != digestOf([]byte("a")) {
		t.Errorf("read %+v and %+v", first.read, single.read)
	}
	if look(dir).state != first.state {
		t.Error("nothing has changed, and it was read again")
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(file, []byte("x"), 0o644), os.Chtimes(file, info.ModTime(), info.ModTime())); err != nil {
		t.Fatal(err)
	}
	if look(dir).read.Digest == first.read.Digest || look(file).read.Digest == single.read.Digest {
		t.Error("a file was changed and its time put back: it was not read again")
	}
}

func TestTreeRefusals(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(dir string) error
		want   string
	}{
		"open file": {func(dir string) error { return os.Chmod(filepath.Join(dir, "lib", "a.txt"), 0o666) }, "everybody may write to"},
		"open dir":  {func(dir string) error { return os.Chmod(filepath.Join(dir, "lib"), 0o777) }, "everybody may write to"},
		"secret":    {func(dir string) error { return os.Chmod(filepath.Join(dir, "lib", "a.txt"), 0o640) }, "not for everybody to read"},
		"closed":    {func(dir string) error { return os.Chmod(dir, 0o750) }, "not for everybody to read"},
		"pipe":      {func(dir string) error { return unix.Mkfifo(filepath.Join(dir, "lib", "pipe"), 0o644) }, "is neither a file nor a folder"},
		"gone":      {os.RemoveAll, "is not there"},
		"too much": {func(dir string) error {
			f, err := os.Create(filepath.Join(dir, "huge"))
			return errors.Join(err, f.Truncate(maxTreeBytes+1), f.Close())
		}, "is too much"},
	} {
		dir := grove(t)
		if err := c.change(dir); err != nil {
			t.Fatal(err)
		}
		if _, err := newLedger().look(dir); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestCheckSystem(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/usr/lib/python3.11": "", "/opt/node": "", "/usr/lib/x86_64-linux-gnu/libz.so.1": "", "/nix/store/abc-python": "", "/tmpl/x": "",
		"lib": "must be an absolute path", "/usr/lib/": "must be an absolute path", "/usr/../etc": "must be an absolute path",
		"/": "is too much", "/usr": "is too much", "/etc": "is too much", "/home": "is too much",
		"/proc/self": "is not for plugins", "/sys": "is not for plugins", "/dev/shm": "is not for plugins", "/run/secrets": "is not for plugins", "/tmp/x": "is not for plugins",
	} {
		err := checkSystem(path)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
}

func TestDisjoint(t *testing.T) {
	t.Parallel()
	var paths []string
	for _, r := range disjoint([]read{{Path: "/a/c"}, {Path: "/a", Folder: true}, {Path: "/a-b"}, {Path: "/a/d", Folder: true}, {Path: "/a-b"}, {Path: "/b"}, {Path: "/b/c"}}) {
		paths = append(paths, r.String())
	}
	if want := []string{"/a/", "/a-b", "/b", "/b/c"}; !slices.Equal(paths, want) {
		t.Errorf("got %q, want %q", paths, want)
	}
}

// standing returns a folder of the system: what is in /tmp no manifest may name.
func standing(t *testing.T) string {
	t.Helper()
	at, err := os.Getwd()
	if strings.HasPrefix(at, "/tmp/") {
		at, err = os.UserCacheDir()
	}
	if err := errors.Join(err, os.MkdirAll(at, 0o755)); err != nil || strings.HasPrefix(at, "/tmp/") {
		t.Skip("NOT TESTED: this checkout is in /tmp, and so is this user's cache")
	}
	dir, err := os.MkdirTemp(at, "system-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// What a manifest names of the system is pinned with the plugin, and so are the
// libraries that the shared objects in it are linked with.
func TestSystemIsPinned(t *testing.T) {
	t.Parallel()
	sh := shell(t)
	dir := standing(t)
	library := anyLibrary(t)
	data, err := os.ReadFile(library)
	if err != nil {
		t.Fatal(err)
	}
	words := filepath.Join(dir, "words.txt")
	for path, data := range map[string][]byte{words: []byte("words"), filepath.Join(dir, "module.so"): data} {
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b := newBench(t).loose()
	b.bundle("alpha", conf{}, func(own string, m *manifest) {
		b.write(filepath.Join(own, "program"), programBytes(b.t, conf{Types: []string{"alpha"}}))
		b.write(filepath.Join(own, "start.sh"), []byte("exec ./program\n"))
		*m = manifest{Interpreter: sh, Main: "start.sh", Files: []string{"start.sh", "program"}, System: []string{dir}}
	})
	r := b.open()
	o, err := r.Inspect(t.Context(), "alpha")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(o.Reads, dir+"/") {
		t.Errorf("it reads %q, and not %s", o.Reads, dir)
	}
	for _, name := range objectAt(library).needs {
		if !slices.ContainsFunc(o.Reads, func(path string) bool { return filepath.Base(path) == name }) {
			t.Errorf("it reads %q, and not %s, which a module in %s needs", o.Reads, name, dir)
		}
	}
	if err := r.Trust(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	mustAsk(t, r, "alpha", "pid", "")
	r.Close()

	if err := os.WriteFile(words, []byte("other"), 0o644); err != nil {
		t.Fatal(err)
	}
	r = b.open()
	_, err = ask(t.Context(), r, "acme", "alpha", "pid", "")
	wantError(t, err, "plugin alpha cannot be started", dir+"/, which it reads, has changed since it was trusted")
	if err := os.WriteFile(words, []byte("words"), 0o644); err != nil {
		t.Fatal(err)
	}
	r.Reset("alpha")
	mustAsk(t, r, "alpha", "pid", "")
}

// anyLibrary returns a library of the system that is linked with another one
// than the shell is.
func anyLibrary(t *testing.T) string {
	t.Helper()
	for _, dir := range libraryDirs() {
		all, _ := os.ReadDir(dir)
		for _, e := range all {
			path := filepath.Join(dir, e.Name())
			if info, err := os.Stat(path); err != nil || info.Mode()&fs.ModeType != 0 || !strings.Contains(e.Name(), ".so") {
				continue
			}
			if o := objectAt(path); o != nil && slices.Contains(o.needs, "libm.so.6") && o.machine == machines[runtime.GOARCH] {
				return path
			}
		}
	}
	t.Skip("SKIPPED: libraries of modules are not tested, since no library of this system is linked with libm")
	return ""
}

// A program cannot have any file of the system shown to it by calling it its
// loader or its library.
func TestOnlyObjectsAreLoaded(t *testing.T) {
	t.Parallel()
	path := shell(t)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	loader := interpreterOf(f)
	text := string(data)
	stolen := "/etc/passwd" + strings.Repeat("\x00", len(loader)-len("/etc/passwd"))
	file := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(file, []byte(strings.Replace(text, loader, stolen, 1)), 0o755); err != nil {
		t.Fatal(err)
	}
	a := newAlbum(t.TempDir())
	bin, err := a.seal(file, "program")
	if err != nil {
		t.Fatal(err)
	}
	defer bin.file.Close()
	_, err = a.closure(bin, file, nil)
	wantError(t, err, "asks for the loader /etc/passwd, which is not there or is none")
}

// The libraries of a bundle's own shared objects are read, too; those that the
// bundle has itself are not the system's.
func TestObjectsOfBundles(t *testing.T) {
	t.Parallel()
	sh, library := shell(t), anyLibrary(t)
	b := newBench(t)
	b.bundle("alpha", conf{}, func(dir string, m *manifest) {
		b.write(filepath.Join(dir, "lib", "module.node"), read1(t, library))
		b.write(filepath.Join(dir, "start.sh"), []byte("exec ./program\n"))
		*m = manifest{Interpreter: sh, Main: "start.sh", Files: []string{"start.sh", "lib"}}
	})
	i, err := newAlbum(t.TempDir()).make(found{name: "alpha", path: filepath.Join(b.dir, prefix+"alpha"), bundle: true})
	if err != nil {
		t.Fatal(err)
	}
	defer i.discard()
	has := func(name string) bool {
		return slices.ContainsFunc(i.reads, func(r read) bool { return filepath.Base(r.Path) == name })
	}
	if !has("libm.so.6") || has("module.node") {
		t.Errorf("it reads %v", i.reads)
	}
}

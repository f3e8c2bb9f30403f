// SPDX-License-Identifier: Apache-2.0

//go:build unix

package registry

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestFind(t *testing.T) {
	t.Parallel()
	first, second := t.TempDir(), t.TempDir()
	outside := filepath.Join(t.TempDir(), "program")
	file := func(path string, mode os.FileMode) string {
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	file(outside, 0o755)
	file(filepath.Join(first, prefix+"both"), 0o755)
	file(filepath.Join(second, prefix+"both"), 0o755)
	file(filepath.Join(second, prefix+"later"), 0o755)
	file(filepath.Join(first, prefix+"plain"), 0o644)
	file(filepath.Join(first, prefix+"open"), 0o757)
	file(filepath.Join(first, prefix+"Upper"), 0o755)
	file(filepath.Join(first, prefix+"signed"), 0o755)
	file(filepath.Join(first, prefix+"signed.minisig"), 0o644) // no programs
	file(filepath.Join(first, prefix+"signed~"), 0o755)
	file(filepath.Join(first, "other"), 0o755)
	os.Symlink(outside, filepath.Join(first, prefix+"leaves"))
	os.Symlink(prefix+"signed", filepath.Join(first, prefix+"stays"))
	os.Symlink("nowhere", filepath.Join(first, prefix+"dangles"))
	os.Mkdir(filepath.Join(first, prefix+"folder"), 0o755)
	syscall.Mkfifo(filepath.Join(first, prefix+"pipe"), 0o755)

	all, err := find([]string{first, filepath.Join(first, "not-there"), second})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, f := range all {
		what := "fine"
		switch {
		case f.hidden != "":
			what = "hidden by " + f.hidden
		case f.err != nil:
			what = f.err.Error()
		case f.bundle:
			what = "folder"
		}
		dir := "1/"
		if strings.HasPrefix(f.path, second) {
			dir = "2/"
		}
		got[dir+f.name] = what
	}
	at := filepath.Join(first, prefix)
	want := map[string]string{
		"1/both": "fine", "2/both": "hidden by " + at + "both", "2/later": "fine",
		"1/plain":   "it is not executable: chmod +x " + at + "plain",
		"1/open":    "everybody may write to it: chmod o-w " + at + "open",
		"1/Upper":   `the name after "credhost-plugin-" must have lower-case letters, digits and hyphens: rename it`,
		"1/signed":  "fine",
		"1/leaves":  "it is a symbolic link to " + outside + ", outside its folder: put the program itself there",
		"1/stays":   "fine",
		"1/dangles": at + "dangles is not there",
		"1/folder":  "folder",
		"1/pipe":    "it is not a file: put a program in its place",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}

	os.Chmod(second, 0o777)
	all, _ = find([]string{second})
	for _, f := range all {
		if f.err == nil || !strings.Contains(f.err.Error(), "everybody may write to its folder: chmod o-w "+second) {
			t.Errorf("%s in a folder for everybody: %v", f.name, f.err)
		}
	}
}

// A program that becomes a pipe between two looks does not stop the host.
func TestPipeInTheWay(t *testing.T) {
	t.Parallel()
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o755); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		_, err := newAlbum(t.TempDir()).seal(pipe, "pipe")
		done <- err
	}()
	select {
	case err := <-done:
		wantError(t, err, "is not a regular file")
	case <-time.After(10 * time.Second):
		t.Fatal("the pipe is waited for")
	}
}

func TestPrograms(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	second := filepath.Join(t.TempDir(), "second")
	os.Mkdir(second, 0o755)
	b.Dirs = append(b.Dirs, second)
	b.install("alpha", conf{})
	os.Rename(b.install("beta", conf{}), filepath.Join(second, prefix+"beta"))
	b.write(filepath.Join(second, prefix+"alpha"), []byte("another"))
	r := b.open()
	var got []string
	for _, p := range r.Programs() {
		got = append(got, p.Name+" "+string(p.State)+" "+filepath.Base(filepath.Dir(p.Path)))
	}
	if d := cmp.Diff([]string{"alpha untrusted plugins", "alpha hidden second", "beta untrusted second"}, got); d != "" {
		t.Error(d)
	}
	wantWords(t, r.Programs()[1].Fault, "has the same name and is in an earlier folder")
	_, err := r.Inspect(t.Context(), "gamma")
	wantError(t, err, "there is no credhost-plugin-gamma in "+b.dir)
}

func TestRuntimeFolderMustBePrivate(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	os.Mkdir(b.runtime, 0o755)
	_, err := Open(t.Context(), b.Config)
	wantError(t, err, "runtime folder "+b.runtime, "with mode 0700")
	os.Chmod(b.runtime, 0o700)
	b.open()
	b.Runtime = filepath.Join(b.runtime, strings.Repeat("long", 25))
	_, err = Open(t.Context(), b.Config)
	wantError(t, err, "the paths of sockets in it would have", "set a shorter one")
}

// SPDX-License-Identifier: Apache-2.0

//go:build linux

package registry

import (
	"debug/elf"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// shell is a program of the system that is not static, which a plugin can be
// interpreted by.
func shell(t *testing.T) string {
	const path = "/bin/sh"
	f, err := elf.Open(path)
	if err != nil {
		t.Skipf("SKIPPED: what a program loads is not tested, since there is no %s: %v", path, err)
	}
	defer f.Close()
	if interpreterOf(f) == "" {
		t.Skipf("SKIPPED: what a program loads is not tested, since %s is static", path)
	}
	return path
}

// wrapped installs a plugin that the system's shell starts.
func (b *bench) wrapped(name, shell string) {
	b.bundle(name, conf{}, func(dir string, m *manifest) {
		b.write(filepath.Join(dir, "program"), programBytes(b.t, conf{Types: []string{name}}))
		b.write(filepath.Join(dir, "start.sh"), []byte("exec ./program\n"))
		*m = manifest{Interpreter: shell, Main: "start.sh", Files: []string{"start.sh", "program"}}
	})
}

// What a program that is not static loads is pinned with it.
func TestLibrariesArePinned(t *testing.T) {
	t.Parallel()
	path := shell(t)
	b := newBench(t).loose()
	b.wrapped("alpha", path)
	r := b.open()
	o, err := r.Inspect(t.Context(), "alpha")
	if err != nil {
		t.Fatal(err)
	}
	reads := strings.Join(o.Reads, " ")
	if len(o.Reads) < 2 || !strings.Contains(reads, "ld-") || !strings.Contains(reads, "libc") && !strings.Contains(reads, "musl") {
		t.Errorf("it loads %q", o.Reads)
	}
	if err := r.Trust(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	mustAsk(t, r, "alpha", "pid", "")

	lock := filepath.Join(b.dir, "credhost.lock")
	for _, change := range []struct {
		edit func(*pin)
		want string
	}{
		{func(p *pin) { p.Reads[0].Digest = digestOf([]byte("x")) }, o.Reads[0] + ", which it reads, has changed since it was trusted"},
		{func(p *pin) { p.Reads = p.Reads[1:] }, "it reads other files of the system than when it was trusted"},
	} {
		err := editLock(t.Context(), lock, func(l *lockFile) error {
			p := l.Programs["alpha"].Platforms[platform]
			change.edit(&p)
			l.Programs["alpha"].Platforms[platform] = p
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		r := b.open()
		_, err = ask(t.Context(), r, "acme", "alpha", "pid", "")
		wantError(t, err, "plugin alpha cannot be started", change.want, "trust it again")
		r.Close()
		if err := b.open().Trust(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
}

func TestInspectRefusesOtherMachines(t *testing.T) {
	t.Parallel()
	path := shell(t)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	other := append([]byte(nil), data...)
	other[18], other[19] = byte(elf.EM_S390), 0 // e_machine
	library := append([]byte(nil), data...)
	library[16] = byte(elf.ET_CORE) // e_type
	lost := []byte(strings.ReplaceAll(string(data), "libc.so", "libq.so"))
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"machine": {other, "for another machine, EM_S390: build it for " + platform},
		"core":    {library, "is not a program but ET_CORE"},
		"library": {lost, "its library libq.so"},
	} {
		file := filepath.Join(t.TempDir(), "program")
		if err := os.WriteFile(file, c.data, 0o755); err != nil {
			t.Fatal(err)
		}
		bin, err := newAlbum(t.TempDir()).seal(file, "program")
		if err != nil {
			t.Fatal(err)
		}
		_, err = bin.inspect(file, nil)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		bin.file.Close()
	}
}

// Where memory may not be executed, a copy in the private folder is.
func TestSealCopy(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	path := b.install("alpha", conf{})
	r := b.open()
	bin, err := r.album.sealCopy(path, prefix+"alpha")
	if err != nil {
		t.Fatal(err)
	}
	want, _ := hashFile(path)
	if bin.digest != want || !strings.HasPrefix(bin.path, r.run.path+"/images/") {
		t.Errorf("copy %+v of %s", bin, want)
	}
	i := &image{digest: bin.digest, path: bin.path, args: []string{prefix + "alpha"}, held: bin.file, remove: bin.remove}
	p, err := r.launch(t.Context(), "alpha", i, nil)
	if err != nil {
		t.Fatal(err)
	}
	p.stop()
	i.discard()
	wantEmpty(t, filepath.Join(r.run.path, "images"))
}

func TestSealedImageCannotChange(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	path := b.install("alpha", conf{})
	bin, err := newAlbum(t.TempDir()).seal(path, "alpha")
	if err != nil {
		t.Fatal(err)
	}
	defer bin.file.Close()
	if _, err := bin.file.WriteAt([]byte("x"), 0); err == nil {
		t.Error("a sealed image was written to")
	}
	if err := bin.file.Truncate(1); err == nil {
		t.Error("a sealed image was cut")
	}
	w, err := os.OpenFile(bin.path, os.O_WRONLY, 0)
	if err == nil {
		_, err = w.Write([]byte("x"))
		w.Close()
	}
	if err == nil {
		t.Error("a sealed image was written to by its path")
	}
	if text, err := json.Marshal(bin.digest); err != nil || !digest(strings.Trim(string(text), `"`)).valid() {
		t.Errorf("digest %s, %v", text, err)
	}
}

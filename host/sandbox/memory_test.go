// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package sandbox

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// What is frozen runs, and nobody can change it: not this process, by any of
// the ways that there are, and not the user that it belongs to.
func TestMemoryIsFrozen(t *testing.T) {
	dir := t.TempDir()
	if Probe(dir).Level != Full {
		t.Fatal("there is no full cell here, and without it no memory")
	}
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	m, err := OpenMemory(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	in, err := os.Open("/bin/true")
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := m.Create("true")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	out.Close()
	f, err := m.Freeze("true", true)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	path := "/proc/self/fd/" + strconv.Itoa(int(f.Fd()))
	if err := exec.Command(path).Run(); err != nil {
		t.Errorf("it does not run: %v", err)
	}
	for what, err := range map[string]error{
		"written to":             errOf(unix.Write(int(f.Fd()), []byte("x"))),
		"opened for writing":     errOf(os.OpenFile(path, os.O_WRONLY, 0)),
		"cut off":                unix.Ftruncate(int(f.Fd()), 1),
		"given another mode":     f.Chmod(0o700),
		"replaced":               unix.Unlinkat(int(m.read.Fd()), "true", 0),
		"accompanied":            errOf(unix.Openat(int(m.read.Fd()), "more", unix.O_CREAT|unix.O_WRONLY, 0o600)),
		"mapped to be written":   errOf(unix.Mmap(int(f.Fd()), 0, 4096, unix.PROT_WRITE, unix.MAP_SHARED)),
		"reached as it was made": errOf(m.Create("more")),
	} {
		if err == nil {
			t.Errorf("it can be %s", what)
		}
	}
	if info, err := f.Stat(); err != nil || info.Mode().Perm() != 0o111 {
		t.Errorf("its mode is %v, %v", info.Mode(), err)
	}
	if now, _ := os.ReadFile("/proc/self/mountinfo"); string(now) != string(mounts) {
		t.Error("the mounts of this process have changed")
	}
	if err := errors.Join(m.Close()); err != nil {
		t.Error(err)
	}
}

// A process with descriptors that its children inherit, as the workers of a
// fuzz test have them, gets no other memory.
func TestMemoryOfAnHeir(t *testing.T) {
	cmd := exec.Command(os.Args[0], "-test.run", "^TestMemoryIsFrozen$")
	for range 5 {
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		cmd.ExtraFiles = append(cmd.ExtraFiles, f)
	}
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, text)
	}
}

func errOf[T any](_ T, err error) error { return err }

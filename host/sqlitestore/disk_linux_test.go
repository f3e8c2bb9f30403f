// SPDX-License-Identifier: Apache-2.0

package sqlitestore

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func init() { roles["fill"] = fillDisk }

// fillDisk mounts a disk of 1 MB on the folder, which nobody else sees, and
// fills it; then it makes the disk read-only.
func fillDisk(path string) error {
	ctx, dir := context.Background(), filepath.Dir(path)
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		return err
	}
	s, err := Open(ctx, Config{Path: path})
	if err != nil {
		return err
	}
	kept := 0
	for ; err == nil; kept++ {
		err = s.Create(ctx, newCanary(kept, 5000))
	}
	kept--
	fmt.Println("full", err)
	for i := range kept {
		r, err := s.Get(ctx, "acme", newCanary(i, 0).ID)
		if err != nil || len(r.Sealed) < 5000 {
			return fmt.Errorf("record %d of %d, of %d bytes: %w", i, kept, len(r.Sealed), err)
		}
	}
	if err := s.Check(ctx); err != nil {
		return err
	}
	if err := s.Close(); err != nil {
		return err
	}
	fmt.Println("kept", kept)

	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, "size=1m"); err != nil {
		return err
	}
	if s, err = Open(ctx, Config{Path: path}); err == nil {
		err = s.Save(ctx, killRecord("00000", 2), nil)
	}
	fmt.Println("read-only", err)
	_, err = Open(ctx, Config{Path: filepath.Join(dir, "new.db")})
	fmt.Println("new", err)
	_, err = Open(ctx, Config{Path: filepath.Join(dir, "new", "new.db")})
	fmt.Println("new folder", err)
	return nil
}

func TestFullAndReadOnlyDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "credhost.db")
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(program)
	c.Env = append(os.Environ(), childRole+"=fill", childPath+"="+path)
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := c.CombinedOutput()
	if len(out) == 0 && err != nil {
		t.Skipf("SKIPPED: this machine lets no process mount a disk of its own: %v", err)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("\n%s", out)
	said := make(map[string]string)
	for line := range strings.Lines(string(out)) {
		for _, what := range []string{"full", "read-only", "new folder", "new"} {
			if rest, ok := strings.CutPrefix(line, what+" "); ok {
				said[what] = rest
				break
			}
		}
	}
	for what, parts := range map[string][]string{
		"full":       {"make room and try again"},
		"read-only":  {"the right to write"},
		"new":        {"the right to write"},
		"new folder": {"make it with the permissions 0700"},
	} {
		for _, part := range append(parts, filepath.Dir(path)) {
			if !strings.Contains(said[what], part) {
				t.Errorf("%s: the error does not say %q: %s", what, part, said[what])
			}
		}
	}
}

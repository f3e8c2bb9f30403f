// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package sandbox

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// hierarchy returns a group in which a test may make groups.
func hierarchy(t *testing.T) (dir string, controllers []string) {
	t.Helper()
	for _, at := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		dir := filepath.Join(at, "credhost-test-"+strconv.Itoa(os.Getpid()))
		if os.Mkdir(dir, 0o755) != nil {
			continue
		}
		has, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
		if err != nil {
			os.Remove(dir)
			continue
		}
		t.Cleanup(func() { os.Remove(dir) })
		return dir, strings.Fields(string(has))
	}
	t.Skip("NOT TESTED: this user may make no control groups of version 2 here")
	return "", nil
}

// A cell's processes are in a group of its own, which is gone when they are.
func TestCgroup(t *testing.T) {
	dir, has := hierarchy(t)
	g, err := openCgroup(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if all, err := OpenCgroup(dir); err == nil {
		g = all
	} else if !strings.Contains(err.Error(), "has no controller") {
		t.Errorf("with the controllers %q: %v", has, err)
	}
	group, err := g.Make(Bounds{})
	if err != nil {
		t.Fatal(err)
	}
	c := Cell{Level: Full, Program: sealed(t), Args: []string{"probe", "hang"}, Sockets: t.TempDir()}
	cmd, run, err := c.Command()
	if err != nil {
		t.Fatal(err)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, UseCgroupFD: true, CgroupFD: group.FD()}
	err = cmd.Start()
	run.Started()
	if err != nil {
		t.Fatal(err)
	}
	run.Folder()
	run.Go()
	in, err := os.ReadFile(filepath.Join(group.dir.Name(), "cgroup.procs"))
	if err != nil || len(strings.Fields(string(in))) != 2 {
		t.Errorf("the group has %q, %v; want the shim and the program", in, err)
	}
	if err := group.Close(); err != nil { // which kills them
		t.Error(err)
	}
	cmd.Wait()
	run.Close()
	if left, _ := filepath.Glob(filepath.Join(dir, "cell-*")); len(left) != 0 {
		t.Errorf("%q is left", left)
	}
}

func TestCgroupElsewhere(t *testing.T) {
	if _, err := OpenCgroup(t.TempDir()); err == nil || !strings.Contains(err.Error(), "not in the hierarchy of version 2") {
		t.Errorf("a folder that is no group: %v", err)
	}
}

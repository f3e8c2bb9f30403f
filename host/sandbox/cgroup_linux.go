// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// A Cgroup is a control group that was delegated to this host, below which
// each cell gets one of its own: its limits hold for all of a program's memory
// together, the kernel's on its behalf included, where those of a process
// ([Bounds]) do not. It is safe for concurrent use.
type Cgroup struct {
	dir  string
	next atomic.Int64
}

// controllers are those that a cell's group needs.
var controllers = []string{"memory", "pids"}

// OpenCgroup uses the control group at dir, in the hierarchy of version 2. It
// must hold no process, must be this user's to write, and must have the
// controllers memory and pids: systemd gives a service such a group below its
// own with Delegate=memory pids.
func OpenCgroup(dir string) (*Cgroup, error) { return openCgroup(dir, controllers) }

func openCgroup(dir string, controllers []string) (*Cgroup, error) {
	var at unix.Statfs_t
	if err := unix.Statfs(dir, &at); err != nil {
		return nil, fmt.Errorf("control group %s: %w", dir, err)
	}
	if at.Type != unix.CGROUP2_SUPER_MAGIC {
		return nil, fmt.Errorf("control group %s: is not in the hierarchy of version 2", dir)
	}
	has, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return nil, fmt.Errorf("control group %s: %w", dir, err)
	}
	for _, c := range controllers {
		if !slices.Contains(strings.Fields(string(has)), c) {
			return nil, fmt.Errorf("control group %s: has no controller %q: delegate it, with systemd as Delegate=%s", dir, c, strings.Join(controllers, " "))
		}
		if err := tell(filepath.Join(dir, "cgroup.subtree_control"), "+"+c); err != nil {
			return nil, fmt.Errorf("control group %s: its controller %q cannot be used below it: it may hold no process, and must be this user's: %w", dir, c, err)
		}
	}
	return &Cgroup{dir: dir}, nil
}

// tell writes to a file of a control group.
func tell(file, what string) error {
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(what)
	return errors.Join(err, f.Close())
}

// A Group is the control group of one cell.
type Group struct {
	dir *os.File
}

// Make makes a group with the limits of b: its memory, swap included, and its
// threads. The caller must Close it.
func (g *Cgroup) Make(b Bounds) (*Group, error) {
	b = b.WithDefaults()
	dir := filepath.Join(g.dir, fmt.Sprintf("cell-%d-%d", os.Getpid(), g.next.Add(1)))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, fmt.Errorf("its control group: %w", err)
	}
	f, err := os.Open(dir)
	group := &Group{f}
	for _, l := range []struct {
		file, value string
	}{
		{"memory.max", strconv.FormatInt(b.Memory, 10)}, {"memory.swap.max", "0"}, {"memory.oom.group", "1"},
		{"pids.max", strconv.Itoa(b.Threads + 1)}, // and the shim
	} {
		if err != nil {
			break
		}
		if err = tell(filepath.Join(dir, l.file), l.value); errors.Is(err, fs.ErrNotExist) {
			err = nil // a kernel without swap has no limit of it; what must be there, OpenCgroup has seen
		}
	}
	if err != nil {
		os.Remove(dir)
		return nil, fmt.Errorf("its control group: %w", err)
	}
	return group, nil
}

// FD returns the descriptor of the group's folder, for
// [syscall.SysProcAttr].CgroupFD.
func (g *Group) FD() int { return int(g.dir.Fd()) }

// Close ends what is left in the group, and removes it.
func (g *Group) Close() error {
	defer g.dir.Close()
	tell(filepath.Join(g.dir.Name(), "cgroup.kill"), "1") // Linux 5.14; there should be nothing to kill
	var err error
	for wait := time.Millisecond; wait < time.Second; wait *= 2 {
		if err = unix.Rmdir(g.dir.Name()); err == nil || !errors.Is(err, unix.EBUSY) {
			return err
		}
		time.Sleep(wait)
	}
	return err
}

// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package sandbox

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Probe makes cells, the full one first, until there is one that the kernel
// allows, and reports what it found. Dir is a private folder of the host's,
// which it leaves as it was.
//
// Only what cannot be had is missing from a cell: a part that the best cell
// has is never left out of one later, in silence, because an attempt failed.
func Probe(dir string) Report {
	r := Report{Level: None}
	var lacks *Error
	for _, level := range []Level{Full, Partial} {
		err := try(level, dir)
		if err == nil {
			r.Level = level
			break
		}
		if !errors.As(err, &lacks) || lacks.Part == "" {
			r.Why = err.Error()
			break
		}
		if r.Why == "" {
			r.Why = err.Error()
			r.Next = advice(lacks)
		}
	}
	k := thisKernel()
	if r.Level == Partial && k.landlock == 0 {
		r.Level = None // nothing else keeps a program from files where there are no namespaces
	}
	r.Parts = parts(r, k)
	return r
}

// try makes a cell of a level, in which nothing is executed.
func try(level Level, dir string) error {
	c := Cell{Level: level, Sockets: dir}
	cmd, run, err := c.Command()
	if err != nil {
		return err
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = cmd.Start()
	run.Started()
	if err != nil {
		return err
	}
	defer run.Close()
	run.Folder()
	run.Go()
	err = cmd.Wait()
	if failed := run.Failed(); failed != nil {
		return failed
	}
	return err
}

// parts says of each part of a full cell whether there is one.
func parts(r Report, k kernel) []Found {
	spaces := "users, processes, mounts, network, IPC and names of its own"
	root := "an empty root with its own files, read-only"
	if r.Level != Full {
		spaces, root = r.Why, "needs namespaces"
	}
	return []Found{
		{Namespaces, r.Level == Full, spaces},
		{Root, r.Level == Full, root},
		{NoPrivileges, r.Level != None, "no capabilities, and no way to new ones"},
		{Limits, r.Level != None, "memory, descriptors, threads; no core dumps"},
		{Landlock, r.Level != None && k.landlock > 0, landlockDetail(k.landlock)},
		{Filter, r.Level != None, "no sockets but Unix streams, no processes, nothing of the kernel that a guest does not need"},
	}
}

func landlockDetail(abi int) string {
	if abi == 0 {
		return "the kernel has no Landlock, or it is not switched on"
	}
	return fmt.Sprintf("version %d: no files but its own", abi)
}

// advice says what an operator can do so that there is a full cell.
func advice(e *Error) string {
	setting := func(file string) string {
		text, err := os.ReadFile(file)
		if err != nil {
			return ""
		}
		return strings.TrimSpace(string(text))
	}
	switch {
	case setting("/proc/sys/user/max_user_namespaces") == "0":
		return "allow namespaces of users: sysctl user.max_user_namespaces=10000"
	case setting("/proc/sys/kernel/unprivileged_userns_clone") == "0":
		return "allow namespaces of users: sysctl kernel.unprivileged_userns_clone=1"
	case setting("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1":
		return "give credhost an AppArmor profile with \"userns,\", or sysctl kernel.apparmor_restrict_unprivileged_userns=0"
	case e.Part == Namespaces && e.Errno == unix.EPERM:
		return "let this host make namespaces: in a container, with a seccomp profile that allows clone and unshare with CLONE_NEWUSER, and mount"
	case e.Part == Root && e.Errno == unix.EPERM:
		return "let this host mount in its own namespace: in a container, with AppArmor and seccomp profiles that allow mount and pivot_root"
	}
	return ""
}

// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package sandbox

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"strconv"

	"golang.org/x/sys/unix"
)

// A Memory is a file system in memory, for a program that is executed from it
// again and again. It has large pages where the kernel has some to give, which
// the system maps, and the processor finds, several times faster than those of
// an ordinary file in memory.
//
// It is in no folder: nobody gets to it but by the descriptors of this process.
// Once it is frozen, nobody can change what is in it.
type Memory struct {
	write *os.File // its root
	read  *os.File // the same, of a mount that nothing can be written through
}

// memorySize bounds what is in a [Memory], in bytes. Only what is there takes
// up memory.
const memorySize = 1 << 30

// OpenMemory makes a file system in memory, where a full cell can be made; dir
// is a private folder, which is left as it was. It takes some milliseconds. The
// caller must Close it.
func OpenMemory(dir string) (*Memory, error) {
	s := memoryScript(thisKernel(), dir)
	shim, err := shimFile(s)
	if err != nil {
		return nil, err
	}
	defer shim.Close()
	ours, theirs, err := pair()
	if err != nil {
		return nil, err
	}
	defer ours.Close()
	cmd := &exec.Cmd{
		Path: "/proc/self/fd/" + strconv.Itoa(int(shim.Fd())), Args: []string{"memory"},
		Env: []string{}, ExtraFiles: []*os.File{theirs, shim}, Dir: "/",
	}
	err = cmd.Run()
	theirs.Close() // so that what the shim has not said is heard to be missing
	var record [noteLen]byte
	rights := make([]byte, unix.CmsgSpace(2*4))
	n, m, _, _, rerr := ours.ReadMsgUnix(record[:], rights)
	if rerr != nil || n < noteLen {
		return nil, errors.Join(errors.New("no memory for programs was made"), err)
	}
	if c, ok := s.called(binary.LittleEndian.Uint64(record[:])); ok {
		result := int64(binary.LittleEndian.Uint64(record[8:]))
		return nil, &Error{Part: c.part, What: c.what, Errno: unix.Errno(-result)}
	}
	files := passed(rights[:m], "memory", "memory")
	if files == nil {
		return nil, errors.New("no memory for programs was handed over")
	}
	return &Memory{files[0], files[1]}, nil
}

// memoryScript mounts a file system in namespaces of its own, which end with
// the script, and hands it over: its root, and a second mount of it, read-only.
func memoryScript(k kernel, dir string) *script {
	s := newScript()
	s.do("", "close what somebody forgot", unix.SYS_CLOSE_RANGE, freeFD, math.MaxUint32, 0)
	flags := uintptr(unix.CLONE_NEWNS)
	if !k.privileged {
		flags |= unix.CLONE_NEWUSER
	}
	s.do(Root, "make a namespace of mounts", unix.SYS_UNSHARE, flags)
	if !k.privileged {
		s.write("/proc/self/setgroups", "deny")
		s.write("/proc/self/uid_map", fmt.Sprintf("%d %d 1", k.uid, k.uid))
		s.write("/proc/self/gid_map", fmt.Sprintf("%d %d 1", k.gid, k.gid))
	}
	at := s.text(dir)
	s.do(Root, "keep its mounts to itself", unix.SYS_MOUNT, 0, s.text("/"), 0, unix.MS_REC|unix.MS_PRIVATE, 0)
	s.do(Root, "mount memory with large pages", unix.SYS_MOUNT, s.text("program"), at, s.text("tmpfs"), unix.MS_NOSUID|unix.MS_NODEV,
		s.text(fmt.Sprintf("huge=always,size=%d,nr_inodes=8,mode=0700", memorySize)))
	s.do(Root, "open its memory", unix.SYS_OPENAT, atCWD, at, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC)
	s.do(Root, "mount it again", unix.SYS_OPEN_TREE, atCWD, at, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	s.do(Root, "make the second mount read-only", unix.SYS_MOUNT_SETATTR, freeFD+1, s.text(""), unix.AT_EMPTY_PATH,
		s.words(unix.MOUNT_ATTR_RDONLY|unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV, 0, 0, 0), 32)
	s.handOver(Root, "hand over its memory", folderMark, freeFD, freeFD+1)
	s.do("", "end", unix.SYS_EXIT_GROUP, 0)
	s.here(failed)
	s.report()
	s.do("", "end", unix.SYS_EXIT_GROUP, failedStatus)
	s.calls[len(s.calls)-1].then = [3]target{failed, failed, failed}
	return s
}

// Create makes a file that can be written, and executed by its owner.
func (m *Memory) Create(name string) (*os.File, error) {
	fd, err := unix.Openat(int(m.write.Fd()), name, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, 0o500)
	if err != nil {
		return nil, &os.PathError{Op: "create", Path: name, Err: err}
	}
	return os.NewFile(uintptr(fd), name), nil
}

// Freeze returns the named file, opened for reading, and lets go of the way by
// which it could be changed: what was opened for writing must be closed already.
// If hide is set, from then on it can be executed and not read.
func (m *Memory) Freeze(name string, hide bool) (*os.File, error) {
	fd, err := unix.Openat(int(m.read.Fd()), name, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	f := os.NewFile(uintptr(fd), name)
	if hide {
		if err := unix.Fchmodat(int(m.write.Fd()), name, 0o111, 0); err != nil {
			f.Close()
			return nil, &os.PathError{Op: "chmod", Path: name, Err: err}
		}
	}
	return f, m.write.Close()
}

// Close lets go of the file system, which ends when no file of it is open, and
// no program of it runs.
func (m *Memory) Close() error { return errors.Join(m.read.Close(), closed(m.write)) }

// closed closes a file, which may be closed already.
func closed(f *os.File) error {
	if err := f.Close(); !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}

// SPDX-License-Identifier: Apache-2.0

//go:build unix

package registry

import (
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// nonBlocking opens a pipe without waiting for its other end.
const nonBlocking = unix.O_NONBLOCK

// inode returns the number that a file keeps and its replacement does not have.
func inode(info fs.FileInfo) uint64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(st.Ino)
	}
	return 0
}

// executable reports whether a file's mode allows somebody to execute it.
func executable(info fs.FileInfo) bool { return info.Mode()&0o111 != 0 }

// openToAll reports whether everybody may write to a file or folder.
func openToAll(info fs.FileInfo) bool { return info.Mode()&0o002 != 0 }

// private reports whether a folder is this user's, and nobody else's.
func private(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid() && info.Mode().Perm()&0o077 == 0
}

// openRegular opens a file that must not have become something else, such as
// a pipe, whose opening would wait for ever.
func openRegular(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	return regular(f)
}

// lockDir takes the lock of a folder, or reports false if another has it and
// wait is not set. It ends when the file is closed, or its process dies.
//
// The lock is the one that systemd-tmpfiles honours: it leaves a folder alone
// that somebody has locked, however old.
func lockDir(dir string, wait bool) (*os.File, bool, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, false, err
	}
	how := unix.LOCK_EX
	if !wait {
		how |= unix.LOCK_NB
	}
	for {
		err = unix.Flock(int(f.Fd()), how)
		if err != unix.EINTR {
			break
		}
	}
	if err != nil {
		f.Close()
		if err == unix.EWOULDBLOCK {
			err = nil
		}
		return nil, false, err
	}
	return f, true, nil
}

// syncDir makes a rename in dir survive the loss of power.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"
)

// Windows has neither inodes in a FileInfo, nor a bit that makes a file
// executable, nor one that lets everybody write: size and time of a file, its
// name and the access lists of its folder must do.

const nonBlocking = 0

func inode(fs.FileInfo) uint64 { return 0 }

func executable(fs.FileInfo) bool { return true }

func openToAll(fs.FileInfo) bool { return false }

func private(fs.FileInfo) bool { return true }

// openRegular opens a file so that nobody can write to it, rename it or remove
// it for as long as it is open.
func openRegular(path string) (*os.File, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	h, err := windows.CreateFile(name, windows.GENERIC_READ, windows.FILE_SHARE_READ, nil,
		windows.OPEN_EXISTING, windows.FILE_ATTRIBUTE_NORMAL, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return regular(os.NewFile(uintptr(h), path))
}

// lockDir takes the lock of a folder, which is a file in it, or reports false
// if another has it and wait is not set. It ends when the file is closed, or
// its process dies.
func lockDir(dir string, wait bool) (*os.File, bool, error) {
	f, err := os.OpenFile(filepath.Join(dir, ".lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, false, err
	}
	flags := uint32(windows.LOCKFILE_EXCLUSIVE_LOCK)
	if !wait {
		flags |= windows.LOCKFILE_FAIL_IMMEDIATELY
	}
	err = windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, new(windows.Overlapped))
	if err != nil {
		f.Close()
		if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
			err = nil
		}
		return nil, false, err
	}
	return f, true, nil
}

// syncDir has nothing to do: NTFS journals a rename.
func syncDir(string) error { return nil }

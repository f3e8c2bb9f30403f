// SPDX-License-Identifier: Apache-2.0

package sealer

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/windows"
)

// permissionCaveat is what OpenFile cannot promise here.
func permissionCaveat(path string) string {
	return "On Windows credhost does not check who can read the key file: " + path +
		". Keep it in a folder that only this user can read."
}

// checkPrivate checks nothing: Windows has access control lists in place of
// modes, and a file inherits that of its folder.
func checkPrivate(string, fs.FileInfo, bool) error { return nil }

func likewise(*os.File, fs.FileInfo) error { return nil }

func chown(*os.File, fs.FileInfo) error { return nil }

func tryLock(f *os.File) (ok bool, err error) {
	err = windows.LockFileEx(windows.Handle(f.Fd()),
		windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, new(windows.Overlapped))
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) || errors.Is(err, windows.ERROR_IO_PENDING) {
		return false, nil
	}
	return err == nil, err
}

// syncDir does nothing: Windows cannot flush a folder, and NTFS journals names.
func syncDir(string) error { return nil }

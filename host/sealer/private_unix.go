// SPDX-License-Identifier: Apache-2.0

//go:build unix

package sealer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// permissionCaveat is what OpenFile cannot promise here: nothing.
func permissionCaveat(string) string { return "" }

// checkPrivate refuses a key file that anybody but its owner can read or write,
// and one whose owner is neither this user nor root. Root may use anybody's.
func checkPrivate(path string, info fs.FileInfo, groupMayRead bool) error {
	forbidden := fs.FileMode(0o077)
	if groupMayRead {
		forbidden = 0o037
	}
	if mode := info.Mode().Perm(); mode&forbidden != 0 {
		return fmt.Errorf("%w: %s has mode %04o: run chmod 600 on it; if others may have read it, rotate the key too",
			ErrExposedKeyFile, path, mode)
	}
	return checkOwner(path, int(info.Sys().(*syscall.Stat_t).Uid), os.Geteuid())
}

func checkOwner(path string, owner, me int) error {
	if owner != me && owner != 0 && me != 0 {
		return fmt.Errorf("%w: %s belongs to user %d and this is user %d: run chown %d on it; "+
			"if others may have read it, rotate the key too", ErrExposedKeyFile, path, owner, me, me)
	}
	return nil
}

// likewise gives f the owner and the mode that info describes.
func likewise(f *os.File, info fs.FileInfo) error {
	if err := chown(f, info); err != nil {
		return err
	}
	return f.Chmod(info.Mode().Perm())
}

// chown gives f the owner that info describes, if it has another.
func chown(f *os.File, info fs.FileInfo) error {
	now, err := f.Stat()
	if err != nil {
		return err
	}
	has, wants := now.Sys().(*syscall.Stat_t), info.Sys().(*syscall.Stat_t)
	if has.Uid == wants.Uid && has.Gid == wants.Gid {
		return nil
	}
	return f.Chown(int(wants.Uid), int(wants.Gid))
}

func tryLock(f *os.File) (ok bool, err error) {
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) || errors.Is(err, syscall.EINTR) {
		return false, nil
	}
	return err == nil, err
}

// syncDir makes a new name in dir last.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

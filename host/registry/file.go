// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// A stamp is what tells cheaply whether a file is the one that was hashed. It
// is for listing only: what is executed is hashed at that moment.
type stamp struct {
	Path     string `json:"path"`
	Size     int64  `json:"size"`
	Modified int64  `json:"modified"`          // Unix nanoseconds
	Changed  int64  `json:"changed,omitempty"` // Unix nanoseconds; unlike Modified, nobody can set it
	Inode    uint64 `json:"inode,omitempty"`
}

// stampOf returns the stamp of the file at path, which may be a symbolic link.
func stampOf(path string) (stamp, error) {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}, plainError(path, err)
	}
	return stampFrom(path, info), nil
}

func stampFrom(path string, info fs.FileInfo) stamp {
	return stamp{Path: path, Size: info.Size(), Modified: info.ModTime().UnixNano(), Changed: changedAt(info), Inode: inode(info)}
}

// plainError says in words what the operating system says of a file.
func plainError(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s is not there", path)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s may not be read by the user that runs this host", path)
	}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return fmt.Errorf("%s: %w", path, err)
}

// writeFile replaces the file at path in one step that survives the loss of
// power: its readers see the old bytes or the new ones.
func writeFile(path string, data []byte, mode fs.FileMode) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := f.Chmod(mode); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// regular returns f if it is a regular file, and closes it if it is not.
func regular(f *os.File) (*os.File, error) {
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", f.Name())
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

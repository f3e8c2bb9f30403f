// SPDX-License-Identifier: Apache-2.0

package sealer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// maxKeyFile bounds what is read of a file that may be anything: some thousand
// keys.
const maxKeyFile = 1 << 20

// readPrivate reads a file that nobody else can read. A link is followed; what
// counts is the file that was opened, so it cannot be exchanged after the check.
func readPrivate(path string, groupMayRead bool) ([]byte, fs.FileInfo, error) {
	info, err := os.Stat(path) // before opening, which waits where path is a pipe
	if err != nil {
		return nil, nil, missing(path, err)
	}
	if !info.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("%w: %s is not a regular file", ErrDamagedKeyFile, path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, missing(path, err)
	}
	defer f.Close()
	if info, err = f.Stat(); err != nil {
		return nil, nil, fmt.Errorf("key file %s: %w", path, err)
	}
	if err := checkPrivate(path, info, groupMayRead); err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxKeyFile {
		return nil, nil, fmt.Errorf("%w: %s is not a file of at most 1 MiB", ErrDamagedKeyFile, path)
	}
	data := make([]byte, info.Size())
	if _, err := io.ReadFull(f, data); err != nil {
		clear(data)
		return nil, nil, fmt.Errorf("key file %s: %w: read it again", path, err)
	}
	return data, info, nil
}

// missing says what it means that a key file cannot be found.
func missing(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %s: put it back from its backup; a new one would not open what is sealed",
			ErrNoKeyFile, path)
	}
	return fmt.Errorf("key file: %w", err)
}

// writePrivate writes a file as a whole: nobody ever sees half of it, and it is
// on the disk when writePrivate returns. With info nil it is made, and made is
// false if there was one already; otherwise it replaces the one that info
// describes and takes over its owner and its mode. The caller holds the lock.
func writePrivate(path string, data []byte, info fs.FileInfo) (made bool, err error) {
	dir := filepath.Dir(path)
	temp, err := os.CreateTemp(dir, ".credhost-key-*") // with O_EXCL and 0600
	if err != nil {
		return false, fmt.Errorf("write the key file: %w", err)
	}
	defer os.Remove(temp.Name())
	_, err = temp.Write(data)
	if info != nil && err == nil {
		err = likewise(temp, info)
	}
	if err == nil {
		err = temp.Sync()
	}
	if err = errors.Join(err, temp.Close()); err != nil {
		return false, fmt.Errorf("write the key file: %w", err)
	}
	if info != nil {
		err = os.Rename(temp.Name(), path)
	} else if err = place(temp.Name(), path); errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("write the key file: %w", err)
	}
	if err := syncDir(dir); err != nil {
		return false, fmt.Errorf("write the key file: %w", err)
	}
	return true, nil
}

// place gives a file its name where there is none yet. A link does that even
// beside a person who copies a backup there.
func place(temp, path string) error {
	err := os.Link(temp, path)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	return placeUnlinked(temp, path)
}

// placeUnlinked does the same where the file system has no hard links: the lock
// keeps other processes of ours away, and that must do.
func placeUnlinked(temp, path string) error {
	if _, err := os.Lstat(path); err == nil {
		return fs.ErrExist
	}
	return os.Rename(temp, path)
}

// lockPatience bounds the wait for a lock, which is held for milliseconds.
const lockPatience = 10 * time.Second

// lock keeps other processes from changing the key file at path until unlock,
// or until this process ends, however it does. The lock file stays: to remove
// it would let two processes lock two different files. It takes over the owner
// of the file that info describes, so that a key rotated by root leaves nothing
// behind that its owner cannot use.
func lock(ctx context.Context, path string, info fs.FileInfo) (unlock func(), err error) {
	f, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the key file needs its folder: make %s, readable by credhost alone", filepath.Dir(path))
	}
	if err != nil {
		return nil, fmt.Errorf("change the key file: %w", err)
	}
	if info != nil {
		err = chown(f, info)
	}
	if err == nil {
		err = waitLock(ctx, f)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("change the key file: lock %s: %w", f.Name(), err)
	}
	return func() { f.Close() }, nil // closing unlocks
}

func waitLock(ctx context.Context, f *os.File) error {
	ctx, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for {
		if ok, err := tryLock(f); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("another process holds it: %w", ctx.Err())
		case <-again.C:
		}
	}
}

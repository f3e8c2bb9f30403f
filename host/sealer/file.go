// SPDX-License-Identifier: Apache-2.0

package sealer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// FileConfig says where the key file is. Path or Env is required.
type FileConfig struct {
	// Path of the key file. It may be a symbolic link.
	Path string

	// Env names an environment variable that, where it is set, holds the path
	// instead.
	Env string

	// Create allows a key file to be made where there is none. Set it only if
	// nothing has been sealed yet, when the store is empty: a new key does not
	// open old records. Without it a missing file is ErrNoKeyFile.
	Create bool

	// GroupMayRead accepts a file that its group can read: Kubernetes and systemd
	// hand secrets to a process in that way.
	GroupMayRead bool

	// Announce is told, in one sentence to be shown to the operator as it is, of
	// every key that this process puts into the file, because each must be backed
	// up, and of a promise that the platform cannot keep. If nil, standard error
	// is told.
	Announce func(sentence string)
}

// What Announce is told. %s is the path of the key file.
const (
	createdSentence = "A new key file was made: %s. Back it up now, apart from the store: without it nobody can open " +
		"the credentials ever again, and whoever has it and the store can open them all."
	addedSentence = "Key %s was added to the key file: %s. Back the file up again now: " +
		"a backup made earlier does not open what this key seals."
)

// OpenFile returns the Keyring of a key file. The file is made first if there
// is none and cfg allows it; of many processes that do this at once one makes
// it and all use it. It is refused if others can read it (ErrExposedKeyFile) or
// if it is not as it was written (ErrDamagedKeyFile).
//
// While it is used the file is looked at again, so that all processes that share
// it follow within 100 ms when a key is added, promoted, disabled or removed in
// one of them, and at once when a record needs a key that is new. Changes are
// made under a lock (the file's path and ".lock") and replace the file as a
// whole; ctx bounds the wait for that lock, which is 10 s at most.
func OpenFile(ctx context.Context, cfg FileConfig) (*Keyring, error) {
	f := &file{path: cfg.Path, groupMayRead: cfg.GroupMayRead, announce: cfg.Announce, start: time.Now()}
	if path := os.Getenv(cfg.Env); path != "" {
		f.path = path
	}
	if f.path == "" {
		return nil, errors.New("no path to the key file: set " + cmp.Or(cfg.Env, "FileConfig.Path"))
	}
	if f.announce == nil {
		f.announce = func(sentence string) { fmt.Fprintln(os.Stderr, sentence) }
	}
	_, err := f.read()
	if errors.Is(err, ErrNoKeyFile) && cfg.Create {
		err = f.create(ctx)
	}
	if err != nil {
		return nil, err
	}
	if sentence := permissionCaveat(f.path); sentence != "" {
		f.announce(sentence)
	}
	return &Keyring{f}, nil
}

// lookEvery is how often the file is looked at: a stat costs as much as half a
// Seal.
const lookEvery = 100 * time.Millisecond

// file is the source of OpenFile.
type file struct {
	path         string
	groupMayRead bool
	announce     func(string)

	mu       sync.Mutex // held by whoever reads the file
	last     atomic.Pointer[reading]
	start    time.Time
	lookedAt atomic.Int64 // when last was the file as it is, in nanoseconds since start
}

// A reading is what a key file held, and what it looked like from outside.
type reading struct {
	info fs.FileInfo
	keys *keys
}

func (f *file) String() string { return "key file " + f.path }

func (f *file) current() (*keys, error) {
	if time.Since(f.start)-time.Duration(f.lookedAt.Load()) < lookEvery {
		return f.last.Load().keys, nil
	}
	return f.latest()
}

func (f *file) latest() (*keys, error) {
	k, err := f.read()
	if err != nil {
		return f.last.Load().keys, err
	}
	return k, nil
}

// looks reports whether a file seen from outside is still the one read.
// Changes made here replace the file, so it is another file then.
func (r *reading) looks(now fs.FileInfo) bool {
	return os.SameFile(r.info, now) && r.info.ModTime().Equal(now.ModTime()) &&
		r.info.Size() == now.Size() && r.info.Mode() == now.Mode()
}

// read reads the file, if it does not look as it did when last read.
func (f *file) read() (*keys, error) {
	at := time.Since(f.start)
	f.mu.Lock()
	defer f.mu.Unlock()
	last := f.last.Load()
	if info, err := os.Stat(f.path); err == nil && last != nil && last.looks(info) {
		f.lookedAt.Store(int64(at))
		return last.keys, nil
	}
	return f.load(at)
}

// reread reads the file however it looks: where it is about to be changed,
// looks are not enough.
func (f *file) reread() (*keys, error) {
	at := time.Since(f.start)
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.load(at)
}

// load is called with mu held. What was read before stays if it fails.
func (f *file) load(at time.Duration) (*keys, error) {
	data, info, err := readPrivate(f.path, f.groupMayRead)
	if err != nil {
		return nil, err
	}
	defer clear(data)
	var k *keys
	erasing(func() { k, err = parseKeyFile(data) })
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f, err)
	}
	f.last.Store(&reading{info, k})
	f.lookedAt.Store(int64(at))
	return k, nil
}

func (f *file) create(ctx context.Context) error {
	made, err := f.createLocked(ctx)
	if made {
		f.announce(fmt.Sprintf(createdSentence, f.path))
	}
	return err
}

func (f *file) createLocked(ctx context.Context) (made bool, err error) {
	unlock, err := lock(ctx, f.path, nil)
	if err != nil {
		return false, err
	}
	defer unlock()
	fresh, err := freshKeys()
	if err != nil {
		return false, err
	}
	if made, err = f.write(fresh, f.path, nil); err != nil {
		return false, err
	}
	_, err = f.reread()
	return made, err
}

func (f *file) change(ctx context.Context, edit func(*keys) (*keys, error)) error {
	before, after, err := f.changeLocked(ctx, edit)
	if after == nil {
		return err
	}
	for _, key := range after.list {
		if before.index(key.ID) < 0 {
			f.announce(fmt.Sprintf(addedSentence, key.ID, f.path))
		}
	}
	return err
}

// changeLocked answers the keys before and after if the file was changed, even
// beside an error.
func (f *file) changeLocked(ctx context.Context, edit func(*keys) (*keys, error)) (before, after *keys, err error) {
	// A link is followed, so that it stays, and all who share its target share
	// the lock.
	path, err := filepath.EvalSymlinks(f.path)
	if err != nil {
		return nil, nil, missing(f.path, err)
	}
	unlock, err := lock(ctx, path, f.last.Load().info)
	if err != nil {
		return nil, nil, err
	}
	defer unlock()
	if before, err = f.reread(); err != nil {
		return nil, nil, err
	}
	if after, err = edit(before); err != nil {
		return nil, nil, err
	}
	if _, err = f.write(after, path, f.last.Load().info); err != nil {
		return nil, nil, err
	}
	_, err = f.reread()
	return before, after, err
}

// write puts k into the file at path: over the one that info describes or, if
// info is nil, where there is none. made is false if somebody else was first.
func (f *file) write(k *keys, path string, info fs.FileInfo) (made bool, err error) {
	var data []byte
	erasing(func() { data, err = formatKeyFile(k) })
	if err != nil {
		return false, err
	}
	defer clear(data)
	return writePrivate(path, data, info)
}

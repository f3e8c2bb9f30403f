// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
)

// A rundir is the folder of one host that is open: it holds a folder for each
// plugin process, with its sockets, and the copies that are executed. It is
// locked for as long as the host lives, which is how another host knows that
// this one was killed, and removes what it left behind.
type rundir struct {
	path string
	lock *os.File
	next atomic.Int64
}

// hostPrefix begins the name of every host's folder.
const hostPrefix = "h"

// openRundir makes a folder for this host in base, or in a fitting place if
// base is empty, and removes those of hosts that are dead.
func openRundir(base string) (_ *rundir, cleaned int, err error) {
	if base, err = runtimeBase(base); err != nil {
		return nil, 0, err
	}
	all, _, err := lockDir(base, true) // or a new host's folder might be taken for a dead one's
	if err != nil {
		return nil, 0, fmt.Errorf("runtime folder %w", plainError(base, err))
	}
	defer all.Close()
	cleaned = removeDead(base)
	r := &rundir{path: filepath.Join(base, hostPrefix+strings.ToLower(rand.Text()[:8]))}
	if n := len(r.socket(999999)); n > maxSocketPath {
		return nil, 0, fmt.Errorf("runtime folder %s: the paths of sockets in it would have %d bytes, and no more than %d are allowed: set a shorter one", base, n, maxSocketPath)
	}
	if err := os.Mkdir(r.path, 0o700); err != nil {
		return nil, 0, fmt.Errorf("runtime folder %w", plainError(base, err))
	}
	if r.lock, _, err = lockDir(r.path, false); err != nil || r.lock == nil {
		return nil, 0, errors.Join(fmt.Errorf("runtime folder %s cannot be locked", r.path), err, os.RemoveAll(r.path))
	}
	return r, cleaned, nil
}

// socket returns about the longest path that a socket of process n will have.
func (r *rundir) socket(n int64) string {
	return filepath.Join(r.path, strconv.FormatInt(n, 10), "plugin1234567890")
}

// maxSocketPath is how long the path of a socket may be, in bytes: on macOS and
// the BSDs, and four less than elsewhere.
const maxSocketPath = 103

// folder makes a folder for one process.
func (r *rundir) folder() (string, error) {
	dir := filepath.Join(r.path, strconv.FormatInt(r.next.Add(1), 10))
	return dir, os.Mkdir(dir, 0o700)
}

// close removes the folder.
func (r *rundir) close() error {
	if runtime.GOOS == "windows" { // where the lock is a file in it
		r.lock.Close()
		return os.RemoveAll(r.path)
	}
	defer r.lock.Close()
	return os.RemoveAll(r.path)
}

// runtimeBase returns the folder for the folders of hosts: the one that is
// configured; or one in what systemd or the session has made for sockets; or
// one of this user's own among the temporary files.
func runtimeBase(base string) (string, error) {
	service, _, _ := strings.Cut(os.Getenv("RUNTIME_DIRECTORY"), ":")
	for _, dir := range []string{service, os.Getenv("XDG_RUNTIME_DIR")} {
		if base == "" && filepath.IsAbs(dir) && os.MkdirAll(filepath.Join(dir, "credhost"), 0o700) == nil {
			base = filepath.Join(dir, "credhost")
		}
	}
	if base == "" {
		base = filepath.Join(os.TempDir(), "credhost-"+strconv.Itoa(os.Geteuid()))
	}
	base, err := filepath.Abs(base)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(base, 0o700); err != nil {
		return "", fmt.Errorf("runtime folder %w", plainError(base, err))
	}
	info, err := os.Lstat(base)
	if err != nil {
		return "", fmt.Errorf("runtime folder %w", plainError(base, err))
	}
	if !info.IsDir() || !private(info) {
		return "", fmt.Errorf("runtime folder %s must belong to the user that runs this host, with mode 0700: chmod 700 it, or set another", base)
	}
	return base, nil
}

// removeDead removes the folders of hosts that no longer live, and ends what
// processes they left. It returns how many hosts that were.
func removeDead(base string) (n int) {
	entries, _ := os.ReadDir(base)
	for _, e := range entries {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), hostPrefix) {
			continue
		}
		dir := filepath.Join(base, e.Name())
		lock, free, err := lockDir(dir, false)
		if err != nil || !free {
			continue
		}
		endProcesses(dir)
		if runtime.GOOS == "windows" {
			lock.Close()
		}
		os.RemoveAll(dir)
		lock.Close()
		n++
	}
	return n
}

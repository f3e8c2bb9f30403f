// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/credhost/credhost/host/sandbox"
)

// An image is a program that was hashed and can no longer change: what is
// executed is what was hashed, with no moment between the two in which a file
// could be put in another's place. On Linux its bytes are in memory that nobody
// can write to; elsewhere, and for the files of a bundle, in a folder of this host alone.
//
// An image outlives the file that it was made from, so a program that is
// replaced on disk goes on as it was trusted.
type image struct {
	digest digest
	path   string   // what the system is told to execute
	args   []string // what the program is told, its own name first
	dir    string   // its working directory; empty: that of its sockets
	reads  []read   // what it loads from the system

	parts       map[string]digest // of a bundle: its files, the manifest among them
	interpreter *read             // of a bundle that has one

	used   time.Time // when last; the album's lock guards it
	hidden bool      // it can be executed and not read; the album's lock guards it
	held   *os.File  // what keeps path valid
	remove []string  // folders to remove in the end
}

// discard gives up what the image holds. Processes that run it go on.
func (i *image) discard() {
	if i.held != nil {
		i.held.Close()
	}
	for _, dir := range i.remove {
		os.RemoveAll(dir)
	}
}

// An album keeps the images that were made, so that starting a program again
// costs neither reading nor hashing.
type album struct {
	dir  string // where copies go; private to this host
	next atomic.Int64

	ledger  *ledger
	inexact bool // a test has switched defence.Exact off

	large func() (*sandbox.Memory, error) // makes memory with large pages; an error if there is none here
	hides bool                            // what is sealed in that is hidden at once

	mu     sync.Mutex
	images map[digest]*image
	busy   map[digest]*sync.Mutex // one maker at a time
}

func newAlbum(dir string) *album {
	return &album{dir: dir, images: map[digest]*image{}, busy: map[digest]*sync.Mutex{}, ledger: newLedger(),
		large: func() (*sandbox.Memory, error) { return nil, errors.ErrUnsupported }}
}

// errChanged says that a program's bytes are not those that are pinned.
var errChanged = errors.New("the program has changed since it was trusted")

func changed(now, pinned digest) error {
	return fmt.Errorf("%w: it has the digest %s, not %s", errChanged, now.short(), pinned.short())
}

// digest returns the digest of a program as it is now, without keeping it.
func (a *album) digest(f found) (digest, error) {
	if f.err != nil {
		return "", f.err
	}
	if !f.bundle {
		return hashFile(f.path)
	}
	i, err := a.make(f)
	if err != nil {
		return "", err
	}
	i.discard()
	return i.digest, nil
}

// get returns the image with digest want. If there is none yet it is made from
// the program f, which must have that digest.
func (a *album) get(f found, want digest) (*image, error) {
	a.mu.Lock()
	making := a.busy[want]
	if making == nil {
		making = new(sync.Mutex)
		a.busy[want] = making
	}
	a.mu.Unlock()
	making.Lock()
	defer making.Unlock()
	if i := a.have(want); i != nil {
		return i, nil
	}
	i, err := a.make(f)
	if err != nil {
		return nil, err
	}
	if a.inexact {
		i.digest = want
	}
	if i.digest != want {
		i.discard()
		return nil, changed(i.digest, want)
	}
	return a.keep(i), nil
}

func (a *album) have(d digest) *image {
	a.mu.Lock()
	defer a.mu.Unlock()
	i := a.images[d]
	if i != nil {
		i.used = time.Now()
	}
	return i
}

// keep adds an image that was made. If there is one of its digest it is
// discarded, and the older one returned.
func (a *album) keep(i *image) *image {
	a.mu.Lock()
	defer a.mu.Unlock()
	if old := a.images[i.digest]; old != nil {
		i.discard()
		return old
	}
	i.used = time.Now()
	a.images[i.digest] = i
	return i
}

// hide hides an image.
func (a *album) hide(i *image) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return i.hide()
}

// forget discards the images for which unused reports true.
func (a *album) forget(unused func(*image) bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for d, i := range a.images {
		if unused(i) {
			i.discard()
			delete(a.images, d)
			delete(a.busy, d)
		}
	}
}

// make makes an image of a program as it is now.
func (a *album) make(f found) (*image, error) {
	if f.err != nil {
		return nil, f.err
	}
	if f.bundle {
		return a.makeBundle(f)
	}
	bin, err := a.seal(f.path, filepath.Base(f.path))
	if err != nil {
		return nil, err
	}
	i := &image{digest: bin.digest, path: bin.path, args: []string{prefix + f.name}, held: bin.file, hidden: bin.hidden, remove: bin.remove}
	if i.reads, err = a.closure(bin, f.path, nil); err != nil {
		i.discard()
		return nil, err
	}
	return i, nil
}

// makeBundle copies the files of a bundle, and seals what runs them.
func (a *album) makeBundle(f found) (_ *image, err error) {
	b, err := readBundle(f.path)
	if err != nil {
		return nil, err
	}
	dir, err := a.folder()
	if err != nil {
		return nil, err
	}
	i := &image{remove: []string{dir}, dir: filepath.Join(dir, "files")}
	defer func() {
		if err != nil {
			i.discard()
		}
	}()
	if err := os.Mkdir(i.dir, 0o755); err != nil { // in a private folder; a plugin may be another user
		return nil, err
	}
	sums, err := b.copyTo(i.dir)
	if err != nil {
		return nil, err
	}
	main := filepath.Join(i.dir, filepath.FromSlash(b.manifest.Main))
	all := contents{Manifest: digestOf(b.raw), Files: sums}
	runs := main
	i.args = []string{prefix + f.name}
	if b.manifest.Interpreter != "" {
		runs = b.manifest.Interpreter
		i.args = append(append([]string{runs}, b.manifest.Args...), main)
	}
	bin, err := a.seal(runs, filepath.Base(runs))
	if err != nil {
		return nil, err
	}
	i.path, i.held, i.hidden, i.remove = bin.path, bin.file, bin.hidden, append(i.remove, bin.remove...)
	i.parts = maps.Clone(sums)
	i.parts[manifestFile] = all.Manifest
	if b.manifest.Interpreter != "" {
		all.Interpreter = bin.digest
		i.interpreter = &read{Path: runs, Digest: bin.digest}
	} else if bin.digest != sums[b.manifest.Main] {
		return nil, errors.New("its copy was changed while it was made")
	}
	i.digest = digestOf(canonical(all))
	i.reads, err = a.closure(bin, runs, b)
	return i, err
}

// folder makes a new folder for copies.
func (a *album) folder() (string, error) {
	dir := filepath.Join(a.dir, "i"+strconv.FormatInt(a.next.Add(1), 10))
	return dir, os.MkdirAll(dir, 0o700)
}

// A binary is a file that was hashed and can no longer change.
type binary struct {
	digest digest
	path   string
	file   *os.File // keeps path valid
	hidden bool     // it can be executed and not read
	remove []string // the folder of the copy, if it is one
}

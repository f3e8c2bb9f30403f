// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"debug/elf"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/credhost/credhost/internal/defence"
)

// A read is a file or folder of the system that a program loads: its loader, a
// library, what its manifest names.
type read struct {
	Path   string `json:"path"`
	Folder bool   `json:"folder,omitempty"` // with all that is below it
	Digest digest `json:"digest"`           // of the bytes, or of the tree: see treeDigest
}

func (r read) String() string {
	if r.Folder {
		return r.Path + "/"
	}
	return r.Path
}

// covers reports whether path is that of r, or within it.
func (r read) covers(path string) bool {
	return path == r.Path || r.Folder && strings.HasPrefix(path, r.Path+"/")
}

// An object is what a shared object, or a program, asks its loader for.
type object struct {
	path    string      // where it lies
	machine elf.Machine // what it is for
	needs   []string    // the names of libraries
	dirs    []string    // where it wants them to be looked for first
}

// verified is a file or folder of the system that was read.
type verified struct {
	state   digest // of the stamps of all that was read
	read    read
	objects []object // the shared objects of a folder
}

// A ledger remembers what files and folders of the system were when they were
// read, so that they are read again only if their stamps have changed. It is
// safe for concurrent use.
type ledger struct {
	mu    sync.Mutex
	known map[string]verified
}

func newLedger() *ledger { return &ledger{known: map[string]verified{}} }

// look returns what is at a path now.
func (l *ledger) look(path string) (verified, error) {
	state, folder, err := stateOf(path)
	if err != nil {
		return verified{}, err
	}
	l.mu.Lock()
	v, ok := l.known[path]
	l.mu.Unlock()
	if ok && v.state == state {
		return v, nil
	}
	v = verified{state: state, read: read{Path: path, Folder: folder}}
	if folder {
		v.read.Digest, v.objects, err = treeDigest(path)
	} else {
		v.read.Digest, err = hashFile(path)
	}
	if err != nil {
		return verified{}, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.known[path] = v
	return v, nil
}

// closure returns what a program reads from the system, by path: its loader and
// libraries, what its manifest names, and the libraries of both. Nothing in it
// lies within another. Path is where the program came from, for messages.
func (a *album) closure(b *binary, path string, own *bundle) ([]read, error) {
	var reads []read
	var objects []object
	if own != nil {
		for _, path := range own.manifest.System {
			v, err := a.ledger.look(path)
			if err != nil {
				return nil, fmt.Errorf("the manifest names %s as what it reads from the system, but %w", path, err)
			}
			reads, objects = append(reads, v.read), append(objects, v.objects...)
		}
		objects = append(objects, own.objects...)
	}
	libraries, err := b.inspect(path, objects)
	if err != nil {
		return nil, err
	}
	for _, path := range libraries {
		if own != nil && (read{Path: own.copied, Folder: true}).covers(path) {
			continue // it is pinned with the bundle
		}
		v, err := a.ledger.look(path)
		if err != nil {
			return nil, err
		}
		reads = append(reads, v.read)
	}
	return disjoint(reads), nil
}

// disjoint returns reads by path, without those that lie within another.
func disjoint(reads []read) []read {
	slices.SortFunc(reads, func(a, b read) int { return strings.Compare(a.Path, b.Path) })
	reads = slices.Compact(reads)
	return slices.DeleteFunc(slices.Clone(reads), func(r read) bool {
		return slices.ContainsFunc(reads, func(o read) bool { return o != r && o.covers(r.Path) })
	})
}

// checkReads refuses to start a program if what it reads from the system is not
// what was pinned with it.
//
// It is checked, not copied: loaders and interpreters find it by themselves, in
// folders that only the system's administrator may change. Of a static program
// nothing is left to find.
func (r *Registry) checkReads(i *image, v *version) error {
	if v.pin == "" { // it is held to nothing
		return nil
	}
	if !slices.EqualFunc(i.reads, v.reads, func(a, b read) bool { return a.Path == b.Path && a.Folder == b.Folder }) {
		return errors.New("it reads other files of the system than when it was trusted: trust it again, or build it with CGO_ENABLED=0")
	}
	for _, read := range v.reads {
		now, err := r.album.ledger.look(read.Path)
		if err != nil {
			return err
		}
		if now.read != read && !r.off(defence.SameRead) {
			return fmt.Errorf("%s, which it reads, has changed since it was trusted: trust it again, if the system was updated", read)
		}
	}
	return nil
}

// Of neverRead a manifest may name no part: what the kernel makes up, and what
// changes all the time. Of tooMuch it may not name the whole, of which nobody
// could say what it is.
var (
	neverRead = []string{"/proc", "/sys", "/dev", "/run", "/tmp", "/var/run", "/var/tmp"}
	tooMuch   = []string{"/", "/boot", "/etc", "/home", "/lib", "/lib64", "/media", "/mnt", "/nix", "/opt", "/root", "/srv", "/usr", "/usr/lib", "/usr/lib64", "/usr/local", "/usr/share", "/var", "/var/lib"}
)

// checkSystem refuses what a manifest may not name as its system.
func checkSystem(path string) error {
	switch {
	case !filepath.IsAbs(path) || filepath.Clean(path) != path:
		return fmt.Errorf("system %q must be an absolute path, without . and .. and a slash at its end", path)
	case slices.Contains(tooMuch, filepath.ToSlash(path)):
		return fmt.Errorf("system %q is too much: name the folders in it that the plugin reads", path)
	}
	for _, dir := range neverRead {
		if (read{Path: dir, Folder: true}).covers(filepath.ToSlash(path)) {
			return fmt.Errorf("system %q is not for plugins: what is in %s is not the same from one moment to the next", path, dir)
		}
	}
	return nil
}

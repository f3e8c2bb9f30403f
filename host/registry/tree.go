// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// The limits of a folder of the system that a plugin reads.
const (
	maxEntries   = 100_000
	maxTreeBytes = 4 << 30
)

// A treeEntry is a line of what the digest of a folder is the digest of. The
// lines are in the order of the names, each a JSON object and a line feed.
type treeEntry struct {
	Name   string `json:"name"` // from the folder, with slashes; "." is the folder itself
	Mode   string `json:"mode"`
	Digest digest `json:"digest,omitempty"` // of a file's bytes
	Link   string `json:"link,omitempty"`   // where a symbolic link leads, which nobody follows
}

// walk calls f with all that is in the folder at path, in the order of names,
// and with the folder itself. It refuses what nobody can vouch for.
func walk(path string, f func(name, path string, info fs.FileInfo) error) error {
	root, err := filepath.EvalSymlinks(path)
	if err != nil {
		return plainError(path, err)
	}
	entries, room := 0, int64(maxTreeBytes)
	return filepath.WalkDir(root, func(at string, e fs.DirEntry, err error) error {
		if err != nil {
			return plainError(at, err)
		}
		info, err := e.Info()
		if err != nil {
			return plainError(at, err)
		}
		link := info.Mode()&fs.ModeSymlink != 0
		if info.Mode().IsRegular() {
			room -= info.Size()
		}
		if entries++; entries > maxEntries || room < 0 {
			return fmt.Errorf("%s is too much: name the folders in it that the plugin reads", path)
		}
		switch {
		case !link && openToAll(info):
			return fmt.Errorf("everybody may write to %s: chmod o-w it", at)
		case !link && !readByAll(info):
			return notForAll(at)
		case !link && !info.IsDir() && !info.Mode().IsRegular():
			return fmt.Errorf("%s is neither a file nor a folder", at)
		}
		name, err := filepath.Rel(root, at)
		if err != nil {
			return err
		}
		return f(filepath.ToSlash(name), at, info)
	})
}

// readByAll reports whether everybody may read a file or folder. What is not for
// everybody, a password file say, is not the system's to a plugin: a manifest
// could name it, and somebody overlook it.
func readByAll(info fs.FileInfo) bool { return info.Mode()&0o004 != 0 }

func notForAll(path string) error {
	return fmt.Errorf("%s is not for everybody to read, and so not for plugins: chmod o+r it, if it holds no secret", path)
}

// stateOf returns what tells cheaply whether what is at path is what was read.
func stateOf(path string) (state digest, folder bool, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", false, plainError(path, err)
	}
	if !readByAll(info) {
		return "", false, notForAll(path)
	}
	if !info.IsDir() {
		return digestOf(canonical(stampFrom(path, info))), false, nil
	}
	h := sha256.New()
	err = walk(path, func(name, _ string, info fs.FileInfo) error {
		s := stampFrom(name, info)
		_, err := fmt.Fprintf(h, "%q %o %d %d %d %d\n", name, info.Mode(), s.Size, s.Modified, s.Changed, s.Inode)
		return err
	})
	return sumDigest(h.Sum(nil)), true, err
}

// treeDigest returns the digest of the folder at path, and its shared objects.
func treeDigest(path string) (digest, []object, error) {
	h := sha256.New()
	var objects []object
	err := walk(path, func(name, at string, info fs.FileInfo) error {
		e := treeEntry{Name: name, Mode: fmt.Sprintf("%04o", info.Mode().Perm())}
		var err error
		switch {
		case info.Mode()&fs.ModeSymlink != 0:
			e.Mode = ""
			e.Link, err = os.Readlink(at)
		case info.Mode().IsRegular():
			var o *object
			if e.Digest, o, err = readObject(at); o != nil {
				objects = append(objects, *o)
			}
		}
		if err != nil {
			return plainError(at, err)
		}
		h.Write(append(canonical(e), '\n'))
		return nil
	})
	return sumDigest(h.Sum(nil)), objects, err
}

// readObject returns the digest of a file and, if it is a shared object, what
// it asks for: both of the same open file.
func readObject(path string) (digest, *object, error) {
	f, err := openRegular(path)
	if err != nil {
		return "", nil, err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", nil, err
	}
	return sumDigest(h.Sum(nil)), objectOf(f, path), nil
}

// objectAt is [objectOf] of the file at path.
func objectAt(path string) *object {
	f, err := openRegular(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	return objectOf(f, path)
}

// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
)

// A manifest says what a plugin that is a folder is made of. It is the file
// plugin.json in that folder.
type manifest struct {
	Interpreter string   `json:"interpreter,omitempty"` // the absolute path of what runs Main; empty: Main is a program
	Args        []string `json:"args,omitempty"`        // what the interpreter is told before Main
	Main        string   `json:"main"`                  // what is run: one of Files
	Files       []string `json:"files"`                 // what it is made of: files and folders, with slashes
	Data        []string `json:"data,omitempty"`        // what it reads
	System      []string `json:"system,omitempty"`      // what it reads of the system: absolute paths of files and folders
}

const manifestFile = "plugin.json"

// The limits of a plugin that is a folder.
const (
	maxManifest = 64 << 10
	maxFiles    = 10000
)

// A bundle is a folder with a manifest. Files that the manifest does not name
// are not part of it: they are neither pinned nor within the plugin's reach.
type bundle struct {
	dir      string
	manifest manifest
	raw      []byte
	files    []string // all files, sorted, with slashes
	copied   string   // the folder that they were copied to
	objects  []object // the shared objects among them, once they were copied
}

// readBundle reads the manifest in dir and lists the files that it names.
func readBundle(dir string) (*bundle, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, plainError(dir, err)
	}
	defer root.Close()
	b := &bundle{dir: dir}
	if err := b.read(root); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, manifestFile), err)
	}
	seen := map[string]bool{}
	for _, name := range slices.Concat(b.manifest.Files, b.manifest.Data) {
		err := fs.WalkDir(root.FS(), path.Clean(name), func(name string, e fs.DirEntry, err error) error {
			if err != nil {
				return fmt.Errorf("the manifest names %s, which is not there or leads out of the folder", name)
			}
			return b.take(root, name, e, seen)
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", dir, err)
		}
	}
	slices.Sort(b.files)
	if !seen[path.Clean(b.manifest.Main)] {
		return nil, fmt.Errorf("%s: main %q is not among the files that the manifest names", dir, b.manifest.Main)
	}
	return b, nil
}

// read reads and checks the manifest.
func (b *bundle) read(root *os.Root) error {
	f, err := root.Open(manifestFile)
	if err != nil {
		return errors.New("a plugin that is a folder needs this manifest, and it is not there")
	}
	defer f.Close()
	b.raw, err = io.ReadAll(io.LimitReader(f, maxManifest+1))
	if err != nil || len(b.raw) > maxManifest {
		return errors.New("cannot be read, or is larger than 64 KiB")
	}
	if err := plainJSON(b.raw); err != nil {
		return fmt.Errorf("is not a manifest: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(b.raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&b.manifest); err != nil {
		return fmt.Errorf("is not a manifest: %w", err)
	}
	m := b.manifest
	if m.Interpreter != "" && !filepath.IsAbs(m.Interpreter) {
		return fmt.Errorf("interpreter %q must be an absolute path", m.Interpreter)
	}
	for _, name := range slices.Concat([]string{m.Main}, m.Files, m.Data) {
		if !fs.ValidPath(name) {
			return fmt.Errorf("%q must be the path of a file below this folder, with slashes", name)
		}
	}
	for _, path := range m.System {
		if err := checkSystem(path); err != nil {
			return err
		}
	}
	return nil
}

// take adds a file to b.
func (b *bundle) take(root *os.Root, name string, e fs.DirEntry, seen map[string]bool) error {
	info, err := e.Info()
	if err == nil && info.Mode()&fs.ModeSymlink != 0 {
		info, err = root.Stat(name) // follows links, but not out of root; it costs three times as much
	}
	switch {
	case err != nil:
		return fmt.Errorf("%s is not there or leads out of the folder", name)
	case openToAll(info):
		return fmt.Errorf("everybody may write to %s: chmod o-w it", name)
	case info.IsDir() && e.IsDir(), seen[name]:
		return nil
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a file", name)
	case len(b.files) == maxFiles:
		return fmt.Errorf("it has more than %d files", maxFiles)
	}
	seen[name] = true
	b.files = append(b.files, name)
	return nil
}

// stamps returns the stamps of all files, the interpreter's among them.
func (b *bundle) stamps() ([]stamp, error) {
	paths := []string{filepath.Join(b.dir, manifestFile)}
	if b.manifest.Interpreter != "" {
		paths = append(paths, b.manifest.Interpreter)
	}
	for _, name := range b.files {
		paths = append(paths, filepath.Join(b.dir, filepath.FromSlash(name)))
	}
	all := make([]stamp, len(paths))
	for i, path := range paths {
		var err error
		if all[i], err = stampOf(path); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// contents is what the digest of a bundle is the digest of.
type contents struct {
	Manifest    digest            `json:"manifest"`
	Interpreter digest            `json:"interpreter,omitempty"`
	Files       map[string]digest `json:"files"`
}

// copyTo copies the files of b into the folder to, where nobody writes, and returns the digest of each: of the bytes that were written.
func (b *bundle) copyTo(to string) (map[string]digest, error) {
	from, err := os.OpenRoot(b.dir)
	if err != nil {
		return nil, plainError(b.dir, err)
	}
	defer from.Close()
	b.copied = to
	sums := make(map[string]digest, len(b.files))
	room := int64(maxProgram)
	for _, name := range b.files {
		target := filepath.Join(to, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return nil, err
		}
		sum, n, object, err := copyFile(from, name, target, room)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Join(b.dir, name), err)
		}
		room -= n
		sums[name] = sum
		if object != nil {
			b.objects = append(b.objects, *object)
		}
	}
	return sums, nil
}

// smallFile is how large a file is that is copied in one piece: a bundle may
// have thousands of them.
const smallFile = 64 << 10

// copyFile copies one file, at most room bytes, and returns the digest of what
// it wrote and, if that is a shared object, what it asks for.
func copyFile(from *os.Root, name, target string, room int64) (sum digest, n int64, o *object, err error) {
	in, err := from.OpenFile(name, os.O_RDONLY|nonBlocking, 0)
	if err != nil {
		return "", 0, nil, err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return "", 0, nil, errors.New("is not a regular file")
	}
	mode := fs.FileMode(0o444)
	if executable(info) {
		mode = 0o555
	}
	out, err := os.OpenFile(target, os.O_RDWR|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return "", 0, nil, err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if info.Size() >= smallFile {
		n, sum, err = copyHashed(out, in, room)
		return sum, n, objectOf(out, target), err
	}
	data, err := io.ReadAll(io.LimitReader(in, min(room, smallFile)+1))
	switch {
	case err != nil:
	case int64(len(data)) > room:
		err = fmt.Errorf("is larger than %d MiB", maxProgram>>20)
	case len(data) > smallFile:
		err = errors.New("grew while it was copied")
	default:
		_, err = out.Write(data)
	}
	return digestOf(data), int64(len(data)), objectOf(out, target), err
}

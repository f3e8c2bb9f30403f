// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
)

// prefix is what the name of every program begins with.
const prefix = "credhost-plugin-"

// programName is what follows the prefix. A file with a dot there, such as a
// signature or an editor's copy, is no program.
var programName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)

func isProgramName(name string) bool { return len(name) <= 64 && programName.MatchString(name) }

// maxProgram is how large a program may be, with all its files, in bytes.
const maxProgram = 512 << 20

// found is a program as it lies in a folder. Nothing of it has been read.
type found struct {
	name   string
	path   string // the file, or the folder with the manifest
	bundle bool   // it is a folder
	err    error  // why it cannot be used
	hidden string // the path of the program of the same name that goes before
}

// find returns the programs in dirs, by name; those of an earlier folder come
// before those of a later one, and hide them. A folder that is not there has
// none.
func find(dirs []string) ([]found, error) {
	var all []found
	first := map[string]string{}
	for _, dir := range dirs {
		programs, err := findIn(dir)
		if err != nil {
			return nil, err
		}
		for _, f := range programs {
			if f.hidden = first[f.name]; f.hidden == "" {
				first[f.name] = f.path
			}
			all = append(all, f)
		}
	}
	return all, nil
}

// findIn returns the programs in one folder.
func findIn(dir string) ([]found, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("plugin folder %w", plainError(dir, err))
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("plugin folder %w", plainError(dir, err))
	}
	var all []found
	for _, e := range entries {
		name, ok := strings.CutPrefix(e.Name(), prefix)
		if runtime.GOOS == "windows" && ok && !e.IsDir() {
			name, ok = strings.CutSuffix(name, ".exe")
		}
		if !ok || strings.ContainsAny(name, ".~") {
			continue
		}
		f := found{name: name, path: filepath.Join(dir, e.Name())}
		switch {
		case !isProgramName(name):
			f.err = fmt.Errorf("the name after %q must have lower-case letters, digits and hyphens: rename it", prefix)
		case openToAll(info):
			f.err = fmt.Errorf("everybody may write to its folder: chmod o-w %s", dir)
		default:
			f.bundle, f.err = look(f.path)
		}
		all = append(all, f)
	}
	return all, nil
}

// look says what is wrong with the file or folder at path, as far as that can
// be seen without opening it.
func look(path string) (bundle bool, err error) {
	info, err := os.Lstat(path)
	if err != nil {
		return false, plainError(path, err)
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		if err := stays(path); err != nil {
			return false, err
		}
		if info, err = os.Stat(path); err != nil {
			return false, plainError(path, err)
		}
	}
	switch {
	case openToAll(info):
		return info.IsDir(), fmt.Errorf("everybody may write to it: chmod o-w %s", path)
	case info.IsDir():
		return true, nil
	case !info.Mode().IsRegular():
		return false, errors.New("it is not a file: put a program in its place")
	case !executable(info):
		return false, fmt.Errorf("it is not executable: chmod +x %s", path)
	case info.Size() > maxProgram:
		return false, fmt.Errorf("it is larger than %d MiB", maxProgram>>20)
	}
	return false, nil
}

// stays refuses a symbolic link that leads out of its own folder: who may
// write there is another's business.
func stays(link string) error {
	target, err := filepath.EvalSymlinks(link)
	if err != nil {
		return plainError(link, err)
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(link))
	if err != nil {
		return plainError(link, err)
	}
	if rel, err := filepath.Rel(dir, target); err != nil || !filepath.IsLocal(rel) {
		return fmt.Errorf("it is a symbolic link to %s, outside its folder: put the program itself there", target)
	}
	return nil
}

// stamps returns the stamps of all the files that f is made of.
func (f found) stamps() ([]stamp, error) {
	if !f.bundle {
		s, err := stampOf(f.path)
		return []stamp{s}, err
	}
	b, err := readBundle(f.path)
	if err != nil {
		return nil, err
	}
	return b.stamps()
}

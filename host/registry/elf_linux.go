// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"bufio"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

var machines = map[string]elf.Machine{
	"386": elf.EM_386, "amd64": elf.EM_X86_64, "arm": elf.EM_ARM, "arm64": elf.EM_AARCH64,
	"loong64": elf.EM_LOONGARCH, "ppc64le": elf.EM_PPC64, "riscv64": elf.EM_RISCV, "s390x": elf.EM_S390,
}

// inspect refuses what is no program for this machine, and returns what the
// program loads from the system before it runs: nothing, if it is static, as
// it should be. Path is where it came from, for messages.
func (b *binary) inspect(path string) ([]read, error) {
	f, err := elf.NewFile(b.file)
	if err != nil {
		start := make([]byte, 2)
		b.file.ReadAt(start, 0)
		if string(start) == "#!" {
			return nil, fmt.Errorf("%s is a script: put it into a folder %sNAME with a manifest, %s, that names its interpreter", path, prefix, manifestFile)
		}
		return nil, fmt.Errorf("%s is not a program: it is no ELF file", path)
	}
	if want, ok := machines[runtime.GOARCH]; ok && f.Machine != want {
		return nil, fmt.Errorf("%s is a program for another machine, %s: build it for %s", path, f.Machine, platform)
	}
	if f.Type != elf.ET_EXEC && f.Type != elf.ET_DYN {
		return nil, fmt.Errorf("%s is not a program but %s", path, f.Type)
	}
	loader := interpreterOf(f)
	if loader == "" {
		return nil, nil
	}
	l := loads{machine: f.Machine, dirs: libraryDirs(), seen: map[string]bool{}}
	if err := l.add(loader); err != nil {
		return nil, err
	}
	if err := l.needs(f); err != nil {
		return nil, fmt.Errorf("%s is not static, and %w: build it with CGO_ENABLED=0", path, err)
	}
	return l.digests()
}

// interpreterOf returns the loader that a program asks for.
func interpreterOf(f *elf.File) string {
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP && p.Filesz < 4096 {
			text, err := io.ReadAll(p.Open())
			if err != nil {
				return ""
			}
			return strings.TrimRight(string(text), "\x00")
		}
	}
	return ""
}

// loads gathers the libraries of a program, as its loader will.
type loads struct {
	machine elf.Machine
	dirs    []string
	seen    map[string]bool // by name
	paths   []string
}

func (l *loads) add(path string) error {
	if !filepath.IsAbs(path) {
		return fmt.Errorf("it asks for the loader %q, which is no absolute path: build it with CGO_ENABLED=0", path)
	}
	if !slices.Contains(l.paths, path) {
		l.paths = append(l.paths, path)
	}
	l.seen[filepath.Base(path)] = true
	return nil
}

// needs adds what f is linked with, and what that is linked with.
func (l *loads) needs(f *elf.File) error {
	names, err := f.ImportedLibraries()
	if err != nil {
		return errors.New("what it is linked with cannot be read")
	}
	for _, name := range names {
		if l.seen[name] {
			continue
		}
		l.seen[name] = true
		if err := l.library(name); err != nil {
			return err
		}
	}
	return nil
}

// library adds the library with the given name, from the system's folders.
func (l *loads) library(name string) error {
	for _, dir := range l.dirs {
		path := filepath.Join(dir, name)
		f, err := elf.Open(path)
		if err != nil {
			continue
		}
		defer f.Close()
		if f.Machine == l.machine {
			l.paths = append(l.paths, path)
			return l.needs(f)
		}
	}
	return fmt.Errorf("its library %s is in none of the system's folders", name)
}

func (l *loads) digests() ([]read, error) {
	slices.Sort(l.paths)
	all := make([]read, len(l.paths))
	for i, path := range l.paths {
		d, err := hashFile(path)
		if err != nil {
			return nil, err
		}
		all[i] = read{Path: path, Digest: d}
	}
	return all, nil
}

// libraryDirs returns where loaders look, in their order.
func libraryDirs() []string {
	return append(configured("/etc/ld.so.conf", 4), "/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib")
}

// configured returns the folders that a configuration file of the loader
// names, and those that it includes.
func configured(path string, depth int) []string {
	f, err := os.Open(path)
	if err != nil || depth == 0 {
		return nil
	}
	defer f.Close()
	var dirs []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line, _, _ := strings.Cut(lines.Text(), "#")
		line = strings.TrimSpace(line)
		if pattern, ok := strings.CutPrefix(line, "include "); ok {
			files, _ := filepath.Glob(strings.TrimSpace(pattern))
			for _, file := range files {
				dirs = append(dirs, configured(file, depth-1)...)
			}
		} else if filepath.IsAbs(line) {
			dirs = append(dirs, line)
		}
	}
	return dirs
}

// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"bufio"
	"debug/elf"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
)

var machines = map[string]elf.Machine{
	"386": elf.EM_386, "amd64": elf.EM_X86_64, "arm": elf.EM_ARM, "arm64": elf.EM_AARCH64,
	"loong64": elf.EM_LOONGARCH, "ppc64le": elf.EM_PPC64, "riscv64": elf.EM_RISCV, "s390x": elf.EM_S390,
}

// inspect refuses what is no program for this machine, and returns the paths of
// what the program loads from the system before it runs: nothing, if it is
// static, as it should be. Others are shared objects that it may load later.
// Path is where it came from, for messages.
func (b *binary) inspect(path string, others []object) ([]string, error) {
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
	if lost := l.needs(wants(f, path)); lost != "" {
		return nil, fmt.Errorf("%s is not static, and its library %s is in none of the system's folders: build it with CGO_ENABLED=0", path, lost)
	}
	for _, o := range others {
		l.needs(o) // who loads what is incomplete gets an error then
	}
	return l.paths, nil
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
	if o := objectAt(path); o == nil || o.machine != l.machine {
		return fmt.Errorf("it asks for the loader %s, which is not there or is none: build it with CGO_ENABLED=0", path)
	}
	l.paths = append(l.paths, path)
	l.seen[filepath.Base(path)] = true
	return nil
}

// needs adds what o is linked with, and what that is linked with. It returns
// the name of a library that is not there, if there is one.
func (l *loads) needs(o object) (lost string) {
	for _, name := range o.needs {
		if l.seen[name] {
			continue
		}
		l.seen[name] = true
		if missing := l.library(o, name); missing != "" {
			lost = missing
		}
	}
	return lost
}

// library adds the library with the given name, which o wants.
func (l *loads) library(o object, name string) (lost string) {
	for _, dir := range append(slices.Clone(o.dirs), l.dirs...) {
		path := filepath.Join(dir, name)
		if found := objectAt(path); found != nil && found.machine == l.machine {
			l.paths = append(l.paths, path)
			return l.needs(*found)
		}
	}
	return name
}

// wants returns what f, which lies at path, asks its loader for. What cannot be
// read asks for nothing: a loader cannot read it, either.
func wants(f *elf.File, path string) object {
	o := object{path: path, machine: f.Machine}
	o.needs, _ = f.ImportedLibraries()
	own, _ := f.DynString(elf.DT_RUNPATH)
	if len(own) == 0 {
		own, _ = f.DynString(elf.DT_RPATH)
	}
	for _, dirs := range own {
		for dir := range strings.SplitSeq(dirs, ":") {
			dir = strings.NewReplacer("$ORIGIN", filepath.Dir(path), "${ORIGIN}", filepath.Dir(path)).Replace(dir)
			if filepath.IsAbs(dir) {
				o.dirs = append(o.dirs, filepath.Clean(dir))
			}
		}
	}
	return o
}

// objectOf returns what file, which lies at path, asks a loader for, or nil if
// it is no shared object.
func objectOf(file *os.File, path string) *object {
	start := make([]byte, len(elf.ELFMAG))
	if _, err := file.ReadAt(start, 0); err != nil || string(start) != elf.ELFMAG {
		return nil
	}
	f, err := elf.NewFile(file)
	if err != nil || f.Type != elf.ET_DYN {
		return nil
	}
	o := wants(f, path)
	return &o
}

// changedAt returns when a file's bytes or mode were changed last.
func changedAt(info fs.FileInfo) int64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Ctim.Nano()
	}
	return 0
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

// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// A lockFile says which programs are trusted, and what for. People read it,
// review its changes and keep it under version control, so it holds nothing of
// one machine; [catalog] compares it with what lies in the folders.
type lockFile struct {
	Version  int                `json:"version"` // of this format: 1
	Programs map[string]*pinned `json:"programs"`
}

// pinned is what is trusted of one program.
type pinned struct {
	Release string   `json:"release,omitempty"` // what the program calls its version, for people
	Types   []string `json:"types"`             // the types that are this program's, and nobody else's
	Origins []string `json:"origins"`           // where its types' secrets may go, for people

	// Platforms are the pins, by operating system and architecture: machines
	// that differ can share a lock file.
	Platforms map[string]pin `json:"platforms"`
}

// A pin holds a program to what was shown when it was trusted.
type pin struct {
	Program     digest `json:"program"`         // its bytes; see image
	Description digest `json:"description"`     // what it says of itself
	Reads       []read `json:"reads,omitempty"` // what it loads from the system
}

// lockVersion is the newest format of the lock file that this package knows.
const lockVersion = 1

// readLock reads the lock file at path. One that is not there trusts nothing.
func readLock(path string) (*lockFile, error) {
	lock := &lockFile{Version: lockVersion, Programs: map[string]*pinned{}}
	if path == "" {
		return lock, nil
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return lock, nil
	}
	if err != nil {
		return nil, fmt.Errorf("lock file %w", plainError(path, err))
	}
	if err := json.Unmarshal(data, lock); err != nil {
		return nil, fmt.Errorf("lock file %s: %w: restore it, or remove it and trust the plugins again", path, err)
	}
	if err := lock.check(); err != nil {
		return nil, fmt.Errorf("lock file %s: %w", path, err)
	}
	return lock, nil
}

// check refuses a lock file that this package did not write.
func (l *lockFile) check() error {
	if l.Version != lockVersion {
		return fmt.Errorf("has version %d, and this host knows version %d: use the release that wrote it, or a newer one", l.Version, lockVersion)
	}
	owners := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(l.Programs)) {
		p := l.Programs[name]
		if !programName.MatchString(name) || p == nil {
			return fmt.Errorf("%q is not a plugin's entry: remove it", name)
		}
		for _, typ := range p.Types {
			if other := owners[typ]; other != "" {
				return fmt.Errorf("type %q is claimed by %s and by %s: remove it from one of them", typ, other, name)
			}
			owners[typ] = name
		}
		for at, pin := range p.Platforms {
			if !pin.Program.valid() || !pin.Description.valid() {
				return fmt.Errorf("the digests of %s for %s are not SHA-256: trust it again", name, at)
			}
		}
	}
	return nil
}

// pin returns what this platform's program with the given name is held to.
func (l *lockFile) pin(name string) (pin, bool) {
	p := l.Programs[name]
	if p == nil {
		return pin{}, false
	}
	at, ok := p.Platforms[platform]
	return at, ok
}

// owner returns the program that claimed a type first, or "".
func (l *lockFile) owner(typ string) string {
	for name, p := range l.Programs {
		if slices.Contains(p.Types, typ) {
			return name
		}
	}
	return ""
}

// trust pins what o shows. Types that another program claimed stay with it,
// and types that an older version of this program claimed stay with this one.
func (l *lockFile) trust(o Offer) {
	p := l.Programs[o.Name]
	if p == nil {
		p = &pinned{}
		l.Programs[o.Name] = p
	}
	if p.Platforms == nil {
		p.Platforms = map[string]pin{}
	}
	for _, t := range o.Types {
		if owner := l.owner(t.Schema.Name); owner == "" {
			p.Types = append(p.Types, t.Schema.Name)
		}
	}
	slices.Sort(p.Types)
	p.Release, p.Origins = o.Version, o.Origins
	p.Platforms[platform] = pin{Program: digest(o.Digest), Description: o.pin, Reads: o.reads}
}

// editLock changes the lock file at path, which other processes may be doing
// too: each sees what the one before it wrote.
func editLock(path string, edit func(*lockFile) error) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	held, _, err := lockDir(dir, true)
	if err != nil {
		return fmt.Errorf("lock file %w", plainError(path, err))
	}
	defer held.Close()
	lock, err := readLock(path)
	if err != nil {
		return err
	}
	if err := edit(lock); err != nil {
		return err
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(lock); err != nil {
		return err
	}
	if err := writeFile(path, b.Bytes(), 0o644); err != nil {
		return fmt.Errorf("lock file %w", plainError(path, err))
	}
	return nil
}

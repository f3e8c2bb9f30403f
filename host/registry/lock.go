// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/credhost/credhost/internal/defence"
)

// A lockFile says which programs are trusted, and what for. People read it,
// review its changes and keep it under version control, so it holds nothing of
// one machine; [catalog] compares it with what lies in the folders.
type lockFile struct {
	Version  int                `json:"version"` // of this format: see lockVersion
	Programs map[string]*pinned `json:"programs"`
}

// pinned is what is trusted of one program.
type pinned struct {
	Release string   `json:"release,omitempty"` // what the program calls its version, for people
	Key     string   `json:"key,omitempty"`     // by which its author signs; it never goes back to none
	Types   []string `json:"types"`             // the types that are this program's, and nobody else's
	Asks    Terms    `json:"asks,omitempty"`    // what it was trusted with, type by type
	Origins []string `json:"origins,omitempty"` // of version 1: where its types' secrets may go

	// Platforms are the pins, by operating system and architecture: machines
	// that differ can share a lock file.
	Platforms map[string]pin `json:"platforms"`
}

// A pin holds a program to what was shown when it was trusted.
type pin struct {
	Program     digest `json:"program"`               // its bytes; see image
	Description digest `json:"description"`           // what it says of itself
	Signed      int64  `json:"signed,omitempty"`      // when, in Unix seconds; zero: it was not, or by no key that is trusted
	Interpreter *read  `json:"interpreter,omitempty"` // what runs it
	Reads       []read `json:"reads,omitempty"`       // what it reads from the system
}

// lockVersion is the format of the lock file that this package writes. It reads
// that of version 1, too, which knew no signatures.
const lockVersion = 2

// maxLock is how large a lock file may be, in bytes.
const maxLock = 16 << 20

// readLock reads the lock file at path. One that is not there trusts nothing.
func readLock(ctx context.Context, path string) (*lockFile, error) {
	if path == "" {
		return newLock(), nil
	}
	data, err := readSmall(path, maxLock)
	if errors.Is(err, fs.ErrNotExist) {
		return newLock(), nil
	}
	if err == nil && !defence.Off(ctx, defence.OwnLock) {
		err = guarded(path)
	}
	if err != nil {
		return nil, fmt.Errorf("lock file %w", plainError(path, err))
	}
	lock, err := parseLock(ctx, data)
	if err != nil {
		return nil, fmt.Errorf("lock file %s: %w", path, err)
	}
	return lock, nil
}

func newLock() *lockFile { return &lockFile{Version: lockVersion, Programs: map[string]*pinned{}} }

// guarded refuses a lock file that everybody could change, or put another in
// the place of: it decides what is run.
func guarded(path string) error {
	if info, err := os.Lstat(path); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		if err := stays(path); err != nil {
			return err
		}
	}
	for _, at := range []string{path, filepath.Dir(path)} {
		if info, err := os.Stat(at); err == nil && openToAll(info) {
			return fmt.Errorf("everybody may write to %s: chmod o-w it, and look whether what it trusts is what you trusted", at)
		}
	}
	return nil
}

// parseLock reads a lock file, and refuses what two readers could take for two
// things.
func parseLock(ctx context.Context, data []byte) (*lockFile, error) {
	const next = "restore it, or remove it and trust the plugins again"
	if err := plainJSON(data); err != nil && !defence.Off(ctx, defence.OneLock) {
		return nil, fmt.Errorf("%w: %s", err, next)
	}
	var head struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, fmt.Errorf("%w: %s", err, next)
	}
	if head.Version != 1 && head.Version != lockVersion { // whatever else is in it
		return nil, fmt.Errorf("has version %d, and this host knows version %d: use the release that wrote it, or a newer one", head.Version, lockVersion)
	}
	lock := newLock()
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(lock); err != nil {
		return nil, fmt.Errorf("%w: %s", err, next)
	}
	if err := lock.check(); err != nil {
		return nil, err
	}
	lock.Version = lockVersion
	return lock, nil
}

// What the names in a lock file are like.
var (
	platformName = regexp.MustCompile(`^[a-z0-9]{1,32}/[a-z0-9]{1,32}$`)
	typeName     = regexp.MustCompile(`^[a-z][a-zA-Z0-9-]*$`) // as package sdk has it, of at most 64 characters
)

// check refuses a lock file that this package did not write.
func (l *lockFile) check() error {
	owners := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(l.Programs)) {
		p := l.Programs[name]
		if !isProgramName(name) || p == nil {
			return fmt.Errorf("%q is not a plugin's entry: remove it", printable(name, 64))
		}
		for _, typ := range p.Types {
			if other := owners[fold(typ)]; other != "" {
				return fmt.Errorf("type %q is claimed by %s and by %s: remove it from one of them", typ, other, name)
			}
			owners[fold(typ)] = name
		}
		if err := p.check(); err != nil {
			return fmt.Errorf("the entry of %s: %w: trust it again", name, err)
		}
	}
	return nil
}

// check refuses an entry that this package did not write.
func (p *pinned) check() error {
	if p.Key != "" {
		if k, err := ParseKey(p.Key); err != nil || k.String() != p.Key {
			return errors.New("its key is none of minisign's")
		}
	}
	for _, typ := range p.Types {
		if len(typ) > 64 || !typeName.MatchString(typ) {
			return fmt.Errorf("%q is not the name of a type", printable(typ, 64))
		}
	}
	for typ := range p.Asks {
		if !slices.Contains(p.Types, typ) {
			return fmt.Errorf("it says what type %q asks for, which is not its own", printable(typ, 64))
		}
	}
	for at, pin := range p.Platforms {
		if !platformName.MatchString(at) {
			return fmt.Errorf("%q is no platform", printable(at, 64))
		}
		if err := pin.check(); err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
	}
	return nil
}

// check refuses a pin that this package did not write.
func (p pin) check() error {
	if !p.Program.valid() || !p.Description.valid() {
		return errors.New("its digests are not SHA-256")
	}
	if p.Signed < 0 || p.Signed > maxSigned {
		return errors.New("it was signed at no time")
	}
	for _, r := range append(one(p.Interpreter), p.Reads...) {
		if r.Path == "" || r.Path != printable(r.Path, len(r.Path)) || !r.Digest.valid() {
			return fmt.Errorf("what it reads (%q) is not a file with its digest", printable(r.Path, 256))
		}
	}
	if !slices.IsSortedFunc(p.Reads, func(a, b read) int { return cmp.Or(strings.Compare(a.Path, b.Path), -1) }) {
		return errors.New("what it reads is not in order, or is there twice")
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

// owner returns the program that claimed a type first, or "". Who owns a name
// owns all that differ from it in case alone: people do not tell them apart.
func (l *lockFile) owner(typ string) string {
	for name, p := range l.Programs {
		if slices.ContainsFunc(p.Types, func(own string) bool { return strings.EqualFold(own, typ) }) {
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
		if !slices.Contains(p.Types, t.Schema.Name) && (l.owner(t.Schema.Name) == "" || l.owner(t.Schema.Name) == o.Name) {
			p.Types = append(p.Types, t.Schema.Name)
		}
	}
	slices.Sort(p.Types)
	p.Release, p.Key, p.Origins = o.Version, o.Key, nil
	p.Asks = termsOf(slices.DeleteFunc(slices.Clone(o.Types), func(t Type) bool { return !slices.Contains(p.Types, t.Schema.Name) }))
	p.Platforms[platform] = o.pinned()
}

// editLock changes the lock file at path, which other processes may be doing
// too: each sees what the one before it wrote.
func editLock(ctx context.Context, path string, edit func(*lockFile) error) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	held, _, err := lockDir(dir, true)
	if err != nil {
		return fmt.Errorf("lock file %w", plainError(path, err))
	}
	defer held.Close()
	lock, err := readLock(ctx, path)
	if err != nil {
		return err
	}
	if err := edit(lock); err != nil {
		return err
	}
	if info, err := os.Lstat(path); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		return fmt.Errorf("lock file %s is a symbolic link, and is not changed through it: name the file itself", path)
	}
	data, err := lock.text()
	if err != nil {
		return err
	}
	if err := writeFile(path, data, 0o644); err != nil {
		return fmt.Errorf("lock file %w", plainError(path, err))
	}
	return nil
}

// text returns l as it is written.
func (l *lockFile) text() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(l)
	return b.Bytes(), err
}

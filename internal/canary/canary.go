// SPDX-License-Identifier: Apache-2.0

// Package canary looks for secrets where none must be. A test tells a [Nest]
// every secret that it gives out or comes across, and then has it search all
// that was written meanwhile: logs, errors, files, what the system shows of
// processes. A secret is found in every spelling in which it could turn up.
//
// The tests of this package are the search itself: a host, its plugins and
// their services do all that they can do, and everything that they leave is
// looked through.
package canary

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
)

// Least is the least number of bytes that a secret must have to be looked for:
// what is shorter stands there by chance.
const Least = 8

// whole is how much of a secret is looked for: a longer one is found by any
// piece of this length that begins at a multiple of it.
const whole = 24

// A Nest knows secrets. It is safe for concurrent use.
type Nest struct {
	mu       sync.Mutex
	names    map[string]string // by secret
	patterns map[uint64][]pattern
	seen     map[string]bool
	filter   [1 << 16]bool
}

// A pattern is a spelling of a secret, or of a piece of it.
type pattern struct {
	text           []byte
	name, spelling string
}

// New returns a nest without secrets.
func New() *Nest {
	return &Nest{names: map[string]string{}, patterns: map[uint64][]pattern{}, seen: map[string]bool{}}
}

// Add adds a secret, by what it is: that name is what a [Leak] tells. Secrets
// of fewer bytes than [Least] are not looked for, and Add reports false.
func (n *Nest) Add(name, secret string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(secret) < Least {
		return false
	}
	if _, ok := n.names[secret]; ok {
		return true
	}
	n.names[secret] = name
	for _, piece := range pieces(secret) {
		for _, s := range spellings(piece) {
			n.add(pattern{text: s.text, name: name, spelling: s.name})
		}
	}
	return true
}

// pieces cuts a long secret: a line that was cut, or wrapped, holds some. What
// stands around a key, as RFC 7468 has it, is no secret.
func pieces(secret string) (all []string) {
	for line := range strings.FieldsFuncSeq(secret, func(c rune) bool { return c == '\n' || c == '\r' }) {
		if strings.HasPrefix(line, "-----") {
			continue
		}
		for len(line) >= 2*whole {
			all, line = append(all, line[:whole]), line[whole:]
		}
		if len(line) >= Least {
			all = append(all, line)
		}
	}
	return all
}

func (n *Nest) add(p pattern) {
	if len(p.text) < Least || n.seen[string(p.text)] {
		return
	}
	n.seen[string(p.text)] = true
	head := binary.LittleEndian.Uint64(p.text)
	n.patterns[head] = append(n.patterns[head], p)
	n.filter[spot(head)] = true
}

// spot is where the filter knows of a pattern that begins so.
func spot(head uint64) uint16 { return uint16(head * 0x9e3779b97f4a7c15 >> 48) }

// Secrets returns how many secrets the nest knows.
func (n *Nest) Secrets() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.names)
}

// Names returns what the secrets are, each once.
func (n *Nest) Names() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var all []string
	for _, name := range n.names {
		all = append(all, name)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// A Leak is a secret that was found.
type Leak struct {
	Sink     string // where
	Name     string // what it is
	Spelling string // how it is spelt there
	Offset   int
}

// String says what was found where, without the secret.
func (l Leak) String() string {
	return fmt.Sprintf("%s holds the %s (%s), at byte %d", l.Sink, l.Name, l.Spelling, l.Offset)
}

// Search returns the secrets in content: as it is, with what is compressed in
// it unpacked, and with its lines joined.
func (n *Nest) Search(sink string, content []byte) []Leak {
	n.mu.Lock()
	defer n.mu.Unlock()
	leaks := n.search(sink, content)
	for i, unpacked := range gunzip(content) {
		leaks = append(leaks, n.search(fmt.Sprintf("%s (unpacked, %d)", sink, i+1), unpacked)...)
	}
	if len(content) <= 32<<20 && bytes.ContainsAny(content, "\r\n") {
		for _, l := range n.search(sink+" (lines joined)", joined(content)) {
			if !slices.ContainsFunc(leaks, func(m Leak) bool { return m.Name == l.Name }) {
				leaks = append(leaks, l)
			}
		}
	}
	return leaks
}

// search returns the first place of each secret and spelling.
func (n *Nest) search(sink string, content []byte) (leaks []Leak) {
	found := map[string]bool{}
	for i := 0; i+Least <= len(content); i++ {
		head := binary.LittleEndian.Uint64(content[i:])
		if !n.filter[spot(head)] {
			continue
		}
		for _, p := range n.patterns[head] {
			key := p.name + "\x00" + p.spelling
			if !found[key] && bytes.HasPrefix(content[i:], p.text) {
				found[key] = true
				leaks = append(leaks, Leak{Sink: sink, Name: p.name, Spelling: p.spelling, Offset: i})
			}
		}
	}
	return leaks
}

// joined returns content without what may stand between two halves of a secret
// that was wrapped.
func joined(content []byte) []byte {
	return bytes.Map(func(c rune) rune {
		if c == '\n' || c == '\r' || c == '\t' || c == ' ' {
			return -1
		}
		return c
	}, content)
}

// gunzip unpacks what is compressed in content.
func gunzip(content []byte) (all [][]byte) {
	for rest := content; ; {
		i := bytes.Index(rest, []byte{0x1f, 0x8b, 0x08})
		if i < 0 {
			return all
		}
		rest = rest[i:]
		if r, err := gzip.NewReader(bytes.NewReader(rest)); err == nil {
			if unpacked, _ := io.ReadAll(io.LimitReader(r, 64<<20)); len(unpacked) > 0 {
				all = append(all, unpacked)
			}
		}
		rest = rest[3:]
	}
}

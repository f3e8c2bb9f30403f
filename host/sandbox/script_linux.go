// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package sandbox

import (
	"encoding/binary"
	"fmt"
)

// A script is the list of system calls that a shim makes.
type script struct {
	calls  []call
	labels []int // of a label, the number of the call that is there
	blobs  []byte
}

// A call is one system call, and what comes after it.
type call struct {
	part Part   // what it is done for
	what string // what it does, in words that finish "it could not …"
	nr   uintptr
	args [6]uintptr
	then [3]target // if it fails, if it returns zero, if it returns more
}

// A target is where a script goes on: at the next call, or at a label.
type target int

const next target = -1

// Which of a call's targets.
const (
	onError = iota
	onZero
	onMore
)

// label returns a new label. [script.here] says where it is.
func (s *script) label() target {
	s.labels = append(s.labels, -1)
	return target(len(s.labels) - 1)
}

// here puts a label in front of the next call.
func (s *script) here(l target) { s.labels[l] = len(s.calls) }

// failed is the label of what is done when a call fails. Every script has it,
// and it is the first.
const failed target = 0

func newScript() *script {
	s := new(script)
	s.label()
	return s
}

// do adds a call that must succeed.
func (s *script) do(part Part, what string, nr uintptr, args ...uintptr) *call {
	c := call{part: part, what: what, nr: nr, then: [3]target{failed, next, next}}
	copy(c.args[:], args)
	s.calls = append(s.calls, c)
	return &s.calls[len(s.calls)-1]
}

// try adds a call that may fail.
func (s *script) try(part Part, what string, nr uintptr, args ...uintptr) {
	s.do(part, what, nr, args...).then[onError] = next
}

// blob returns the address that b will have.
func (s *script) blob(b []byte) uintptr {
	for len(s.blobs)%8 != 0 {
		s.blobs = append(s.blobs, 0)
	}
	at := blobsAt + len(s.blobs)
	s.blobs = append(s.blobs, b...)
	return uintptr(at)
}

// text returns the address of a text for C.
func (s *script) text(t string) uintptr { return s.blob(append([]byte(t), 0)) }

// words returns the address of a list of words.
func (s *script) words(all ...uint64) uintptr {
	b := make([]byte, 0, 8*len(all))
	for _, w := range all {
		b = binary.LittleEndian.AppendUint64(b, w)
	}
	return s.blob(b)
}

// texts returns the address of a list of texts, with a null at its end, as
// execve wants them.
func (s *script) texts(all []string) uintptr {
	ptrs := make([]uint64, 0, len(all)+1)
	for _, t := range all {
		ptrs = append(ptrs, uint64(s.text(t)))
	}
	return s.words(append(ptrs, 0)...)
}

// assemble returns the list and the blobs as the shim reads them.
func (s *script) assemble() (data, blobs []byte) {
	at := func(n int) uint64 { return dataAt + noteLen + callLen*uint64(n) }
	data = make([]byte, noteLen, noteLen+callLen*len(s.calls))
	for i, c := range s.calls {
		data = binary.LittleEndian.AppendUint64(data, uint64(c.nr))
		for _, a := range c.args {
			data = binary.LittleEndian.AppendUint64(data, uint64(a))
		}
		for _, t := range c.then {
			to := i + 1
			if t != next {
				to = s.labels[t]
			}
			if to < 0 || to >= len(s.calls) {
				panic(fmt.Sprintf("sandbox: call %d leads nowhere", i)) // the script is this package's own
			}
			data = binary.LittleEndian.AppendUint64(data, at(to))
		}
	}
	return data, s.blobs
}

// called returns the call whose address a note has.
func (s *script) called(at uint64) (call, bool) {
	n := int(at-dataAt-noteLen) / callLen
	if at < dataAt+noteLen || n >= len(s.calls) {
		return call{}, false
	}
	return s.calls[n], true
}

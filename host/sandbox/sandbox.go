// SPDX-License-Identifier: Apache-2.0

// Package sandbox is the cell that a plugin process runs in. In a full cell a
// program can compute, and talk to whoever listens in one folder of sockets;
// there is nothing else that it could open, reach, start or outlive.
//
// # How a cell is made
//
// The host cannot make it of itself: what a thread of a Go program does to
// itself it does to others, and a fork of a host copies its page tables. Nor
// can it execute itself again, for an embedder's initialisers would run. So it
// executes a shim of some hundred bytes, which is assembled with this
// package (shim_amd64.s) and does nothing but make system calls off a list.
// The list is made here, in Go, where it can be read: see cell_linux.go. The
// shim makes one call after the other, and says on a pipe which one failed.
// It ends with the one that executes the program.
//
// # Levels
//
// What the kernel does not allow, a cell goes without, and says so: [Probe]
// makes one and throws it away. Three levels have a name. [Full] is all of it.
// [Partial] is what remains without namespaces. [None] is nothing.
package sandbox

import (
	"os"
	"time"
)

// A Level says how much stands between a program and the machine.
type Level int

// The levels.
const (
	// None: the program can do what the user can who runs the host.
	None Level = iota

	// Partial: there are no namespaces. The program reads its own files and no
	// others, writes none, has no network, and starts no processes. But Unix
	// sockets of others are at their paths, and it may connect to those that
	// let its user in; and it sees which processes there are.
	Partial

	// Full: the program is alone. It has namespaces of its own for users,
	// processes, mounts, the network, IPC and names, a root that holds its own
	// files and its folder of sockets, and everything of Partial.
	Full
)

// String returns "none", "partial" or "full".
func (l Level) String() string { return [...]string{"none", "partial", "full"}[l] }

// MarshalText returns l's word.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// A Part is one thing that holds a program. Each stands on its own, so that
// what one of them lets through the next one stops.
type Part string

// A Mode says what to do where there is no full cell.
type Mode string

// The modes.
const (
	Best     Mode = ""         // take the best cell that there is
	Required Mode = "required" // run nothing without a full one
	Off      Mode = "off"      // do without one
)

// The parts of a full cell, in the order in which they are put up.
const (
	Namespaces   Part = "namespaces"
	Root         Part = "root"
	NoPrivileges Part = "no privileges"
	Limits       Part = "limits"
	Landlock     Part = "landlock"
	Filter       Part = "system-call filter"
)

// A Cell says what a program runs in. It is used once.
type Cell struct {
	Level   Level
	Program *os.File // what is executed: an ELF file that nobody can change
	Args    []string // its own name first
	Env     []string // its environment, and nothing else of it
	Dir     string   // its working directory, a path in the cell; empty: "/", or Sockets in a cell without a root

	// Sockets is a private folder of the host's. A full cell's root is put
	// together over it, unseen by anybody else. In another cell it is where the
	// program makes its sockets: see [Cell.SocketsAt] and [Run.Folder].
	Sockets string

	// Reads are the files and folders that the program may read and execute,
	// beside itself; those of no others exist in a full cell.
	Reads []Read

	Limits Bounds

	// Mark is put into the environment of the shim, which outlives the
	// program by a moment: by it a later host finds what a dead one left.
	Mark string

	// Without leaves parts out, so that tests see what happens then.
	Without []Part
}

// A Read is something that a program may read.
type Read struct {
	From string // where it is, on the host: an absolute path
	To   string // where it is in a full cell; empty: at From
}

// Bounds are the limits of a cell. Zero values are replaced by the defaults.
type Bounds struct {
	Memory  int64 // bytes of data, as RLIMIT_DATA counts them; zero: 512 MiB
	Files   int   // open descriptors; zero: 256
	Threads int   // in a full cell; zero: 128

	// CPU is how much processor time the program may use without finishing
	// what it was asked. The host looks after that, see [Run.CPU]: a limit of
	// the system's would end programs that are asked much. Zero: 1 min.
	CPU time.Duration
}

// WithDefaults returns b with the defaults in the place of zero values.
func (b Bounds) WithDefaults() Bounds {
	if b.Memory <= 0 {
		b.Memory = 512 << 20
	}
	if b.Files <= 0 {
		b.Files = 256
	}
	if b.Threads <= 0 {
		b.Threads = 128
	}
	if b.CPU <= 0 {
		b.CPU = time.Minute
	}
	return b
}

// A Report says what the kernel allows, for whoever runs the host.
type Report struct {
	Level Level   `json:"level"`
	Parts []Found `json:"parts"` // of a full cell, in order
	Why   string  `json:"why,omitempty"`
	Next  string  `json:"next,omitempty"` // what an operator can do about it
}

// A Found says whether one part of a cell can be had.
type Found struct {
	Part   Part   `json:"part"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"` // what it does, or why it cannot be had
}

// SPDX-License-Identifier: Apache-2.0

package host

import "fmt"

// ProtectMemory keeps the memory of this process, which holds secrets, from
// whoever may look at the processes of its user: on Linux no debugger can attach
// to it, and its files in /proc, mem, maps and environ among them, are root's;
// where the system has such files, no core of it is written. It is about the
// whole process, for good. Programs that it executes write no cores, either, but
// can be looked at, unless they are plugins.
//
// [Open] does it, unless [Config.Dumpable] says otherwise. A program that reads
// secrets earlier calls it first of all. An error says that the system refused,
// which none is known to do.
func ProtectMemory() error {
	if err := hideMemory(); err != nil {
		return fmt.Errorf("host: the memory of the process cannot be hidden (Config.Dumpable does without): %w", err)
	}
	if err := forbidCore(); err != nil {
		return fmt.Errorf("host: cores of the process cannot be forbidden (Config.Dumpable does without): %w", err)
	}
	return nil
}

// protect does what [ProtectMemory] does, but for what tests do without.
func (h *Host) protect() error {
	switch {
	case h.cfg.Dumpable, h.lax.memory && h.lax.core:
		return nil
	case h.lax.memory:
		return forbidCore()
	case h.lax.core:
		return hideMemory()
	}
	return ProtectMemory()
}

// A MemoryState says how the memory of this process is kept from others.
type MemoryState struct {
	Hidden bool // nobody but root can read it
	Cores  bool // a crash may write it to disk
}

// Memory returns the state of this process's memory, as the system says. Where
// a system has no such thing, or will not say, it is not hidden, and there are
// cores.
func Memory() MemoryState { return MemoryState{Hidden: memoryHidden(), Cores: coresAllowed()} }

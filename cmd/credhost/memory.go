// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/credhost/credhost/host"
)

// examineMemory says who can see the secrets in this process's memory.
func examineMemory(e *examination) {
	state := host.Memory()
	switch {
	case state.Hidden && !state.Cores:
		e.add("ok", "memory", "no other process of this user can read it, and a crash writes no core", "")
	case !state.Cores:
		e.add("note", "memory", "a crash writes no core, but debuggers of this user can read it: "+runtime.GOOS+" has no way to forbid that", "")
	default:
		e.add("note", "memory", "other processes of this user can read it, and a crash may write it to disk: "+runtime.GOOS+" has no way to forbid that", "")
	}
	switch open := plainSwap("/"); {
	case runtime.GOOS != "linux":
	case len(open) > 0:
		e.add("note", "swap", "memory may be written to "+strings.Join(open, ", ")+", which is not known to be encrypted", "encrypt it, or run the engine where there is none (MemorySwapMax=0 of a systemd unit)")
	default:
		e.add("ok", "swap", "there is none that is not encrypted", "")
	}
}

// plainSwap returns what a Linux swaps to and is not known to be encrypted, nor
// in memory itself. Root is "/", but for tests.
func plainSwap(root string) (open []string) {
	list, _ := os.ReadFile(filepath.Join(root, "proc/swaps"))
	for i, line := range strings.Split(string(list), "\n") {
		name, _, _ := strings.Cut(line, " ")
		name, _, _ = strings.Cut(name, "\t")
		if i == 0 || name == "" || strings.HasPrefix(name, "/dev/zram") { // the first line is a heading
			continue
		}
		device := name
		if to, err := filepath.EvalSymlinks(filepath.Join(root, name)); err == nil {
			device = to
		}
		uuid, _ := os.ReadFile(filepath.Join(root, "sys/block", filepath.Base(device), "dm/uuid"))
		if !strings.HasPrefix(string(uuid), "CRYPT-") {
			open = append(open, name)
		}
	}
	return open
}

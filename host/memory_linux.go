// SPDX-License-Identifier: Apache-2.0

package host

import "golang.org/x/sys/unix"

// hideMemory makes the process one that cannot be dumped. That outlives a fork,
// and ends with the next execution of a program.
func hideMemory() error { return unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) }

func memoryHidden() bool {
	dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	return err == nil && dumpable != 1
}

// SPDX-License-Identifier: Apache-2.0

package registry

import "golang.org/x/sys/unix"

// These tests run in a process that cannot be dumped, which is what package
// host makes of one before it opens a registry: its files in /proc are root's.
func init() {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		panic(err)
	}
}

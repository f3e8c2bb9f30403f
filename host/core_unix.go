// SPDX-License-Identifier: Apache-2.0

//go:build unix

package host

import "golang.org/x/sys/unix"

// forbidCore forbids cores for good: who has no privilege cannot raise the
// limit again.
func forbidCore() error { return unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}) }

// coresAllowed looks at the limit, which says all but for a Linux that hands
// cores to a program: those it hands over whatever the limit is, unless the
// process cannot be dumped.
func coresAllowed() bool {
	var limit unix.Rlimit
	err := unix.Getrlimit(unix.RLIMIT_CORE, &limit)
	return (err != nil || limit.Cur > 0) && !memoryHidden()
}

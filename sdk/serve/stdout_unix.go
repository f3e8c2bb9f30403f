// SPDX-License-Identifier: Apache-2.0

//go:build unix

package serve

import (
	"os"
	"syscall"
)

// takeStdout returns standard output under another descriptor, and makes of
// its own a second one of standard error: even what does not print through
// package os prints there. Where that is not allowed, only package os does.
func takeStdout() *os.File {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fd, err := syscall.Dup(1)
	if err != nil {
		return os.Stdout
	}
	syscall.CloseOnExec(fd)
	if redirect(2, 1) != nil {
		syscall.Close(fd)
		return os.Stdout
	}
	return os.NewFile(uintptr(fd), "/dev/stdout")
}

// stdin returns standard input in a form that waits in the poller. A read that
// waits in the kernel keeps the one processor that a host gives a plugin until
// the runtime notices, which takes it up to ten milliseconds.
func stdin() *os.File {
	if syscall.SetNonblock(0, true) != nil {
		return os.Stdin
	}
	return os.NewFile(0, "/dev/stdin")
}

// SPDX-License-Identifier: Apache-2.0

//go:build linux

package sandbox

import "golang.org/x/sys/unix"

const nativeAudit uint32 = unix.AUDIT_ARCH_X86_64

// align is how large a page may be.
const align = 4 << 10

// allowedNative are the older forms of calls that the list in filter_linux.go
// has in their newer ones. The numbers of the x32 ABI, which has the same
// architecture, are others, and are on no list.
var allowedNative = []uintptr{
	unix.SYS_OPEN, unix.SYS_STAT, unix.SYS_LSTAT, unix.SYS_NEWFSTATAT, unix.SYS_ACCESS, unix.SYS_READLINK, unix.SYS_GETDENTS, unix.SYS_UNLINK,
	unix.SYS_PIPE, unix.SYS_DUP2, unix.SYS_POLL, unix.SYS_SELECT, unix.SYS_EPOLL_CREATE, unix.SYS_EPOLL_WAIT, unix.SYS_EVENTFD,
	unix.SYS_ARCH_PRCTL, unix.SYS_GETPGRP, unix.SYS_TIME, unix.SYS_ALARM, unix.SYS_PAUSE,
}

// SPDX-License-Identifier: Apache-2.0

//go:build linux

package sandbox

import "golang.org/x/sys/unix"

const nativeAudit uint32 = unix.AUDIT_ARCH_AARCH64

// align is how large a page may be.
const align = 64 << 10

// allowedNative are calls that other processors have under other names.
var allowedNative = []uintptr{unix.SYS_FSTATAT}

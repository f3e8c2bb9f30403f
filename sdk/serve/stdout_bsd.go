// SPDX-License-Identifier: Apache-2.0

//go:build unix && !linux

package serve

import "syscall"

func redirect(from, to int) error { return syscall.Dup2(from, to) }

// SPDX-License-Identifier: Apache-2.0

package serve

import "syscall"

func redirect(from, to int) error { return syscall.Dup3(from, to, 0) }

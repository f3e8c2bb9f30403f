// SPDX-License-Identifier: Apache-2.0

package flawed

import "syscall"

var _ = syscall.Kill

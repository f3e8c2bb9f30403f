// SPDX-License-Identifier: Apache-2.0

//go:build unix

package registry

import (
	"os"
	"syscall"
)

// killGroup kills a process and its children.
func killGroup(p *os.Process) { syscall.Kill(-p.Pid, syscall.SIGKILL) }

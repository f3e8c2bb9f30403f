// SPDX-License-Identifier: Apache-2.0

//go:build unix && !linux

package registry

import (
	"os/exec"
	"syscall"
)

// overTCP says that plugins listen on TCP, where mutual TLS must say who is
// who. On Unix the private folder of the socket does.
const overTCP = false

// prepare says what a plugin process is and what it may do: a process group of
// its own, so that its children can be killed with it. When this host is
// killed the plugin learns it from its standard input, which ends.
func (c *child) prepare(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func startProcess(cmd *exec.Cmd) error { return cmd.Start() }

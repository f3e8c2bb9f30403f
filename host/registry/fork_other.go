// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package registry

import "os/exec"

// forks starts processes. Only on Linux does it matter who does.
type forks struct{}

func newForks() *forks { return &forks{} }

func (*forks) start(cmd *exec.Cmd, _ string) error { return startProcess(cmd) }

func (*forks) close() {}

// grouped does nothing: there are no control groups.
func grouped(*exec.Cmd, int) {}

// awaitExit returns at once: these systems reap a process when they tell that
// it has ended.
func awaitExit(int) {}

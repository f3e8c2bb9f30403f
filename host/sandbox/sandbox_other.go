// SPDX-License-Identifier: Apache-2.0

//go:build !linux || !(amd64 || arm64)

package sandbox

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"time"
)

// Probe reports that there is no sandbox here.
func Probe(string) Report {
	return Report{Level: None, Why: "there is a sandbox on Linux alone, on amd64 and arm64, and this is " + runtime.GOOS + "/" + runtime.GOARCH}
}

// SocketsAt returns where the program finds its folder of sockets.
func (c *Cell) SocketsAt() string { return c.Sockets }

// A Memory cannot be had here.
type Memory struct{}

// OpenMemory returns an error: there is none here.
func OpenMemory(string) (*Memory, error) { return nil, errors.ErrUnsupported }

// Create returns an error.
func (m *Memory) Create(string) (*os.File, error) { return nil, errors.ErrUnsupported }

// Freeze returns an error.
func (m *Memory) Freeze(string, bool) (*os.File, error) { return nil, errors.ErrUnsupported }

// Close does nothing.
func (m *Memory) Close() error { return nil }

// A Run is a program in its cell.
type Run struct{}

// Command returns an error: there are no cells here.
func (c *Cell) Command() (*exec.Cmd, *Run, error) {
	return nil, nil, errors.New(Probe("").Why)
}

// Folder returns "".
func (r *Run) Folder() string { return "" }

// Go does nothing.
func (r *Run) Go() {}

// Close does nothing.
func (r *Run) Close() {}

// Started does nothing.
func (r *Run) Started() {}

// PID returns 0.
func (r *Run) PID() int { return 0 }

// CPU returns 0.
func (r *Run) CPU(int) time.Duration { return 0 }

// Failed returns nil.
func (r *Run) Failed() error { return nil }

// Status returns waited.
func (r *Run) Status(waited error) error { return waited }

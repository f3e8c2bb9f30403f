// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package sandbox

import "errors"

// A Cgroup is a control group of Linux.
type Cgroup struct{}

// OpenCgroup returns an error: there are control groups on Linux alone.
func OpenCgroup(string) (*Cgroup, error) {
	return nil, errors.New("there are control groups on Linux alone")
}

// A Group is the control group of one cell.
type Group struct{}

// Make returns an error.
func (g *Cgroup) Make(Bounds) (*Group, error) { return nil, errors.ErrUnsupported }

// FD returns 0.
func (g *Group) FD() int { return 0 }

// Close does nothing.
func (g *Group) Close() error { return nil }

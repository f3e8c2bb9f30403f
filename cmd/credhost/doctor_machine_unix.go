// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package main

import (
	"os"
	"path/filepath"
	"syscall"
)

// examineMachine looks at what of the machine a server would run out of.
func (p *program) examineMachine(e *examination) {
	folder := p.data
	for { // the nearest that is there
		if _, err := os.Stat(folder); err == nil || filepath.Dir(folder) == folder {
			break
		}
		folder = filepath.Dir(folder)
	}
	var fs syscall.Statfs_t
	if syscall.Statfs(folder, &fs) == nil {
		e.addDisk(folder, fs.Bavail*uint64(fs.Bsize), uint64(fs.Ffree), fs.Files > 0) // some count no files
	}
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) == nil { // Go has raised it as far as it may
		e.addFiles(limit.Cur)
	}
}

// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package registry

import (
	"io/fs"
	"os"
)

// seal copies the file at path into a folder of this host alone and hashes
// what it copies. Only the user that runs this host could change the copy.
func (a *album) seal(path, name string) (*binary, error) { return a.sealCopy(path, name) }

// inspect finds nothing out: the systems other than Linux have no sandbox that
// would need to know what a program loads. What is no program fails to start.
func (b *binary) inspect(string, []object) ([]string, error) { return nil, nil }

// objectOf finds nothing out, either.
func objectOf(*os.File, string) *object { return nil }

// changedAt returns nothing: where a file's owner can set it, or where it is
// spelt otherwise on each system, it tells too little.
func changedAt(fs.FileInfo) int64 { return 0 }

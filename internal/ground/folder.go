// SPDX-License-Identifier: Apache-2.0

package ground

import (
	"os"
	"path/filepath"
	"testing"
)

// Folder returns a folder of this name for what the tests of a package build
// once. [Main] removes it.
func Folder(t testing.TB, name string) string {
	t.Helper()
	built.Lock()
	defer built.Unlock()
	var err error
	if built.folder == "" {
		built.folder, err = os.MkdirTemp("", "credhost-ground")
	}
	folder := filepath.Join(built.folder, name)
	if err == nil {
		err = os.MkdirAll(folder, 0o700)
	}
	if err != nil {
		t.Fatal(err)
	}
	return folder
}

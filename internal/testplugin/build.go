// SPDX-License-Identifier: Apache-2.0

package testplugin

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// Program is the name of the program that [Build] makes, without the ending
// that Windows wants.
const Program = "credhost-plugin-test"

// Build compiles the program that serves [Plugins], or [OldPlugins] if old,
// into a folder, and returns its path. It is linked statically. It takes the
// Go toolchain, and a few seconds if the build cache is cold, so call it once
// in a test's TestMain. The two programs differ in their bytes.
func Build(dir string, old bool) (string, error) {
	path := filepath.Join(dir, Program)
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	args := []string{"build", "-o", path}
	if old {
		args = append(args, "-ldflags", "-X main.release=old")
	}
	build := exec.Command("go", append(args, "github.com/credhost/credhost/internal/testplugin/"+Program)...)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building %s: %w\n%s", Program, err, out)
	}
	return path, nil
}

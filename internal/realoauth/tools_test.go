// SPDX-License-Identifier: Apache-2.0

package realoauth_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/credhost/credhost/internal/tools"
)

var need = tools.Need{Name: "OAUTH", Untested: "credhost is not tried against a real server"}

// built is a folder that TestMain removes, plugins one below it.
var built, plugins string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if built, err = os.MkdirTemp("", "credhost-realoauth"); err != nil {
			panic(err)
		}
		defer os.RemoveAll(built)
		plugins = filepath.Join(built, "plugins")
		if err := os.Mkdir(plugins, 0o755); err != nil {
			panic(err)
		}
		if err := build("../..", filepath.Join(plugins, "credhost-plugin-oidc"), "./examples/oidc"); err != nil {
			panic(err)
		}
		code := m.Run()
		for _, end := range running {
			end()
		}
		return code
	}())
}

// build builds a program of the module in folder module.
func build(module, program, pkg string) error {
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	cmd := exec.Command("go", "build", "-mod=readonly", "-o", program, pkg)
	cmd.Dir, cmd.Env = module, append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building %s: %w\n%s", pkg, err, out)
	}
	return nil
}

// needNode skips a test where Node.js or the pinned packages are missing.
func needNode(t *testing.T) {
	t.Helper()
	need.Node(t)
	need.Packages(t, "node")
}

// needFosite skips a test where fosite cannot be had. That it is there and the
// program that is made of it does not compile is a failure in any case.
func needFosite(t *testing.T) {
	t.Helper()
	_, err := fositeProgram()
	if errors.Is(err, errNoModules) {
		need.Lacks(t, "the modules that ory/fosite needs are")
	}
	if err != nil {
		t.Fatal(err)
	}
}

var errNoModules = errors.New("modules cannot be had")

var fositeProgram = sync.OnceValues(func() (string, error) {
	list := exec.Command("go", "list", "-mod=readonly", "-deps", ".")
	list.Dir, list.Env = "../testidp", append(os.Environ(), "GOWORK=off")
	if list.Run() != nil {
		return "", errNoModules
	}
	path := filepath.Join(built, "testidp")
	err := build("../testidp", path, ".")
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	return path, err
})

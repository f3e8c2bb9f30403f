// SPDX-License-Identifier: Apache-2.0

package realoauth_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// browsers are the names under which Chromium is found.
var browsers = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome",
	"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome", "/Applications/Chromium.app/Contents/MacOS/Chromium"}

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

// lacking skips a test, loudly, that cannot run for want of something; with
// CREDHOST_NEED_OAUTH=1 it fails.
func lacking(t *testing.T, what string) {
	t.Helper()
	sentence := "credhost is not tried against a real server: " + what + " missing here; `make tools` gets what it can, and says how to get the rest"
	if os.Getenv("CREDHOST_NEED_OAUTH") == "1" {
		t.Fatal(sentence)
	}
	t.Skip(sentence)
}

// needNode skips a test where Node.js or the pinned packages are missing.
func needNode(t *testing.T) {
	t.Helper()
	version, err := exec.Command("node", "--version").Output()
	major := regexp.MustCompile(`^v([0-9]+)`).FindSubmatch(version)
	if err != nil || major == nil {
		lacking(t, "Node.js 20 or newer")
	} else if n, _ := strconv.Atoi(string(major[1])); n < 20 {
		lacking(t, "Node.js 20 or newer (this is "+strings.TrimSpace(string(version))+")")
	}
	if _, err := os.Stat("node/node_modules/.package-lock.json"); err != nil {
		lacking(t, "the packages of internal/realoauth/node")
	}
}

// needChromium skips a test where there is no Chromium, and returns its path.
func needChromium(t *testing.T) string {
	t.Helper()
	if named := os.Getenv("CREDHOST_CHROMIUM"); named != "" {
		return named
	}
	for _, name := range browsers {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	lacking(t, "Chromium")
	return ""
}

// needFosite skips a test where fosite cannot be had. That it is there and the
// program that is made of it does not compile is a failure in any case.
func needFosite(t *testing.T) {
	t.Helper()
	_, err := fositeProgram()
	if errors.Is(err, errNoModules) {
		lacking(t, "the modules that ory/fosite needs")
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

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/credhost/credhost/internal/testplugin"
)

// plugins are built before the tests.
var plugins fixture

// A fixture is the plugins that all tests share.
type fixture struct {
	founding string // the folder of the founding plugins
	others   string // that of the plugins for tests
	data     string // a data folder in which all of them are trusted
	lock     []byte // a lock file that trusts the founding plugins alone
	sockets  string // a folder with a short path
	program  string // credhost itself, as it is shipped
}

// buildPlugins builds the plugins into a folder, and trusts them.
func buildPlugins(dir string) (f fixture, err error) {
	f = fixture{founding: filepath.Join(dir, "founding"), others: filepath.Join(dir, "others"), data: filepath.Join(dir, "data")}
	if f.sockets, err = shortFolder(dir); err != nil {
		return f, err
	}
	// With the flags that the tests have, everything has been compiled for them already.
	build := exec.Command("go", "build", "-ldflags", "-s -w", "-o", dir+string(filepath.Separator),
		"../../plugins/halopsa", "../../plugins/hellocloud", "../../plugins/faxplus", "./testdata/kinds", "../../internal/testplugin/"+testplugin.Program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return f, fmt.Errorf("building the plugins: %w\n%s", err, out)
	}
	exe := ""
	if runtime.GOOS == "windows" {
		exe = ".exe"
	}
	f.program = filepath.Join(dir, "credhost"+exe)
	for name, folder := range map[string]string{"halopsa": f.founding, "hellocloud": f.founding, "faxplus": f.founding, "kinds": f.others, testplugin.Program: f.others} {
		err := errors.Join(os.MkdirAll(folder, 0o755),
			os.Rename(filepath.Join(dir, name+exe), filepath.Join(folder, "credhost-plugin-"+strings.TrimPrefix(name, "credhost-plugin-")+exe)))
		if err != nil {
			return f, err
		}
	}
	return f, f.trust()
}

// trust trusts all plugins, the founding ones first.
func (f *fixture) trust() (err error) {
	for _, name := range []string{"halopsa", "hellocloud", "faxplus", "kinds", "test"} {
		if name == "kinds" {
			if f.lock, err = os.ReadFile(filepath.Join(f.data, "credhost.lock")); err != nil {
				return err
			}
		}
		var said bytes.Buffer
		p := &program{in: os.Stdin, out: &said, err: &said}
		if code := p.run([]string{"--data", f.data, "--plugins", f.founding, "--plugins", f.others, "plugin", "trust", name, "--yes"}); code != 0 {
			return fmt.Errorf("trusting %s: exit code %d: %s", name, code, said.String())
		}
	}
	return nil
}

// shortFolder returns a folder whose path is short enough for sockets.
func shortFolder(dir string) (string, error) {
	if runtime.GOOS == "windows" {
		return dir, nil
	}
	return os.MkdirTemp("/tmp", "ch")
}

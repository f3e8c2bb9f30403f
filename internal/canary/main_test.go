// SPDX-License-Identifier: Apache-2.0

//go:build unix

package canary_test

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/credhost/credhost/internal/postgres"
	"github.com/credhost/credhost/internal/testplugin"
)

// childEnv has the test program be one of its children: processes that the
// tests look at from outside, and kill.
const childEnv = "CREDHOST_CANARY_CHILD"

// children are what they do, by their names.
var children = map[string]func() int{}

// plugins is the folder with the test plugin's program.
var plugins string

func TestMain(m *testing.M) {
	if child := os.Getenv(childEnv); child != "" {
		os.Exit(children[child]())
	}
	os.Exit(func() int {
		var err error
		if plugins, err = os.MkdirTemp("", "credhost-canary"); err == nil {
			defer os.RemoveAll(plugins)
			if err = os.Chmod(plugins, 0o755); err == nil {
				_, err = testplugin.Build(plugins, false)
			}
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		flag.Parse()
		flag.Set("test.parallel", "8") // engines wait for services that hang, and for plugins
		return postgres.Main(m)
	}())
}

// A child is a process of the test program.
type child struct {
	*exec.Cmd
	in       io.WriteCloser
	out      io.Reader
	complain bytes.Buffer // what it wrote on standard error
}

// start starts a child, in an empty folder of its own. If lowly, it runs as a
// user without privileges, where the tests have some.
func start(t *testing.T, lowly bool, name string, env ...string) *child {
	t.Helper()
	c := &child{Cmd: exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^$")}
	if _, err := os.Stat(c.Path); err != nil {
		c.Path = must(os.Executable())
	}
	c.Args[0] = "canary.test"
	c.Env = append(env, childEnv+"="+name, "TMPDIR="+openFolder(t), "HOME="+openFolder(t))
	c.Dir = openFolder(t)
	c.Stderr = &c.complain
	c.SysProcAttr = &syscall.SysProcAttr{}
	if lowly && os.Getuid() == 0 {
		c.SysProcAttr.Credential = &syscall.Credential{Uid: 65534, Gid: 65534}
	}
	c.in, c.out = must(c.StdinPipe()), must(c.StdoutPipe())
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.in.Close(); c.Process.Kill() })
	return c
}

// openFolder returns a folder that everybody may write to.
func openFolder(t *testing.T) string {
	t.Helper()
	dir := must(os.MkdirTemp("", "cc"))
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	return must(filepath.EvalSymlinks(dir))
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

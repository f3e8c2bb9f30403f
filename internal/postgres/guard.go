// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"fmt"
	"io"
	"os/exec"
	"sync"
)

// A guard is a shell that waits for the end of its standard input, and then
// runs a command: when this process says so, or when it is dead.
type guard struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	once  sync.Once
}

func newGuard(command string) (*guard, error) {
	g := &guard{cmd: exec.Command("/bin/sh", "-c", "cat >/dev/null; "+command)}
	g.cmd.Dir = "/"
	asServerUser(g.cmd)
	ownGroup(g.cmd)
	var err error
	if g.stdin, err = g.cmd.StdinPipe(); err == nil {
		err = g.cmd.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	return g, nil
}

// end runs the command, and returns when it has ended.
func (g *guard) end() {
	g.once.Do(func() {
		_ = g.stdin.Close()
		_ = g.cmd.Wait()
	})
}

// SPDX-License-Identifier: Apache-2.0

package sqlitestore

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
)

// A child is this test program again, as another process with a role. It gets
// the store's path, and acknowledges line by line on its standard output.
type child struct {
	*exec.Cmd
	stdin io.WriteCloser
	lines *bufio.Scanner
}

const (
	childRole = "CREDHOST_STORE_TEST"
	childPath = "CREDHOST_STORE_TEST_PATH"
)

// roles are what a child can be asked for; it exits with their result.
var roles = map[string]func(path string) error{
	"write": writeUntilKilled,
	"find":  findCanaries,
	"lock":  lockUntilAsked,
	"read":  readUntilAsked,
	"echo":  echoRecords,
}

func beChild(role string) int {
	if err := roles[role](os.Getenv(childPath)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// start starts a child, which is killed when the test ends.
func start(t *testing.T, role, path string) *child {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := &child{Cmd: exec.Command(program)}
	c.Env = append(os.Environ(), childRole+"="+role, childPath+"="+path)
	c.Stderr = os.Stderr
	stdout, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.lines = bufio.NewScanner(stdout)
	if c.stdin, err = c.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	return c
}

// line waits for the child's next line.
func (c *child) line(t *testing.T) string {
	t.Helper()
	if !c.lines.Scan() {
		t.Fatalf("the child ended: %v", c.Wait())
	}
	return c.lines.Text()
}

// end lets a child that waits to be asked end, and waits for it.
func (c *child) end(t *testing.T) {
	t.Helper()
	_ = c.stdin.Close()
	for c.lines.Scan() {
	}
	if err := c.Wait(); err != nil {
		t.Fatal(err)
	}
}

// untilAsked returns when the parent closes the standard input.
func untilAsked() { _, _ = io.Copy(io.Discard, os.Stdin) }

// lockUntilAsked holds the lock of writers.
func lockUntilAsked(path string) error {
	s, err := Open(context.Background(), Config{Path: path})
	if err != nil {
		return err
	}
	tx, err := s.writer.Begin()
	if err != nil {
		return err
	}
	fmt.Println("locked")
	untilAsked()
	return tx.Rollback()
}

// readUntilAsked reads from the log, so that it cannot be truncated.
func readUntilAsked(path string) error {
	s, err := Open(context.Background(), Config{Path: path})
	if err != nil {
		return err
	}
	tx, err := s.readers.Begin()
	if err != nil {
		return err
	}
	var n int
	if err := tx.QueryRow("SELECT count(*) FROM records").Scan(&n); err != nil {
		return err
	}
	fmt.Println("reading", n)
	untilAsked()
	return tx.Rollback()
}

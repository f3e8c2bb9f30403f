// SPDX-License-Identifier: Apache-2.0

package pgstore

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"
)

// A child is this test program again, as another process with a role. It gets
// the database's URL, and acknowledges line by line on its standard output.
type child struct {
	*exec.Cmd
	stdin io.WriteCloser
	lines *bufio.Scanner
}

const (
	childRole = "CREDHOST_STORE_TEST"
	childURL  = "CREDHOST_STORE_TEST_URL"
)

// roles are what a child can be asked for; it exits with their result.
var roles = map[string]func(url string) error{
	"open":  openWhenAsked,
	"write": writeUntilKilled,
	"hold":  holdUntilKilled,
}

func beChild(role string) int {
	if err := roles[role](os.Getenv(childURL)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// start starts a child, which is killed when the test ends.
func start(t *testing.T, role, url string) *child {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := &child{Cmd: exec.Command(program)}
	c.Env = append(os.Environ(), childRole+"="+role, childURL+"="+url)
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

// end lets a child that waits to be asked go on, and waits for its end.
func (c *child) end(t *testing.T) {
	t.Helper()
	_ = c.stdin.Close()
	for c.lines.Scan() {
	}
	if err := c.Wait(); err != nil {
		t.Error(err)
	}
}

// openWhenAsked opens the store when the standard input ends, at the same
// moment as others.
func openWhenAsked(url string) error {
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
	s, err := Open(context.Background(), Config{URL: url, Wait: time.Minute})
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	return s.Create(context.Background(), record(fmt.Sprint(os.Getpid()), 1))
}

// writeUntilKilled creates, renews and deletes, and says what was acknowledged.
func writeUntilKilled(url string) error {
	ctx := context.Background()
	s, err := Open(ctx, Config{URL: url})
	if err != nil {
		return err
	}
	for n := 0; ; n++ {
		id := fmt.Sprintf("%d-%d", os.Getpid(), n)
		if err := s.Create(ctx, record(id, 1)); err != nil {
			return err
		}
		fmt.Println("saved", id, 1)
		l, err := s.Lease(ctx, "acme", id, "me", time.Hour)
		if err != nil {
			return err
		}
		if err := s.Note(ctx, l, []byte("note of "+id)); err != nil {
			return err
		}
		fmt.Println("noted", id)
		if n%3 == 0 {
			continue
		}
		fmt.Println("saving", id)
		if err := s.Save(ctx, record(id, 2), &l); err != nil {
			return err
		}
		fmt.Println("saved", id, 2)
		if n%3 == 1 {
			continue
		}
		fmt.Println("deleting", id)
		if err := s.Delete(ctx, "acme", id, 0, nil); err != nil {
			return err
		}
		fmt.Println("deleted", id)
	}
}

// holdUntilKilled begins to write, and stops in the middle of it.
func holdUntilKilled(url string) error {
	s, err := Open(context.Background(), Config{URL: url})
	if err != nil {
		return err
	}
	tx, err := s.pool.Begin(context.Background())
	if err != nil {
		return err
	}
	if _, err := tx.Exec(context.Background(), "UPDATE credhost.sequence SET last = last + 1"); err != nil {
		return err
	}
	fmt.Println("holds")
	select {}
}

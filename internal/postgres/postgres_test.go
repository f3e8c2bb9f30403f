// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const childRole = "CREDHOST_POSTGRES_TEST"

func TestMain(m *testing.M) {
	if os.Getenv(childRole) != "" {
		s, err := start(Config{})
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(s.dir)
		time.Sleep(time.Hour)
	}
	os.Exit(Main(m))
}

func TestDatabasesAreApart(t *testing.T) {
	s := Shared(t)
	one, other := Name(s.Database(t)), Name(s.Database(t))
	s.SQL(t, one, "CREATE TABLE x (n int); INSERT INTO x VALUES (7)")
	if got := s.SQL(t, one, "SELECT n FROM x"); got != "7" {
		t.Errorf("one has %q", got)
	}
	if got := s.SQL(t, other, "SELECT to_regclass('x') IS NULL"); got != "t" {
		t.Error("the other has the table, too")
	}
}

func TestRestartKeepsAll(t *testing.T) {
	s := Start(t, Config{})
	s.SQL(t, "postgres", "CREATE TABLE x (n int); INSERT INTO x VALUES (7)")
	s.Down(t)
	if _, err := s.output("psql", nil, s.psql("postgres", "SELECT 1")...); err == nil {
		t.Error("it answers although it is down")
	}
	s.Up(t)
	if got := s.SQL(t, "postgres", "SELECT n FROM x"); got != "7" {
		t.Errorf("it has %q", got)
	}
}

func TestBouncerLeadsToTheServer(t *testing.T) {
	s := Shared(t)
	name := Name(s.Database(t))
	b := s.Bouncer(t, 0)
	out, err := s.output("psql", nil, "-X", "-A", "-t", "-d", b.URL(name), "-c", "SELECT current_database(), current_user")
	if err != nil || out != name+"|"+Superuser {
		t.Errorf("it says %q, %v", out, err)
	}
}

func TestStandbyFollowsAndTakesOver(t *testing.T) {
	s := Start(t, Config{})
	standby := Start(t, Config{Of: s})
	if got := standby.SQL(t, "postgres", "SELECT pg_is_in_recovery()"); got != "t" {
		t.Errorf("it is no standby: %q", got)
	}
	s.Down(t)
	standby.Promote(t)
	standby.SQL(t, "postgres", "CREATE TABLE x (n int)")
}

// Nothing of a server is left when its test is killed.
func TestServerEndsWithItsProcess(t *testing.T) {
	if _, err := findServer(); err != nil {
		require(t, err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), childRole+"=1")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	lines.Scan()
	dir := lines.Text()
	text, err := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid"))
	if err != nil {
		t.Fatalf("%v: %s", err, dir)
	}
	pid, _, _ := strings.Cut(string(text), "\n")
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	for begin := time.Now(); time.Since(begin) < 30*time.Second; time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
			if state, _ := exec.Command("ps", "-o", "stat=", "-p", pid).Output(); len(state) > 0 && state[0] != 'Z' {
				t.Errorf("process %s is still there: %s", pid, state)
			}
			return
		}
	}
	t.Errorf("%s is still there", dir)
}

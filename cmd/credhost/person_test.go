// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/credhost/credhost/internal/screen"
)

// A seat is a person at a terminal, and a run of the program on it.
type seat struct {
	*screen.Terminal
	t    *testing.T
	data string
	cmd  *exec.Cmd
	out  bytes.Buffer // standard output
}

// A world is what a seat finds: environment variables such as TERM, and the
// size of the window.
type world struct {
	env           []string
	width, height int
	data          string // empty: a new folder
}

// sitDown starts the program on a terminal.
func (w world) sitDown(t *testing.T, args ...string) *seat {
	t.Helper()
	if w.width == 0 {
		w.width, w.height = 80, 24
	}
	if w.data == "" {
		w.data = filepath.Join(t.TempDir(), "data")
	}
	s := &seat{Terminal: screen.Open(t, w.width, w.height), t: t, data: w.data, cmd: exec.Command(plugins.program, args...)}
	s.cmd.Env = append(os.Environ(), "TERM=xterm-256color", "LC_ALL=C.UTF-8", "ACCESSIBLE=", "NO_COLOR=",
		"CREDHOST_DATA="+w.data, "CREDHOST_LOCK="+filepath.Join(plugins.data, "credhost.lock"),
		"CREDHOST_PLUGINS="+plugins.founding+string(filepath.ListSeparator)+plugins.others, "XDG_RUNTIME_DIR="+plugins.sockets)
	s.cmd.Env = append(s.cmd.Env, w.env...)
	s.cmd.Stdout = &s.out
	s.Start(s.cmd)
	return s
}

// exits waits for the program to end with a code. The terminal is then as it
// was, and has shown no secret.
func (s *seat) exits(code int) {
	s.t.Helper()
	late := time.AfterFunc(30*time.Second, func() { s.cmd.Process.Kill() })
	defer late.Stop()
	s.cmd.Wait()
	if got := s.cmd.ProcessState.ExitCode(); got != code {
		s.t.Fatalf("the exit code is %d, not %d\n%s", got, code, s.Seen())
	}
	if !s.IsRestored() {
		s.t.Error("the terminal was left in another state")
	}
	s.TTY.WriteString("END") // all that was written before is read once this is
	s.Shows("END")
	if left := s.Modes(); len(left) > 0 {
		s.t.Errorf("the terminal was left with: %s", strings.Join(left, ", "))
	}
	for name, text := range map[string]string{"the terminal": s.Written(), "standard output": s.out.String()} {
		for _, leak := range nest().Search(name, []byte(text)) {
			s.t.Error(leak)
		}
	}
}

// run runs the program without a person, and returns what it prints.
func (s *seat) run(args ...string) string {
	s.t.Helper()
	var out bytes.Buffer
	p := &program{in: os.Stdin, out: &out, err: io.Discard}
	args = append(args, "--data", s.data, "--lock", filepath.Join(plugins.data, "credhost.lock"), "--plugins", plugins.founding, "--plugins", plugins.others)
	if code := p.run(args); code != 0 {
		s.t.Fatalf("%s: exit code %d", strings.Join(args, " "), code)
	}
	return out.String()
}

// credentials returns how many there are.
func (s *seat) credentials() int {
	s.t.Helper()
	return strings.Count(s.run("list"), "c-")
}

var dumb = world{env: []string{"TERM=dumb"}}

func TestPromptsShowNoSecret(t *testing.T) {
	t.Parallel()
	s := dumb.sitDown(t, "create", "faxplus")
	s.Shows("Authentication method", "\n>")
	s.Type("pat\n")
	s.Shows("what you type is not shown")
	s.Listens()
	s.Type("CANARY-7F3A9\n")
	s.Shows("Token expires")
	s.Type("\n")
	s.exits(0)
	if s.credentials() != 1 {
		t.Error("nothing was stored")
	}
	if written := s.Written(); strings.Contains(written, "\x1b") {
		t.Errorf("a dumb terminal was sent %q", written)
	}
}

// What is pasted arrives at once, while one line after the other is read.
func TestPromptsHidePastedLines(t *testing.T) {
	t.Parallel()
	s := dumb.sitDown(t, "create", "kinds", "--set", "mode=long", "--set", "note=x", "--set", "on=true", "--set", "count=1", "--set", "tags=a", "--set", `headers={"a":"b"}`)
	s.Shows("what you type is not shown")
	s.Listens()
	s.Type("CANARY-7F3A9 key\r")
	s.Shows("PEM", "a line that has only a dot")
	s.Listens()
	s.Type("-----BEGIN CANARY-7F3A9-----\rCANARY-7F3A9\r-----END CANARY-7F3A9-----\r.\r")
	s.Shows("At (optional)")
	s.Type("\x03")
	s.exits(codeInterrupted.exit)
}

func TestPromptsWhereTheFormCannotBeDrawn(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		world world
	}{
		{"no TERM", world{env: []string{"TERM="}}},
		{"for a screen reader", world{env: []string{"ACCESSIBLE=1"}}},
		{"tiny", world{width: 15, height: 5}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := test.world.sitDown(t, "create", "kinds")
			s.Until("a prompt", func(seen string) bool { return strings.HasSuffix(strings.TrimRight(seen, "\n"), "\n>") })
			s.Type("\x04")
			s.exits(codeDeclined.exit)
		})
	}
}

func TestAnInterruptEndsPrompts(t *testing.T) {
	t.Parallel()
	s := dumb.sitDown(t, "create", "faxplus", "--set", "authMethod=pat")
	s.Shows("what you type is not shown")
	s.Listens()
	s.Type("CANARY-7F3A9\x03")
	s.exits(codeInterrupted.exit)
	s.Shows("credhost: interrupted")
	s.madeNothing()
}

// lines returns what is seen without empty lines.
func lines(seen string) []string {
	return slices.DeleteFunc(strings.Split(seen, "\n"), func(line string) bool { return strings.TrimSpace(line) == "" })
}

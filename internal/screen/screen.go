// SPDX-License-Identifier: Apache-2.0

//go:build unix

package screen

import (
	"bytes"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/term"
)

// A Terminal shows what is written to its TTY, and types what it is told.
type Terminal struct {
	TTY *os.File // for the program

	t      testing.TB
	ctrl   *os.File
	before *term.State

	mu      sync.Mutex
	changed *sync.Cond
	all     bytes.Buffer
	grid    *grid
}

// Open opens a terminal with a window of width times height.
func Open(t testing.TB, width, height int) *Terminal {
	t.Helper()
	blocking, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer blocking.Close()
	ctrl, err := ending(blocking)
	if err != nil {
		t.Fatal(err)
	}
	before, err := term.GetState(int(tty.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	s := &Terminal{TTY: tty, t: t, ctrl: ctrl, before: before, grid: newGrid(width, height)}
	s.changed = sync.NewCond(&s.mu)
	s.size(width, height)
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.show()
	}()
	t.Cleanup(func() {
		// The TTY is left to the garbage collector: who has read it may be about
		// to look at it once more, to see that it is to end.
		ctrl.Close()
		<-done
		for _, sequence := range s.grid.unknown {
			t.Errorf("the terminal does not know %q", sequence)
		}
	})
	return s
}

// ending returns another file for f, whose reads end once it is closed.
func ending(f *os.File) (*os.File, error) {
	fd, err := syscall.Dup(int(f.Fd()))
	if err != nil {
		return nil, err
	}
	syscall.CloseOnExec(fd)
	err = syscall.SetNonblock(fd, true)
	return os.NewFile(uintptr(fd), f.Name()), err
}

func (s *Terminal) show() {
	for chunk := make([]byte, 4096); ; {
		n, err := s.ctrl.Read(chunk)
		s.mu.Lock()
		s.all.Write(chunk[:n])
		s.grid.write(chunk[:n])
		s.changed.Broadcast()
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// Start starts a program on the terminal, with this as its controlling one.
// What of its standard streams is not set is the terminal.
func (s *Terminal) Start(cmd *exec.Cmd) {
	s.t.Helper()
	if cmd.Stdin == nil {
		cmd.Stdin = s.TTY
	}
	if cmd.Stdout == nil {
		cmd.Stdout = s.TTY
	}
	if cmd.Stderr == nil {
		cmd.Stderr = s.TTY
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
}

// Type types keys.
func (s *Terminal) Type(keys string) {
	s.t.Helper()
	if _, err := s.ctrl.WriteString(keys); err != nil {
		s.t.Fatal(err)
	}
}

// Paste pastes a text, as a terminal does for a program that wants to know.
func (s *Terminal) Paste(text string) {
	s.t.Helper()
	s.Type("\x1b[200~" + strings.ReplaceAll(text, "\n", "\r") + "\x1b[201~")
}

// Resize changes the size of the window, and tells the program.
func (s *Terminal) Resize(width, height int) {
	s.mu.Lock()
	s.grid = newGrid(width, height) // as if it had been cleared: terminals differ in what they keep
	s.mu.Unlock()
	s.size(width, height)
}

func (s *Terminal) size(width, height int) {
	// Not by ctrl, whose reads would block from then on.
	if err := pty.Setsize(s.TTY, &pty.Winsize{Rows: uint16(height), Cols: uint16(width)}); err != nil {
		s.t.Fatal(err)
	}
}

// HangUp closes the window.
func (s *Terminal) HangUp() { s.ctrl.Close() }

// Until waits until something holds of what is seen.
func (s *Terminal) Until(what string, holds func(seen string) bool) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for end := time.Now().Add(20 * time.Second); !holds(s.grid.String()); {
		if time.Now().After(end) {
			s.t.Fatalf("after 20 s there is not: %s\n%s", what, s.grid)
		}
		// A terminal's modes change without a word.
		again := time.AfterFunc(50*time.Millisecond, s.changed.Broadcast)
		s.changed.Wait()
		again.Stop()
	}
}

// Shows waits until all of texts are seen.
func (s *Terminal) Shows(texts ...string) {
	s.t.Helper()
	for _, text := range texts {
		s.Until(text, func(seen string) bool { return strings.Contains(seen, text) })
	}
}

// Hides waits until none of texts is seen.
func (s *Terminal) Hides(texts ...string) {
	s.t.Helper()
	for _, text := range texts {
		s.Until("no "+text, func(seen string) bool { return !strings.Contains(seen, text) })
	}
}

// IsRestored reports whether the TTY is in the state that it was opened in: it
// shows what is typed, say.
func (s *Terminal) IsRestored() bool {
	now, err := term.GetState(int(s.TTY.Fd()))
	return err == nil && reflect.DeepEqual(s.before, now)
}

// Listens waits until a program has changed that state.
func (s *Terminal) Listens() {
	s.t.Helper()
	s.Until("a silent terminal", func(string) bool { return !s.IsRestored() })
}

// Seen returns what is seen now.
func (s *Terminal) Seen() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.grid.String()
}

// Written returns all that was ever written.
func (s *Terminal) Written() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all.String()
}

// Modes returns what programs have left switched on or off: "cursor hidden",
// "alternate screen" and "bracketed paste".
func (s *Terminal) Modes() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.grid.modes()
}

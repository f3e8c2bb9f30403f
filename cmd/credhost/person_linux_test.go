// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// A seat is a pseudo-terminal, and a run of the program on it.
type seat struct {
	t     *testing.T
	ctrl  *os.File // what the person has in hand
	tty   *os.File
	cmd   *exec.Cmd
	asked *said // standard error
	shown *said // what the terminal shows
}

// sitDown starts the program on a terminal.
func sitDown(t *testing.T, args ...string) *seat {
	t.Helper()
	ctrl, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ctrl.Close() })
	var number, locked int32
	ioctl(t, ctrl, syscall.TIOCSPTLCK, unsafe.Pointer(&locked))
	ioctl(t, ctrl, syscall.TIOCGPTN, unsafe.Pointer(&number))
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tty.Close() })
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	m := &seat{t: t, ctrl: ctrl, tty: tty, cmd: exec.Command(exe, args...), asked: &said{}, shown: &said{}}
	m.cmd.Args[0] = "credhost"
	m.cmd.Stdin, m.cmd.Stdout, m.cmd.Stderr = tty, io.Discard, m.asked
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := m.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go io.Copy(m.shown, ctrl)
	return m
}

func ioctl(t *testing.T, f *os.File, what uintptr, at unsafe.Pointer) {
	t.Helper()
	c, err := f.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	c.Control(func(fd uintptr) {
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, fd, what, uintptr(at)); errno != 0 {
			t.Fatal(errno)
		}
	})
}

// echoes reports whether the terminal shows what is typed.
func (m *seat) echoes() bool {
	var is syscall.Termios
	ioctl(m.t, m.tty, syscall.TCGETS, unsafe.Pointer(&is))
	return is.Lflag&syscall.ECHO != 0
}

// until waits until something holds.
func (m *seat) until(what string, holds func() bool) {
	m.t.Helper()
	for end := time.Now().Add(20 * time.Second); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			m.t.Fatalf("after 20 s there is not: %s\n%s", what, m.asked.String())
		}
	}
}

// answer types an answer once a question has been asked.
func (m *seat) answer(question, text string) {
	m.t.Helper()
	m.until(question, func() bool {
		_, after, ok := strings.Cut(m.asked.String(), question)
		return ok && strings.Contains(after, "> ")
	})
	if _, err := m.ctrl.WriteString(text); err != nil {
		m.t.Fatal(err)
	}
}

func settingsOf(t *testing.T) []string {
	return []string{"--data", t.TempDir(), "--lock", filepath.Join(plugins.data, "credhost.lock"), "--plugins", plugins.founding}
}

func TestWhatIsTypedForASecretIsNotShown(t *testing.T) {
	m := sitDown(t, append([]string{"create", "faxplus"}, settingsOf(t)...)...)
	m.answer("Authentication method", "pat\n")
	m.until("the question for the token", func() bool { return strings.Contains(m.asked.String(), "what you type is not shown") })
	m.until("a silent terminal", func() bool { return !m.echoes() })
	m.answer("what you type is not shown", "CANARY\n")
	m.answer("Token expires", "\n")
	if err := m.cmd.Wait(); err != nil {
		t.Fatalf("create: %v\n%s", err, m.asked.String())
	}
	if !m.echoes() {
		t.Error("the terminal stays silent")
	}
	if shown := m.shown.String(); strings.Contains(shown, "CANARY") || !strings.Contains(shown, "pat") {
		t.Errorf("the terminal showed %q", shown)
	}
}

func TestAnInterruptEndsAQuestion(t *testing.T) {
	m := sitDown(t, append([]string{"create", "faxplus", "--set", "authMethod=pat"}, settingsOf(t)...)...)
	m.until("a silent terminal", func() bool { return !m.echoes() })
	m.answer("what you type is not shown", "\x03")
	m.cmd.Wait()
	if code := m.cmd.ProcessState.ExitCode(); code != codeInterrupted.exit {
		t.Errorf("the exit code is %d\n%s", code, m.asked.String())
	}
	if !m.echoes() {
		t.Error("the terminal stays silent")
	}
	if !strings.Contains(m.asked.String(), "credhost: interrupted") {
		t.Errorf("it said %q", m.asked.String())
	}
}

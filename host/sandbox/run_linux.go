// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package sandbox

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A Run is a program in its cell.
type Run struct {
	script *script
	shim   *os.File
	report *net.UnixConn // what the shim says of it
	theirs *os.File      // the shim's end

	waits  bool          // there is a folder to wait for
	handed chan struct{} // closed when the folder was handed over, or will not be
	mu     sync.Mutex
	folder *os.File
	pid    int
	failed error
	status *syscall.WaitStatus

	done chan struct{} // closed when the shim says no more
}

// Records that a shim sends, beside the notes of its calls.
const (
	begunMark  = 1 // the child has begun
	endedMark  = 2 // it has ended; the status follows
	folderMark = 3 // the folder of sockets comes with it
)

// Command returns the command that starts the cell. Its standard streams are
// the program's, to be set by the caller; [Run.Started] must be called when the
// command was started, or when it will not be.
//
// The command's process is the shim, which ends when the program has; the
// two are in one process group, if the command has one of its own, and the
// program cannot leave it.
func (c *Cell) Command() (*exec.Cmd, *Run, error) {
	k := thisKernel()
	s := c.script(k)
	shim, err := shimFile(s)
	if err != nil {
		return nil, nil, err
	}
	ours, theirs, err := pair()
	if err != nil {
		shim.Close()
		return nil, nil, err
	}
	run := &Run{script: s, shim: shim, report: ours, theirs: theirs, waits: c.has(Root), handed: make(chan struct{}), done: make(chan struct{})}
	cmd := &exec.Cmd{
		Path: "/proc/self/fd/" + strconv.Itoa(int(shim.Fd())), Args: []string{"cell"},
		Env: []string{c.Mark}, ExtraFiles: []*os.File{theirs, c.Program}, Dir: "/",
	}
	if c.Program == nil {
		cmd.ExtraFiles[1] = shim // so that descriptors have the same numbers
	} else {
		cmd.Args = c.Args[:1]
	}
	return cmd, run, nil
}

// pair returns two ends of a socket that keeps messages apart.
func pair() (ours *net.UnixConn, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	theirs = os.NewFile(uintptr(fds[1]), "report")
	f := os.NewFile(uintptr(fds[0]), "report")
	defer f.Close()
	conn, err := net.FileConn(f)
	if err != nil {
		theirs.Close()
		return nil, nil, err
	}
	return conn.(*net.UnixConn), theirs, nil
}

// Folder waits until the cell is there, and returns a path under which the
// folder of sockets is the host's to use until [Run.Close]; what the host puts
// there is there when the program begins, which it does after [Run.Go]. It
// returns "" if the cell has no folder of its own, but that of [Cell.Sockets].
func (r *Run) Folder() string {
	<-r.handed
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.folder == nil {
		return ""
	}
	return "/proc/self/fd/" + strconv.Itoa(int(r.folder.Fd()))
}

// Go lets the program begin.
func (r *Run) Go() { r.report.Write([]byte{1}) } // if nobody listens any more, its end says why

// Close gives up the folder, once the program has ended.
func (r *Run) Close() {
	<-r.done
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.folder != nil {
		r.folder.Close()
		r.folder = nil
	}
}

// Started begins to hear what becomes of the cell.
func (r *Run) Started() {
	r.shim.Close()
	r.theirs.Close()
	go r.hear()
}

// hear reads the records of the shim.
func (r *Run) hear() {
	defer close(r.done)
	defer r.report.Close()
	handed := sync.OnceFunc(func() { close(r.handed) })
	defer handed()
	var record [noteLen]byte
	rights := make([]byte, unix.CmsgSpace(4))
	for {
		n, m, _, _, err := r.report.ReadMsgUnix(record[:], rights)
		if err != nil || n < noteLen {
			return
		}
		at, result := binary.LittleEndian.Uint64(record[:]), int64(binary.LittleEndian.Uint64(record[8:]))
		r.mu.Lock()
		switch c, ok := r.script.called(at); {
		case at == folderMark:
			if files := passed(rights[:m], "sockets"); files != nil {
				r.folder = files[0]
			}
		case at == endedMark:
			status := syscall.WaitStatus(uint32(result))
			r.status = &status
		case ok && result < 0:
			r.failed = &Error{Part: c.part, What: c.what, Errno: unix.Errno(-result)}
		case ok && c.nr == unix.SYS_CLONE:
			r.pid = int(result)
		}
		if !r.waits || r.folder != nil && r.pid != 0 {
			handed()
		}
		r.mu.Unlock()
	}
}

// passed returns the files that came with a message, by these names; nil if
// others did.
func passed(rights []byte, names ...string) []*os.File {
	all, err := unix.ParseSocketControlMessage(rights)
	if err != nil || len(all) != 1 {
		return nil
	}
	fds, err := unix.ParseUnixRights(&all[0])
	if err != nil || len(fds) != len(names) {
		return nil
	}
	files := make([]*os.File, len(fds))
	for i, fd := range fds {
		unix.CloseOnExec(fd)
		files[i] = os.NewFile(uintptr(fd), names[i])
	}
	return files
}

// An Error says what a shim could not do.
type Error struct {
	Part  Part
	What  string // as in "it could not WHAT"
	Errno unix.Errno
}

// Error says it in words.
func (e *Error) Error() string { return fmt.Sprintf("its cell could not %s: %v", e.What, e.Errno) }

// Unwrap returns the system's error.
func (e *Error) Unwrap() error { return e.Errno }

// PID returns the program's process, 0 if it is the command's own.
func (r *Run) PID() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pid
}

// CPU returns how much processor time the program has used, as far as the
// system says; first is the process of the command.
func (r *Run) CPU(first int) time.Duration {
	pid := r.PID()
	if pid == 0 {
		pid = first
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(stat, []byte(") ")) // behind the name, which may be anything
	fields := bytes.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(string(fields[11])) // in ticks, of which there are 100 a second everywhere
	system, _ := strconv.Atoi(string(fields[12]))
	return time.Duration(user+system) * 10 * time.Millisecond
}

// Failed waits until the shim has said its last, which it has when the
// program has ended, and returns why there was no cell; nil if there was.
func (r *Run) Failed() error {
	<-r.done
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}

// Status returns how the program ended, once the command has: waited is what
// the command's Wait returned, which is about the shim. Nil is an end in
// order.
func (r *Run) Status(waited error) error {
	<-r.done
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.failed != nil:
		return r.failed
	case r.status == nil, waited != nil:
		return waited
	case r.status.Signaled():
		return errors.New("signal: " + r.status.Signal().String())
	case r.status.ExitStatus() != 0:
		return fmt.Errorf("exit status %d", r.status.ExitStatus())
	}
	return nil
}

// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// overTCP says that plugins listen on TCP, where mutual TLS must say who is
// who. On Unix the private folder of the socket does.
const overTCP = false

// forks is a thread that starts processes. The kernel kills a child whose
// death signal is set when the thread that started it ends, which is not when
// the process does: goroutines move, and Go ends threads. So there is one that
// does nothing else, for as long as the registry is open.
//
// It has no_new_privs, which its children inherit: no program that they
// execute gains a privilege by its set-user-ID bit or its capabilities.
type forks struct {
	requests chan fork
	quit     chan struct{}
}

type fork struct {
	cmd  *exec.Cmd
	dir  string
	done chan error
}

func newForks() *forks {
	f := &forks{requests: make(chan fork), quit: make(chan struct{})}
	go f.run()
	return f
}

func (f *forks) run() {
	runtime.LockOSThread() // never unlocked: the thread ends with this function
	nnp := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
	for {
		select {
		case r := <-f.requests:
			if nnp != nil {
				r.done <- nnp
				continue
			}
			r.done <- startNamed(r.cmd, r.dir)
		case <-f.quit:
			return
		}
	}
}

// start starts cmd on the thread. Dir is a private folder.
func (f *forks) start(cmd *exec.Cmd, dir string) error {
	r := fork{cmd, dir, make(chan error, 1)}
	select {
	case f.requests <- r:
		return <-r.done
	case <-f.quit:
		return errors.New("the registry is closed")
	}
}

// close ends the thread, and with it every process that it started.
func (f *forks) close() { close(f.quit) }

// startNamed starts cmd. What is in memory it executes under a path whose last
// part is the program's name: that, and not the number of a descriptor, is
// what ps and top show.
func startNamed(cmd *exec.Cmd, dir string) (err error) {
	if strings.HasPrefix(cmd.Path, "/proc/") {
		link := filepath.Join(dir, filepath.Base(cmd.Args[0]))
		if os.Symlink(cmd.Path, link) == nil {
			cmd.Path = link
			defer os.Remove(link)
		}
	}
	unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC) // what somebody forgot to mark, no plugin gets
	for wait := time.Millisecond; wait < 100*time.Millisecond; wait *= 2 {
		if err = cmd.Start(); !errors.Is(err, syscall.ETXTBSY) {
			break
		}
		time.Sleep(wait) // another child, not quite started, still has the copy open for writing
	}
	if err == nil {
		limit(cmd.Process.Pid)
	}
	return err
}

// prepare says what a plugin process is and what it may do: it is the one
// place that stands between a plugin and the machine.
func (c *child) prepare(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setpgid:   true,            // so that its children can be killed with it
		Pdeathsig: syscall.SIGKILL, // so that it does not outlive this host
	}
}

// grouped has a command start in a control group.
func grouped(cmd *exec.Cmd, fd int) {
	cmd.SysProcAttr.UseCgroupFD, cmd.SysProcAttr.CgroupFD = true, fd
}

// awaitExit returns when a process has ended, and leaves it to be reaped.
func awaitExit(pid int) {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			return
		}
	}
}

// limit sets what needs no sandbox: no memory of a plugin, which holds
// secrets, is written to disk when it crashes.
func limit(pid int) {
	none := unix.Rlimit{}
	unix.Prlimit(pid, unix.RLIMIT_CORE, &none, nil)
}

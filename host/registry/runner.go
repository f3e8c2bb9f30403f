// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"

	"github.com/credhost/credhost/host/sandbox"
	"github.com/credhost/credhost/internal/defence"
)

// The environment variables that tell a plugin where its sockets go. The
// first is go-plugin's.
const socketDirEnv = plugin.EnvUnixSocketDir

// drainTime is how long what a dead process wrote is still read: a child that
// it left behind may hold its pipes open for ever.
const drainTime = 200 * time.Millisecond

// dyingTime is how long a process that has cut its connection may take until it is
// gone. One that crashes writes down where, and what it says is worth waiting for.
const dyingTime = 2 * time.Second

// A child is one plugin process: how go-plugin starts it, hears its first line
// and ends it. Go-plugin reaches the process through nothing else, and none of
// what it may wait for here lasts longer than the process:
//
//   - Start executes an image, with an environment of its own, no descriptor
//     but its pipes, in a process group of its own, bound to the life of this
//     host (see prepare).
//   - Stdout ends after the first line, the handshake, once it was found to be
//     one; what follows is read and thrown away.
//   - Stderr is empty; what the process writes there goes to its [logs].
//   - Kill kills the group, at once, and waits for nothing.
//   - Wait ends when the process has.
type child struct {
	image *image
	dir   string   // private to the process
	env   []string // beside what go-plugin sets
	logs  *logs
	forks *forks
	cell  *sandbox.Cell // nil: it runs in none

	// opened is called with the path of the folder for sockets, before the
	// process runs.
	opened func(dir string) error

	off func(defence.Defence) bool // that of the registry

	cmd      *exec.Cmd
	run      *sandbox.Run // of the cell
	sockets  string       // where this host finds the folder for sockets
	cgroup   *sandbox.Cgroup
	group    *sandbox.Group // of the process; nil: none
	lifeline *os.File       // the process ends when this is closed
	pipes    sync.WaitGroup // readers of its standard output and error

	mu      sync.Mutex
	begun   bool        // Start was called
	process *os.Process // nil until it runs, and once it is reaped: then its ID may be another's
	pid     string
	killed  bool
	status  error // how it ended; after done
	bad     error // why it is refused

	greeted chan struct{} // closed when the handshake was heard, or will not come
	line    []byte
	done    chan struct{} // closed when the process is gone
}

var _ runner.Runner = (*child)(nil)

func newChild(i *image, dir string, env []string, l *logs, f *forks, off func(defence.Defence) bool) *child {
	return &child{off: off, image: i, dir: dir, env: env, logs: l, forks: f, greeted: make(chan struct{}), done: make(chan struct{})}
}

// runner is what go-plugin calls to get a runner for the command that it
// prepared. Only the command's environment counts, in which the folder for
// sockets is replaced by ours.
func (c *child) runner(_ hclog.Logger, cmd *exec.Cmd, theirs string) (runner.Runner, error) {
	os.Remove(theirs)
	env := c.environment(cmd.Env)
	if c.cell != nil {
		c.cell.Env = env
		return c, nil
	}
	c.cmd = &exec.Cmd{Path: c.image.path, Args: c.image.args, Dir: c.image.dir, Env: env}
	if c.cmd.Dir == "" {
		c.cmd.Dir = c.dir
	}
	return c, nil
}

// Start starts the process.
func (c *child) Start(context.Context) (err error) {
	c.mu.Lock()
	c.begun = true
	c.mu.Unlock()
	if err := c.house(); err != nil {
		close(c.greeted)
		close(c.done)
		return c.refuse(err)
	}
	var ours, theirs [3]*os.File
	for i := range ours {
		r, w, perr := os.Pipe()
		if err = errors.Join(err, perr); perr != nil {
			break
		}
		ours[i], theirs[i] = r, w
		if i == 0 {
			ours[i], theirs[i] = w, r
		}
	}
	if err == nil {
		c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = theirs[0], theirs[1], theirs[2]
		c.prepare(c.cmd)
		if err = c.enter(c.cmd); err == nil {
			err = c.forks.start(c.cmd, c.dir)
		}
	}
	closeAll(theirs[:])
	if c.run != nil {
		c.run.Started()
	}
	if err != nil {
		closeAll(ours[:])
		close(c.greeted)
		close(c.done)
		return c.refuse(startError(err))
	}
	c.lifeline = ours[0]
	c.mu.Lock()
	c.process, c.pid = c.cmd.Process, strconv.Itoa(c.cmd.Process.Pid)
	if c.killed {
		killGroup(c.process)
	}
	c.mu.Unlock()
	c.pipes.Go(func() { c.hear(ours[1]) })
	c.pipes.Go(func() { c.listen(ours[2]) })
	go c.reap(ours[1:])
	if c.run != nil && c.sockets == "" {
		if c.sockets = c.run.Folder(); c.sockets != "" {
			if err := c.opened(c.sockets); err != nil {
				c.end()
				return c.refuse(err)
			}
			c.run.Go()
		}
	}
	return nil
}

// house makes what the process runs in, as far as that is done before it is
// started.
func (c *child) house() (err error) {
	if c.cell == nil || c.cell.SocketsAt() == c.dir {
		c.sockets = c.dir
		if err := c.opened(c.dir); err != nil {
			return err
		}
	}
	if c.cell == nil {
		return nil
	}
	if c.cmd, c.run, err = c.cell.Command(); err != nil {
		return fmt.Errorf("its cell cannot be made: %w", err)
	}
	return nil
}

// never ends the wait for a process that go-plugin did not even start.
func (c *child) never() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.begun {
		c.begun = true
		close(c.greeted)
		close(c.done)
	}
}

func closeAll(files []*os.File) {
	for _, f := range files {
		if f != nil {
			f.Close()
		}
	}
}

// reap waits for the process to end, and ends what it left behind.
func (c *child) reap(pipes []*os.File) {
	awaitExit(c.cmd.Process.Pid)
	c.mu.Lock()
	killGroup(c.process) // before the ID may become another's
	c.status = c.cmd.Wait()
	c.process = nil
	c.mu.Unlock()
	if c.run != nil {
		c.status = c.run.Status(c.status)
		if failed := c.run.Failed(); failed != nil {
			c.refuse(failed)
		}
	}
	endProcesses(c.dir)
	deadline := time.Now().Add(drainTime)
	for _, p := range pipes {
		p.SetReadDeadline(deadline)
	}
	c.pipes.Wait()
	closeAll(pipes)
	c.lifeline.Close()
	close(c.done)
}

// Kill is end.
func (c *child) Kill(context.Context) error { c.end(); return nil }

// end kills the process group, now or as soon as there is one. It does not
// wait.
func (c *child) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.killed = true
	if c.process != nil {
		killGroup(c.process)
	}
}

// Wait waits until the process is gone.
func (c *child) Wait(context.Context) error {
	<-c.done
	return c.status
}

// ending says how the process ended; after done.
func (c *child) ending() string {
	if c.status == nil {
		return "exit status 0"
	}
	return c.status.Error()
}

// ID returns the process ID, also of a process that is gone.
func (c *child) ID() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.run != nil && c.run.PID() != 0 {
		return strconv.Itoa(c.run.PID())
	}
	return c.pid
}

// Name returns what go-plugin calls the program.
func (c *child) Name() string { return filepath.Base(c.image.args[0]) }

// Diagnose returns nothing: what went wrong is said by the registry.
func (c *child) Diagnose(context.Context) string { return "" }

// Stderr is empty.
func (c *child) Stderr() io.ReadCloser { return io.NopCloser(strings.NewReader("")) }

// PluginToHost refuses an address that is not a socket in the process's own
// folder: the host would speak to whoever listens there.
func (c *child) PluginToHost(network, address string) (string, string, error) {
	at := printable(address, 80)
	if overTCP {
		if host, _, err := net.SplitHostPort(address); network != "tcp" || err != nil || host != "127.0.0.1" {
			return "", "", c.refuse(fmt.Errorf("it listens at %q, which is not on this machine's loopback interface", at))
		}
		return network, address, nil
	}
	dir, anywhere := c.dir, c.off(defence.OwnFolder)
	if c.cell != nil {
		dir = c.cell.SocketsAt()
	}
	if network != "unix" || filepath.Dir(address) != dir {
		if anywhere {
			return network, address, nil
		}
		return "", "", c.refuse(fmt.Errorf("it listens at %q, which is not in the folder that %s names", at, socketDirEnv))
	}
	address = filepath.Join(c.sockets, filepath.Base(address))
	if info, err := os.Lstat(address); !anywhere && (err != nil || info.Mode().Type() != os.ModeSocket) {
		return "", "", c.refuse(fmt.Errorf("it listens at %q, which is not a socket", at))
	}
	return network, address, nil
}

// refuse notes why the process is not spoken to.
func (c *child) refuse(why error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bad == nil {
		c.bad = why
	}
	return why
}

// refused returns why the process is not spoken to, nil if it is.
func (c *child) refused() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bad
}

// cpu returns how much processor time the process has used.
func (c *child) cpu() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.process == nil || c.run == nil {
		return 0
	}
	return c.run.CPU(c.process.Pid)
}

// HostToPlugin returns the address as it is: no sockets but the process's own
// are passed to it.
func (c *child) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}

// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/credhost/credhost/host/sandbox"
	"github.com/credhost/credhost/internal/defence"
	"github.com/credhost/credhost/internal/wire"
)

// Sandbox reports what plugins run in on this machine. The first call finds it
// out, by making a cell and throwing it away.
func (r *Registry) Sandbox() sandbox.Report {
	r.probing.Do(func() {
		if r.cfg.Sandbox == sandbox.Off {
			r.report = sandbox.Report{Level: sandbox.None, Why: "it is switched off (registry.Config.Sandbox)"}
			return
		}
		dir, err := os.MkdirTemp(r.run.path, "cell")
		if err != nil {
			r.report = sandbox.Report{Level: sandbox.None, Why: err.Error()}
			return
		}
		defer os.Remove(dir)
		r.report = sandbox.Probe(dir)
		if r.report.Level != sandbox.Full {
			r.log.Warn("plugins do not run in a full sandbox", "level", r.report.Level.String(), "why", r.report.Why, "next", r.report.Next)
		}
	})
	return r.report
}

// large makes memory with large pages, where cells are full.
func (r *Registry) large() (*sandbox.Memory, error) {
	if r.Sandbox().Level != sandbox.Full {
		return nil, errors.ErrUnsupported
	}
	dir, err := os.MkdirTemp(r.run.path, "mem")
	if err != nil {
		return nil, err
	}
	defer os.Remove(dir)
	return sandbox.OpenMemory(dir)
}

// openSandbox opens what cells are made with, and returns an error if a full
// one is required, and there is none.
func (r *Registry) openSandbox() (err error) {
	if r.cfg.Cgroup != "" {
		if r.cgroup, err = sandbox.OpenCgroup(r.cfg.Cgroup); err != nil {
			return err
		}
	}
	if r.cfg.Sandbox != sandbox.Required {
		return nil
	}
	report := r.Sandbox()
	if report.Level == sandbox.Full {
		return nil
	}
	text := fmt.Sprintf("a full sandbox is required, and here it is %s: %s", report.Level, report.Why)
	if report.Next != "" {
		text += ": " + report.Next
	}
	return errors.New(text)
}

// parts are the defences that are parts of a cell.
var parts = map[defence.Defence]sandbox.Part{
	defence.Spaces: sandbox.Namespaces, defence.OwnRoot: sandbox.Root, defence.Bounded: sandbox.Limits,
	defence.Confined: sandbox.Landlock, defence.Powerless: sandbox.NoPrivileges, defence.Filtered: sandbox.Filter,
}

// filesAt is where the files of a bundle are in a cell with a root.
const filesAt = "/p"

// cell returns the cell that a process of i runs in; nil if there is none.
func (r *Registry) cell(i *image, dir string) *sandbox.Cell {
	level := r.Sandbox().Level
	if level == sandbox.None || i.held == nil {
		return nil
	}
	c := &sandbox.Cell{
		Level: level, Program: i.held, Args: i.args, Sockets: dir, Limits: r.cfg.Limits,
		Mark: socketDirEnv + "=" + dir,
	}
	for d, part := range parts {
		if r.off(d) {
			c.Without = append(c.Without, part)
		}
	}
	for _, read := range i.reads {
		c.Reads = append(c.Reads, sandbox.Read{From: read.Path})
	}
	if i.dir == "" {
		return c
	}
	to := i.dir
	if c.SocketsAt() != dir {
		to = filesAt
	}
	c.Reads = append(c.Reads, sandbox.Read{From: i.dir, To: to})
	c.Dir, c.Args = to, nil
	for _, arg := range i.args {
		if rest, ok := strings.CutPrefix(arg, i.dir+string(filepath.Separator)); ok {
			arg = filepath.Join(to, rest)
		}
		c.Args = append(c.Args, arg)
	}
	return c
}

// enter puts the process, which is about to be started, into a control group
// of its own, if there are any.
func (c *child) enter(cmd *exec.Cmd) (err error) {
	if c.cgroup == nil || c.cell == nil {
		return nil
	}
	if c.group, err = c.cgroup.Make(c.cell.Limits); err != nil {
		return err
	}
	grouped(cmd, c.group.FD())
	return nil
}

// hide makes the process of an image one whose memory only its host's root
// sees: what cannot be read, only executed, is not dumped or traced.
func (i *image) hide() error {
	if i.hidden {
		return nil
	}
	err := i.held.Chmod(0o111)
	i.hidden = err == nil
	return err
}

// environment is what a plugin finds in its environment: of several variables
// with one name the last.
func (c *child) environment(theirs []string) []string {
	at := c.dir
	if c.cell != nil {
		at = c.cell.SocketsAt()
	}
	all := slices.Concat(c.env, theirs, []string{socketDirEnv + "=" + at, wire.LifelineEnv + "=stdin", "HOME=" + at, "TMPDIR=" + at})
	last := make(map[string]int, len(all))
	for i, v := range all {
		name, _, _ := strings.Cut(v, "=")
		last[name] = i
	}
	var env []string
	for i, v := range all {
		if name, _, _ := strings.Cut(v, "="); last[name] == i {
			env = append(env, v)
		}
	}
	return env
}

// watchCPU kills the process when it has used much of the processor and not
// finished a call meanwhile.
func (p *process) watchCPU(ctx context.Context, budget time.Duration) {
	tick := time.NewTicker(budget / 12)
	defer tick.Stop()
	var calls int64
	var used time.Duration
	for {
		select {
		case <-tick.C:
		case <-p.child.done:
			return
		case <-ctx.Done():
			return
		}
		now := p.child.cpu()
		if n := p.finished.Load(); n != calls {
			calls, used = n, now
		}
		if now-used > budget {
			p.kill(fmt.Sprintf("it used the processor for %s and finished nothing", roughly(now-used)))
			return
		}
	}
}

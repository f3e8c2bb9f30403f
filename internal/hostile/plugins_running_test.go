// SPDX-License-Identifier: Apache-2.0

//go:build linux

package hostile_test

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/credhost/credhost/sdk"
)

// greeted makes an attempt of a program that names another place than its own
// socket, where the test listens.
func greeted(name, network string) func(w *world) (bool, error) {
	return func(w *world) (bool, error) {
		d := w.den(name)
		at := "127.0.0.1:0"
		if network == "unix" {
			at = filepath.Join(d.dir, "s")
		}
		l, err := net.Listen(network, at)
		if err != nil {
			w.t.Fatal(err)
		}
		defer l.Close()
		came := make(chan bool, 1)
		go func() {
			conn, err := l.Accept()
			if err == nil {
				conn.Close()
			}
			came <- err == nil
		}()
		d.cfg.Env = []string{"HOSTILE_AT=" + l.Addr().String()}
		d.cfg.StartTimeout = 2 * time.Second
		err = d.inspect(w.ctx, name)
		l.Close()
		return <-came, err
	}
}

// served makes an attempt of a type that must not be served.
func served(program, typ string) func(w *world) (bool, error) {
	return func(w *world) (bool, error) {
		d := w.den(program)
		d.cfg.Dev = true
		return d.serves(program, typ)
	}
}

// serves reports whether a type is a program's, and why not.
func (d *den) serves(program, typ string) (bool, error) {
	r := d.open()
	t, err := r.Type(typ)
	if err == nil && t.Program == program {
		return true, nil
	}
	for _, p := range r.Programs() {
		if p.Name == program && p.Fault != "" {
			return false, errors.New(p.Fault)
		}
	}
	return false, err
}

// The attempts of how plugins start, and what they say of themselves.
var pluginsThatDescribe = attempts{
	"a socket elsewhere":        {says: "which is not in the folder", run: greeted("elsewhere", "unix")},
	"an address of the network": {says: "which is not in the folder", run: greeted("overtcp", "tcp")},
	"a link for a socket":       {says: "which is not a socket", run: greeted("linked", "unix")},
	"the egress for a socket": {
		says: "which is not a socket",
		run: func(w *world) (bool, error) {
			name := "itself"
			if w.easy {
				name = "rogue"
			}
			d := w.den(name)
			d.cfg.StartTimeout = 2 * time.Second
			err := d.trust(name)
			if err == nil {
				_, err = d.grant("act:pid", "")
			}
			return err == nil, err
		},
	},
	"a start that never ends": {
		says: "it hung at start, before its handshake",
		run: func(w *world) (bool, error) {
			d := w.den("hangs")
			d.cfg.StartTimeout = 300 * time.Millisecond
			return within(w.ctx, 2*time.Second, func(ctx context.Context) error { return d.inspect(ctx, "hangs") })
		},
	},
	"another description": {
		says: "it says something else of itself than when it was trusted",
		run: func(w *world) (bool, error) {
			d := w.den("fickle")
			_, err := d.got(w.ctx, "fickle", "act:pid", "")
			return err == nil, err
		},
	},
	"another program's type": {
		says: `it belongs to plugin victim, which claimed it first`,
		run: func(w *world) (bool, error) {
			d := w.den("victim")
			d.cfg.Dev = true
			if err := d.trust("victim"); err != nil {
				w.t.Fatal(err)
			}
			d.install("zealot")
			if err := d.r.Rescan(w.ctx); err != nil {
				w.t.Fatal(err)
			}
			return d.serves("zealot", "victim")
		},
	},
	"an origin that is anybody's":   {says: "may be anybody's", run: served("anybody", "anybody")},
	"a hundred thousand fields":     {says: "its schema is larger than 1 MiB", run: served("vast", "vast")},
	"a condition without a bottom":  {says: "is nested", run: served("deep", "deep")},
	"a pattern that grows":          {says: "pattern", run: served("greedy", "greedy")},
	"a picture with a script":       {says: "icon", run: served("picture", "picture")},
	"a title that turns around":     {says: "title", run: served("titled", "titled")},
	"an egg and a hen":              {says: "its conditions depend on itself", run: served("egg", "egg")},
	"a description without measure": {says: "answered with more than 4 MiB", run: served("thousands", "t7")},
}

// The attempts of what plugins' processes do.
var pluginsThatRun = attempts{
	"a call that hangs": {
		says: "plugin rogue did not answer within 300ms",
		run: func(w *world) (bool, error) {
			d := w.den("rogue")
			d.cfg.CallTimeout = 300 * time.Millisecond
			p := d.plugin("rogue")
			return within(w.ctx, 2*time.Second, func(ctx context.Context) error {
				_, err := p.Grant(ctx, input(p, "act:hang", ""))
				return err
			})
		},
	},
	"a process that stops itself": {
		run: func(w *world) (bool, error) {
			d := w.den("rogue")
			pid := d.pid()
			p := d.plugin("rogue")
			within(w.ctx, 500*time.Millisecond, func(ctx context.Context) error {
				_, err := p.Grant(ctx, input(p, "act:freeze", ""))
				return err
			})
			if !eventually(5*time.Second, func() bool { return !alive(pid) }) {
				n, _ := strconv.Atoi(pid)
				syscall.Kill(n, syscall.SIGKILL)
				return true, nil
			}
			_, err := d.grant("act:pid", "")
			return false, err
		},
	},
	"a process that stays": {
		run: func(w *world) (bool, error) {
			d := w.den("rogue")
			if _, err := d.grant("act:stay", ""); err != nil {
				w.t.Fatal(err)
			}
			pid, _ := strconv.Atoi(d.started())
			closed := make(chan error, 1)
			go func() { closed <- d.r.Close() }()
			select {
			case err := <-closed:
				return alive(d.started()), err
			case <-time.After(8 * time.Second):
				syscall.Kill(pid, syscall.SIGKILL)
				return true, <-closed
			}
		},
	},
	"one crash after the other": {
		says: "is not at hand",
		run: func(w *world) (bool, error) {
			d := w.den("rogue")
			var err error
			for range 8 {
				_, err = d.grant("act:exit", "")
			}
			return err != nil && strings.Contains(err.Error(), "died in the call"), err
		},
	},
	"calls that pile up": {says: "plugin rogue is busy", run: pileUp},
	"a flood of log lines": {
		says: "did not answer within",
		run: func(w *world) (bool, error) {
			d := w.den("rogue")
			d.cfg.CallTimeout = 4 * time.Second
			got, err := d.got(w.ctx, "rogue", "act:flood", "")
			return got == "written", err
		},
	},
	"a log line that escapes": {
		run: func(w *world) (bool, error) {
			d := w.den("rogue")
			if _, err := d.grant("act:escape", ""); err != nil {
				return false, err
			}
			eventually(5*time.Second, func() bool { return strings.Contains(w.log.String(), "all is well") })
			return strings.Contains(w.log.String(), "\x1b"), nil
		},
	},
	"a log line in another's name": {
		run: func(w *world) (bool, error) {
			d := w.den("forges")
			if w.easy {
				d.cfg.Logger.Named("credhost").Error("the store is corrupt")
			} else if _, err := d.got(w.ctx, "forges", "act:pid", ""); err != nil {
				return false, err
			}
			eventually(5*time.Second, func() bool { return strings.Contains(w.log.String(), "the store is corrupt") })
			for line := range strings.SplitSeq(w.log.String(), "\n") {
				if strings.Contains(line, "the store is corrupt") {
					return strings.Contains(line, "plugin=credhost"), nil
				}
			}
			return false, errors.New("the line is not in the log")
		},
	},
	"connections that are announced": {
		run: func(w *world) (bool, error) {
			eventually(8*time.Second, func() bool { return waiting() == 0 }) // those of the attempt before
			d := w.den("broker")
			p := d.plugin("broker")
			if _, err := p.Grant(w.ctx, input(p, "act:pid", "")); err != nil {
				return false, err
			}
			return eventually(2*time.Second, func() bool { return waiting() > 100 }), nil
		},
	},
}

// pid returns the ID of the process behind the rogue program.
func (d *den) pid() string {
	d.w.t.Helper()
	if _, err := d.grant("act:pid", ""); err != nil {
		d.w.t.Fatal(err)
	}
	return d.started()
}

// started returns the ID of the process that was started last.
func (d *den) started() string {
	all := regexp.MustCompile(`started .*pid=(\d+)`).FindAllStringSubmatch(d.w.log.String(), -1)
	if len(all) == 0 {
		d.w.t.Fatal("no process was started")
	}
	return all[len(all)-1][1]
}

// pileUp has twenty calls of a plugin that answers none, and tells what becomes
// of the one that was refused, if one is.
func pileUp(w *world) (bool, error) {
	d := w.den("rogue")
	d.cfg.MaxCalls, d.cfg.MaxQueue = 2, 2
	p := d.plugin("rogue")
	ctx, cancel := context.WithTimeout(w.ctx, 2*time.Second)
	defer cancel()
	var calls sync.WaitGroup
	refused := make(chan error, 20)
	for range cap(refused) {
		calls.Go(func() {
			_, err := p.Grant(ctx, input(p, "act:hold", ""))
			if ctx.Err() == nil && errors.Is(err, sdk.Unavailable) {
				refused <- err
			}
		})
	}
	calls.Wait()
	select {
	case err := <-refused:
		return false, err
	default:
		return true, nil
	}
}

// waiting counts the goroutines of go-plugin's broker that wait for somebody. It
// takes its time, since to look stops everything.
func waiting() (n int) {
	time.Sleep(50 * time.Millisecond)
	var all []runtime.StackRecord
	for size, ok := 1000, false; !ok; size = 2*size + n {
		all = make([]runtime.StackRecord, size)
		n, ok = runtime.GoroutineProfile(all)
	}
	all, n = all[:n], 0
	for i := range all {
		frames := runtime.CallersFrames(all[i].Stack())
		for more := true; more; {
			var f runtime.Frame
			if f, more = frames.Next(); strings.Contains(f.Function, "GRPCBroker).timeoutWait") {
				n++
				break
			}
		}
	}
	return n
}

// SPDX-License-Identifier: Apache-2.0

//go:build linux

package hostile_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"github.com/credhost/credhost/host/sandbox"
)

// celled is shared, where plugins run in a full cell. Where the machine has
// none, the case is not tried.
func (w *world) celled() *den {
	w.t.Helper()
	d := w.shared()
	d.full()
	return d
}

// full does not go on where there is no full sandbox.
func (d *den) full() {
	d.w.t.Helper()
	if report := d.open().Sandbox(); report.Level != sandbox.Full {
		d.w.t.Skipf("NOT TRIED: there is no full sandbox here, but %s: %s", report.Level, report.Why)
	}
}

// asRoot does not go on where the attempt would fail for want of the host's
// rights: a plugin has no more than its host.
func (w *world) asRoot() {
	w.t.Helper()
	if w.easy && os.Geteuid() != 0 {
		w.t.Skip("NOT TRIED: without its defences the attempt needs a host that is root, and this one is not; that it fails with them is tried")
	}
}

// probed makes an attempt on the machine, and reports what was got.
func (d *den) probed(name, arg string) (string, error) {
	d.w.t.Helper()
	return d.got(d.online(api), "rogue", "probe:"+name, arg)
}

// refused is probed for what changes nothing when it fails: all such attempts are
// made in one process, since to start another takes longer than the rest of it.
func (d *den) refused(name, arg string) (string, error) {
	d.w.t.Helper()
	if d.w.easy {
		return d.probed(name, arg)
	}
	return d.gotFor(d.online(api), "together", "rogue", "probe:"+name, arg)
}

// asked makes an attempt of a system call.
func asked(name, says string) attempt {
	return attempt{says: says, run: func(w *world) (bool, error) {
		got, err := w.celled().refused(name, "")
		return strings.HasPrefix(got, "answered"), err
	}}
}

// privileged makes an attempt of a system call that only root may make.
func privileged(name, says string) attempt {
	a := asked(name, says)
	run := a.run
	a.run = func(w *world) (bool, error) { w.asRoot(); return run(w) }
	return a
}

// touched makes an attempt on a file of the host's, which is made for it.
func touched(probe, says string, won func(path, got string) bool) attempt {
	return attempt{says: says, run: func(w *world) (bool, error) {
		d := w.celled()
		path := filepath.Join(filepath.Dir(d.dir), w.own())
		if err := os.WriteFile(path, []byte("what is in "+path), 0o600); err != nil {
			w.t.Fatal(err)
		}
		got, err := d.refused(probe, path)
		return won(path, got), err
	}}
}

// The attempts of plugins that look for what is on the machine.
var pluginsThatLook = attempts{
	"the system's files": {says: "no such file", run: func(w *world) (bool, error) {
		got, err := w.celled().refused("read", "/etc/passwd")
		return strings.Contains(got, "root:"), err
	}},
	"the store's file": touched("read", "no such file", func(path, got string) bool { return got == "what is in "+path }),
	"another plugin's program": {says: "no such file", run: func(w *world) (bool, error) {
		d := w.celled()
		d.install("victim")
		got, err := d.probed("read", filepath.Join(d.dir, "credhost-plugin-victim"))
		return strings.Contains(got, "ELF"), err
	}},
	"its own program": {says: "no such file", run: func(w *world) (bool, error) {
		got, err := w.celled().refused("read", "/proc/self/exe")
		return strings.Contains(got, "ELF"), err
	}},
	"the root folder": {run: func(w *world) (bool, error) {
		got, err := w.celled().refused("list", "/")
		return strings.Contains(got, "etc"), err
	}},
	"the host's arguments": {says: "no such file", run: func(w *world) (bool, error) {
		got, err := w.celled().refused("read", fmt.Sprintf("/proc/%d/cmdline", os.Getpid()))
		return strings.Contains(got, filepath.Base(os.Args[0])), err
	}},
	"the host's environment": {says: "no such file", run: func(w *world) (bool, error) {
		got, err := w.celled().refused("read", fmt.Sprintf("/proc/%d/environ", os.Getpid()))
		return strings.Contains(got, "="), err
	}},
	"the host's memory": {says: "function not implemented", run: func(w *world) (bool, error) {
		w.asRoot()
		secret := []byte("what only the host knows")
		got, err := w.celled().probed("peek", fmt.Sprint(os.Getpid(), " ", uintptr(unsafe.Pointer(&secret[0])), " ", len(secret)))
		return got == string(secret), err
	}},
	"another process, traced": {says: "function not implemented", run: func(w *world) (bool, error) {
		w.asRoot()
		got, err := w.celled().probed("trace", strconv.Itoa(w.bystander().Process.Pid))
		return got == "attached", err
	}},
	"another process, ended": {says: "no such process", run: func(w *world) (bool, error) {
		bystander := w.bystander()
		gone := make(chan bool)
		go func() { bystander.Wait(); close(gone) }()
		_, err := w.celled().probed("signal", strconv.Itoa(bystander.Process.Pid))
		select {
		case <-gone:
			return true, err
		case <-time.After(300 * time.Millisecond):
			return false, err
		}
	}},
	"a file elsewhere": {says: "no such file", run: func(w *world) (bool, error) {
		d := w.celled()
		path := filepath.Join(d.dir, "planted"+w.own())
		_, err := d.probed("create", path)
		_, there := os.Stat(path)
		return there == nil, err
	}},
	"the lock file, emptied": touched("truncate", "no such file", func(path, _ string) bool {
		info, err := os.Stat(path)
		return err == nil && info.Size() == 0
	}),
	"a folder that is filled": {run: func(w *world) (bool, error) {
		got, err := w.celled().probed("fill", "")
		return got == "1000", err
	}},
	"a file that grows": {says: "file too large", run: func(w *world) (bool, error) {
		got, err := w.celled().probed("grow", "")
		return got == "grown", err
	}},
	"another program's socket": {says: "no such file", run: func(w *world) (bool, error) {
		d := w.celled()
		return d.reaches("unix", filepath.Join(filepath.Dir(d.dir), w.own()))
	}},
	"an abstract socket": {says: "connection refused", run: func(w *world) (bool, error) {
		d := w.celled()
		return d.reaches("unix", "@"+w.own())
	}},
	"a connection over TCP": {says: "operation not permitted", run: func(w *world) (bool, error) { return w.celled().reaches("tcp", "127.0.0.1:0") }},
	"a datagram": {says: "operation not permitted", run: func(w *world) (bool, error) {
		l, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			w.t.Fatal(err)
		}
		defer l.Close()
		_, err = w.celled().probed("send", l.LocalAddr().String())
		l.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
		n, _, _ := l.ReadFrom(make([]byte, 16))
		return n > 0, err
	}},
	"a port of its own": {says: "operation not permitted", run: func(w *world) (bool, error) {
		got, err := w.celled().probed("serve", "127.0.0.1:0")
		if err != nil {
			return false, err
		}
		conn, err := net.DialTimeout("tcp", got, time.Second)
		if err != nil {
			return false, err
		}
		return true, conn.Close()
	}},
}

// reaches reports whether the plugin's connection comes to where the test
// listens.
func (d *den) reaches(network, address string) (bool, error) {
	d.w.t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		d.w.t.Fatal(err)
	}
	came := make(chan bool, 1)
	go func() {
		conn, err := l.Accept()
		if err == nil {
			conn.Close()
		}
		came <- err == nil
	}()
	_, err = d.refused("connect", network+" "+l.Addr().String())
	l.Close()
	return <-came, err
}

// bystander is a process of the host's user that has nothing to do with it.
func (w *world) bystander() *exec.Cmd {
	w.t.Helper()
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { cmd.Process.Kill() })
	return cmd
}

// The attempts of plugins that take more than their share.
var pluginsThatTake = attempts{
	"a shell": {says: "no such file", run: func(w *world) (bool, error) {
		got, err := w.celled().probed("run", "/bin/sh")
		return got == "run", err
	}},
	"processes without number": {says: "operation not permitted", run: func(w *world) (bool, error) {
		got, err := w.celled().probed("fork", "")
		return got == "200", err
	}},
	"threads without number": {says: "died in the call", run: func(w *world) (bool, error) {
		got, err := w.celled().probed("threads", "")
		return got == "300", err
	}},
	"memory without measure": {says: "died in the call", run: func(w *world) (bool, error) {
		d := w.den("rogue")
		d.cfg.Limits.Memory = 192 << 20
		d.full()
		got, err := d.probed("memory", "")
		return got == "40", err
	}},
	"descriptors without number": {run: func(w *world) (bool, error) {
		got, err := w.celled().probed("files", "")
		n, _ := strconv.Atoi(got)
		return n > 1000, err
	}},
	"a processor for itself": {run: func(w *world) (bool, error) {
		d := w.den("rogue")
		d.cfg.Limits.CPU = 200 * time.Millisecond
		d.full()
		if _, err := d.probed("burn", ""); err != nil {
			return false, err
		}
		pid, limit := d.started(), 6*time.Second
		if w.easy {
			limit = 2 * time.Second // which shows it, and leaves the processor to others
		}
		return !eventually(limit, func() bool { return !alive(pid) }), nil
	}},
	"older system calls": {says: "died in the call", run: func(w *world) (bool, error) {
		got, err := w.celled().probed("old", "")
		n, _ := strconv.Atoi(got)
		if w.easy && n <= 0 {
			w.t.Skip("NOT TRIED: this kernel has no older system calls")
		}
		return n > 0, err
	}},
}

// The attempts of what plugins ask of the kernel.
var pluginsThatAsk = attempts{
	"netlink":                asked("netlink", "operation not permitted"),
	"raw packets":            privileged("raw packets", "operation not permitted"),
	"link packets":           privileged("link packets", "operation not permitted"),
	"pairs of datagrams":     asked("pairs", "operation not permitted"),
	"io_uring":               asked("io_uring", "function not implemented"),
	"userfaultfd":            asked("userfaultfd", "function not implemented"),
	"memory with a name":     asked("memfd", "function not implemented"),
	"the user's keys":        asked("keys", "function not implemented"),
	"dumpable":               asked("dumpable", "operation not permitted"),
	"no death":               asked("no death", "operation not permitted"),
	"another personality":    asked("personality", "function not implemented"),
	"handles of files":       asked("handles", "function not implemented"),
	"performance counters":   asked("perf", "function not implemented"),
	"programs in the kernel": privileged("bpf", "function not implemented"),
	"a mount":                privileged("mount", "function not implemented"),
	"another root":           privileged("chroot", "function not implemented"),
	"another name":           privileged("hostname", "function not implemented"),
	"a restart":              privileged("reboot", "function not implemented"),
	"swap":                   privileged("swap", "function not implemented"),
	"the clock":              asked("clock", "function not implemented"),
	"a device":               privileged("nodes", "function not implemented"),
	"a pipe with a name":     asked("pipes", "function not implemented"),
	"a link":                 asked("links", "function not implemented"),
	"a folder":               asked("folders", "function not implemented"),
	"limits of its own":      asked("limits", "operation not permitted"),
	"a filter of its own":    asked("filters", "function not implemented"),
	"another's namespace":    asked("another's view", "function not implemented"),
	"a namespace of its own": asked("a view", "function not implemented"),
}

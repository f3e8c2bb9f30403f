// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package sandbox

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// asGuest makes this test's binary run one test again as a user who is nobody.
const asGuest = "CREDHOST_SANDBOX_TEST_GUEST"

// everyUser runs a test as this user, and where this is root, as another too.
func everyUser(t *testing.T, test func(t *testing.T)) {
	t.Run("uid "+strconv.Itoa(os.Geteuid()), test)
	if os.Geteuid() != 0 || os.Getenv(asGuest) != "" {
		return
	}
	t.Run("another user", func(t *testing.T) {
		dir := publicDir(t)
		exe := filepath.Join(dir, "test")
		data, err := os.ReadFile("/proc/self/exe")
		if err == nil {
			err = os.WriteFile(exe, data, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
		home := filepath.Join(dir, "home")
		if err := os.Mkdir(home, 0o755); err != nil {
			t.Fatal(err)
		}
		os.Chown(home, 65534, 65534)
		name, _, _ := strings.Cut(t.Name(), "/")
		cmd := exec.Command(exe, "-test.run", "^"+name+"$", "-test.v")
		cmd.Env = []string{asGuest + "=" + probePath(t, dir), "TMPDIR=" + home, "HOME=" + home}
		cmd.Dir = home
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		if out, err := cmd.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("PASS: "+name)) {
			t.Errorf("as another user: %v\n%s", err, out)
		}
	})
}

// publicDir returns a folder that every user may enter.
func publicDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "cell")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	os.Chmod(dir, 0o755)
	return dir
}

var probeBytes = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "cell")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	cmd := exec.Command("go", "build", "-o", filepath.Join(dir, "probe"), "./testdata/probe")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	return os.ReadFile(filepath.Join(dir, "probe"))
})

// probePath puts testdata/probe into dir.
func probePath(t *testing.T, dir string) string {
	t.Helper()
	path := os.Getenv(asGuest)
	if path != "" {
		return path
	}
	data, err := probeBytes()
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(dir, "probe")
	if err := os.WriteFile(path, data, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// sealed returns testdata/probe in memory, as a host has its programs.
func sealed(t *testing.T) *os.File {
	t.Helper()
	data, err := os.ReadFile(probePath(t, t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.MemfdCreate("probe", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "probe")
	t.Cleanup(func() { f.Close() })
	if _, err := f.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := f.Chmod(0o111); err != nil {
		t.Fatal(err)
	}
	return f
}

// need skips a test, loudly, where the kernel allows no such cell.
func need(t *testing.T, level Level) {
	t.Helper()
	if r := Probe(t.TempDir()); r.Level < level {
		t.Skipf("NOT TESTED: this machine allows a %s cell at most: %s", r.Level, r.Why)
	}
}

// A ran is a program that was started in a cell.
type ran struct {
	*Run
	cmd    *exec.Cmd
	out    bytes.Buffer
	folder string
}

// start starts the probe in c, with what it is to try.
func start(t *testing.T, c Cell, tries ...string) *ran {
	t.Helper()
	c.Program, c.Args = sealed(t), append([]string{"probe"}, tries...)
	if c.Sockets == "" {
		c.Sockets = t.TempDir()
	}
	cmd, run, err := c.Command()
	if err != nil {
		t.Fatal(err)
	}
	r := &ran{Run: run, cmd: cmd}
	cmd.Stdout, cmd.Stderr = &r.out, &r.out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = cmd.Start()
	run.Started()
	if err != nil {
		t.Fatal(err)
	}
	if r.folder = run.Folder(); r.folder != "" {
		run.Go()
	}
	return r
}

// wait waits for the end, and returns what the probe said of each try.
func (r *ran) wait(t *testing.T) (map[string]string, error) {
	t.Helper()
	err := r.Status(r.cmd.Wait())
	r.Close()
	said := map[string]string{}
	for line := range strings.Lines(r.out.String()) {
		try, what, _ := strings.Cut(strings.TrimSpace(line), "=")
		said[try] = what
	}
	return said, err
}

// tried runs the probe in c.
func tried(t *testing.T, c Cell, tries ...string) map[string]string {
	t.Helper()
	said, err := start(t, c, tries...).wait(t)
	if err != nil {
		t.Errorf("the probe ended: %v (%q)", err, said)
	}
	return said
}

func wantSaid(t *testing.T, said map[string]string, want map[string]string) {
	t.Helper()
	for try, w := range want {
		if got := said[try]; got != w && !(w == "*" && got != "") {
			t.Errorf("%s: %q, want %q", try, got, w)
		}
	}
}

func calls(nr uintptr, args ...int) string {
	s := "call:" + strconv.Itoa(int(nr))
	for _, a := range args {
		s += "," + strconv.Itoa(a)
	}
	return s
}

// A full cell is empty, but for what the program needs.
func TestFullCellIsEmpty(t *testing.T) {
	everyUser(t, func(t *testing.T) {
		need(t, Full)
		said := tried(t, Cell{Level: Full, Env: []string{"A=b"}},
			"list:/", "list:/s", "read:/etc/passwd", "write:/x", "write:/s/x", "listen:/s/own", "fill:/s", "whoami", "capabilities",
			"dumpable", "descriptors", "environment", "folder")
		wantSaid(t, said, map[string]string{
			"list:/": "s", "list:/s": "", "read:/etc/passwd": "no such file or directory", "write:/x": "read-only file system",
			"write:/s/x": "file too large", "listen:/s/own": "listens", "fill:/s": "few",
			"whoami":       "*",
			"capabilities": "[0 0 0 0 0 0]", "dumpable": "0", "environment": "A=b", "folder": "/",
		})
		if !strings.HasSuffix(said["whoami"], " pid 1 ppid 0 host credhost") {
			t.Errorf("it is %s", said["whoami"])
		}
		if d := said["descriptors"]; d != "0 device, 1 pipe, 2 pipe" {
			t.Errorf("it has the descriptors %q", d)
		}
	})
}

// The host puts a socket into the cell, and finds those that the program makes.
func TestFolderIsShared(t *testing.T) {
	everyUser(t, func(t *testing.T) {
		need(t, Full)
		c := Cell{Level: Full, Program: sealed(t), Args: []string{"probe", "unix:/s/host", "list:/s", "hang"}, Sockets: t.TempDir()}
		cmd, run, err := c.Command()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		run.Started()
		folder := run.Folder()
		l, err := net.Listen("unix", folder+"/host")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		os.Chmod(folder+"/host", 0o666)
		run.Go()
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
		if all, _ := os.ReadDir(c.Sockets); len(all) != 0 {
			t.Errorf("the host's folder has %v", all)
		}
		cmd.Process.Kill()
		cmd.Wait()
		run.Close()
	})
}

// What the program reads is there, and can be read alone.
func TestReads(t *testing.T) {
	everyUser(t, func(t *testing.T) {
		need(t, Partial)
		dir := t.TempDir()
		os.Chmod(dir, 0o755)
		for _, name := range []string{"file", "other"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte("here"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		sub := filepath.Join(dir, "sub")
		os.Mkdir(sub, 0o755)
		os.WriteFile(filepath.Join(sub, "deep"), []byte("deep"), 0o644)
		for _, level := range []Level{Full, Partial} {
			if Probe(t.TempDir()).Level < level {
				continue
			}
			said := tried(t, Cell{Level: level, Reads: []Read{{From: filepath.Join(dir, "file")}, {From: sub, To: "/p"}}, Dir: map[Level]string{Full: "/p", Partial: sub}[level]},
				"read:"+dir+"/file", "read:deep", "read:"+dir+"/other", "write:deep", "write:"+dir+"/file", "folder")
			wantSaid(t, said, map[string]string{"read:" + dir + "/file": "here", "read:deep": "deep", "read:" + dir + "/other": "*", "write:deep": "*", "write:" + dir + "/file": "*"})
			if said["read:"+dir+"/other"] == "here" || said["write:deep"] == "written" || said["write:"+dir+"/file"] == "written" {
				t.Errorf("in a %s cell: %v", level, said)
			}
		}
	})
}

// Each part stops what the others would let through, and what it stops
// succeeds without it. Some attempts two parts stop.
func TestEachPart(t *testing.T) {
	need(t, Full)
	l, err := net.Listen("unix", filepath.Join(publicDir(t), "host"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	os.Chmod(l.Addr().String(), 0o777)
	web, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { web.Close() })
	for _, c := range []struct {
		try     string
		success string
		by      []Part // each of which stops it alone
	}{
		{"read:/proc/1/comm", "*", []Part{Root, Landlock}},
		{"write:" + filepath.Join(publicDir(t), "x"), "written", []Part{Root, Landlock, Limits}},
		{"unix:" + l.Addr().String(), "connected", []Part{Root}},
		{"tcp:" + web.Addr().String(), "connected", []Part{Namespaces, Filter, Landlock}},
		{"udp:127.0.0.1:9", "connected", []Part{Namespaces, Filter}},
		{fmt.Sprintf("socket:%d,%d", unix.AF_NETLINK, unix.SOCK_RAW), "made", []Part{Filter}},
		{fmt.Sprintf("socket:%d,%d", unix.AF_UNIX, unix.SOCK_DGRAM), "made", []Part{Filter}},
		{calls(unix.SYS_IO_URING_SETUP, 1), "bad address", []Part{Filter}},
		{calls(unix.SYS_MEMFD_CREATE), "bad address", []Part{Filter}},
		{calls(unix.SYS_KEYCTL, unix.KEYCTL_GET_KEYRING_ID), "*", []Part{Filter}},
		{calls(unix.SYS_SETSID), "*", []Part{Filter}},
		{calls(unix.SYS_UNSHARE, unix.CLONE_NEWUSER), "invalid argument", []Part{Filter}},
		{calls(unix.SYS_PRCTL, unix.PR_SET_DUMPABLE), "done", []Part{Filter}},
		{"memory:2000", "mapped", []Part{Limits}},
		{"shared:2000", "mapped", []Part{Filter}},
		{"growing:2000", "mapped", []Part{Filter}},
		{"reserved:200000", "mapped", []Part{Limits}},
		{"threads", "1000", []Part{Limits}},
		{"exec:/bin/sh", "*", []Part{Root, Landlock, Filter}},
	} {
		t.Run(c.try, func(t *testing.T) {
			t.Parallel()
			without := func(parts ...Part) string {
				cell := Cell{Level: Full, Without: parts, Sockets: publicDir(t)}
				r := start(t, cell, c.try)
				said, err := r.wait(t)
				if err != nil && c.try != "threads" { // which ends a program that goes too far
					t.Errorf("without %q: %v (%s)", parts, err, r.out.String())
				}
				if strings.HasPrefix(c.try, "exec:") {
					return said["exec"]
				}
				return said[c.try]
			}
			succeeds := func(said string) bool { return said == c.success || c.success == "*" && good(said) }
			if got := without(c.by...); !succeeds(got) {
				t.Errorf("without %q it does not succeed: %q", c.by, got)
			}
			for _, p := range c.by {
				others := slices.DeleteFunc(slices.Clone(c.by), func(o Part) bool { return o == p })
				if p == Root && slices.Contains(others, Namespaces) || p == Namespaces {
					others = slices.DeleteFunc(others, func(o Part) bool { return o == Namespaces || o == Root })
				}
				if got := without(others...); succeeds(got) {
					t.Errorf("with %q, and without %q, it succeeds: %q", p, others, got)
				}
			}
		})
	}
}

// good reports whether what was said is no error.
func good(said string) bool {
	return said != "" && !slices.Contains([]string{"no such file or directory", "permission denied", "operation not permitted", "function not implemented"}, said)
}

// A cell says how its program ended.
func TestStatus(t *testing.T) {
	need(t, Partial)
	for _, level := range []Level{Full, Partial} {
		if Probe(t.TempDir()).Level < level {
			continue
		}
		_, err := start(t, Cell{Level: level}, "exit:0").wait(t)
		if err != nil {
			t.Errorf("%s: it ended in order: %v", level, err)
		}
		if _, err = start(t, Cell{Level: level}, "exit:3").wait(t); err == nil || err.Error() != "exit status 3" {
			t.Errorf("%s: it ended with 3: %v", level, err)
		}
		r := start(t, Cell{Level: level}, "hang")
		pid := r.PID()
		if level == Full == (pid == 0) {
			t.Errorf("%s: process %d", level, pid)
		}
		syscall.Kill(-r.cmd.Process.Pid, syscall.SIGKILL)
		if _, err = r.wait(t); err == nil || err.Error() != "signal: killed" {
			t.Errorf("%s: it was killed: %v", level, err)
		}
		if pid != 0 {
			gone(t, pid)
		}
	}
}

// A program that was never one is found out.
func TestNoProgram(t *testing.T) {
	need(t, Full)
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	f.Chmod(0o755)
	c := Cell{Level: Full, Program: f, Args: []string{"x"}, Sockets: t.TempDir()}
	cmd, run, err := c.Command()
	if err != nil {
		t.Fatal(err)
	}
	err = cmd.Start()
	run.Started()
	if err != nil {
		t.Fatal(err)
	}
	run.Folder()
	run.Go()
	cmd.Wait()
	if err := run.Failed(); err == nil || !strings.Contains(err.Error(), "could not execute the program") {
		t.Errorf("it was no program: %v", err)
	}
	run.Close()
}

// When the shim dies the program does.
func TestProgramEndsWithItsShim(t *testing.T) {
	everyUser(t, func(t *testing.T) {
		need(t, Full)
		r := start(t, Cell{Level: Full}, "hang")
		for r.PID() == 0 {
			time.Sleep(time.Millisecond)
		}
		syscall.Kill(r.cmd.Process.Pid, syscall.SIGKILL)
		r.wait(t)
		gone(t, r.PID())
	})
}

// gone waits for the end of a process.
func gone(t *testing.T, pid int) {
	t.Helper()
	for begun := time.Now(); syscall.Kill(pid, 0) == nil; time.Sleep(time.Millisecond) {
		if time.Since(begun) > 10*time.Second {
			t.Fatalf("process %d is left", pid)
		}
	}
}

// A report names every part of a cell, in order.
func TestProbeReports(t *testing.T) {
	everyUser(t, func(t *testing.T) {
		r := Probe(t.TempDir())
		var got []Part
		for _, p := range r.Parts {
			got = append(got, p.Part)
			if r.Level == Full && !p.OK || p.Detail == "" {
				t.Errorf("in a %s cell: %+v", r.Level, p)
			}
		}
		if want := []Part{Namespaces, Root, NoPrivileges, Limits, Landlock, Filter}; !slices.Equal(got, want) {
			t.Errorf("parts %q, want %q", got, want)
		}
		if r.Level != Full && r.Why == "" {
			t.Error("it does not say why")
		}
	})
}

// The filter fits into what the kernel takes, and all its jumps lead somewhere.
func TestFilterIsWhole(t *testing.T) {
	f := filter(programFD, true)
	if len(f) > 4096 {
		t.Fatalf("it has %d instructions", len(f))
	}
	for i, in := range f {
		if in.Code == equal && (i+1+int(in.Jt) >= len(f) || i+1+int(in.Jf) >= len(f)) {
			t.Errorf("instruction %d jumps out of it", i)
		}
	}
}

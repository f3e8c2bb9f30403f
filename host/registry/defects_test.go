// SPDX-License-Identifier: Apache-2.0

//go:build linux

package registry

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/credhost/credhost/sdk"
)

// Each test of this file is named after a defect of go-plugin 1.8.0, and shows
// that it cannot bite.

// In go-plugin a message that is not text ends the host.
func TestDefectHostPanicByLogLine(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r := b.trusted("alpha", conf{Start: "panicline"})
	mustAsk(t, r, "alpha", "pid", "")
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if lines := b.log.lines(`{\"@message\":1}`); len(lines) == 0 {
		t.Error("the line is not in the log")
	}
	if lines := b.log.lines("bytes more"); len(lines) == 0 {
		t.Error("the long line is not in the log, cut")
	}
}

// In go-plugin a ping of a stopped process waits for ever, and so does the end
// of it.
func TestDefectKillAndPingWithoutDeadline(t *testing.T) {
	t.Parallel()
	b := newBench(t).loose()
	b.IdleTimeout = time.Hour
	r := b.trusted("alpha", conf{})
	pid := mustAsk(t, r, "alpha", "pid", "")
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := ask(ctx, r, "acme", "alpha", "freeze", ""); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("a stopped process answered: %v", err)
	}
	eventually(t, "a process that answers no ping is killed", func() bool { return !alive(pid) })
	if again := mustAsk(t, r, "alpha", "pid", ""); again == pid {
		t.Error("the process that was stopped answers")
	}

	ctx, cancel = context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	pid = mustAsk(t, r, "alpha", "pid", "")
	ask(ctx, r, "acme", "alpha", "freeze", "")
	begun := time.Now()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(begun); d > closeTime+stopTimeout+2*time.Second {
		t.Errorf("Close took %s with a stopped process", d)
	}
	if alive(pid) {
		t.Error("the stopped process is left")
	}
}

// In go-plugin the end of a process is seen only when all that holds its
// standard error has ended, and children of a plugin are left.
func TestDefectGrandchildrenHoldingStderr(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]string{"in its group": "child", "in a session of its own": "daemon"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t).loose()
			r := b.trusted("alpha", conf{})
			file := filepath.Join(t.TempDir(), "pid")
			mustAsk(t, r, "alpha", do, file)
			child, err := os.ReadFile(file)
			if err != nil || !alive(string(child)) {
				t.Fatalf("no child: %v", err)
			}
			begun := time.Now()
			if _, err := ask(t.Context(), r, "acme", "alpha", "die", ""); !errors.Is(err, sdk.Unavailable) {
				t.Errorf("a call that dies: %v", err)
			}
			if d := time.Since(begun); d > 5*time.Second {
				t.Errorf("the crash was seen after %s", d)
			}
			eventually(t, "the child is killed", func() bool { return !alive(string(child)) })

			r.Reset("alpha")
			mustAsk(t, r, "alpha", do, file)
			child, _ = os.ReadFile(file)
			begun = time.Now()
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			if d := time.Since(begun); d > 5*time.Second {
				t.Errorf("Close took %s", d)
			}
			if alive(string(child)) {
				t.Error("the child survived Close")
			}
		})
	}
}

// A child that hides altogether is the sandbox's business. But nobody waits for
// it.
func TestDefectFugitiveHoldingStderr(t *testing.T) {
	t.Parallel()
	r := newBench(t).loose().trusted("alpha", conf{})
	file := filepath.Join(t.TempDir(), "pid")
	mustAsk(t, r, "alpha", "fugitive", file)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pid, _ := strconv.Atoi(string(text))
	defer syscall.Kill(pid, syscall.SIGKILL)
	begun := time.Now()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(begun); d > 5*time.Second {
		t.Errorf("Close took %s", d)
	}
	if !alive(string(text)) {
		t.Error("the child did not hide, so the test shows nothing")
	}
}

// In go-plugin the host's environment is handed on, and goes before the
// plugin's own.
func TestDefectEnvironmentLeak(t *testing.T) {
	t.Setenv("CREDHOST_MASTER_KEY", "do not leak")
	b := newBench(t)
	b.Env = []string{"MODE=test", "PLUGIN_UNIX_SOCKET_DIR=/elsewhere"}
	r := b.trusted("alpha", conf{})
	var env []string
	if err := json.Unmarshal([]byte(mustAsk(t, r, "alpha", "env", "")), &env); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, v := range env {
		name, value, _ := strings.Cut(v, "=")
		names = append(names, name)
		if name == "MODE" && value != "test" || name == "GOMAXPROCS" && value != "1" {
			t.Errorf("environment has %s", v)
		}
		if slices.Contains([]string{"HOME", "TMPDIR", socketDirEnv}, name) && value != "/s" && !strings.HasPrefix(value, r.run.path+"/") {
			t.Errorf("%s is not the plugin's own", v)
		}
	}
	slices.Sort(names)
	want := []string{"CREDHOST_LIFELINE", "CREDHOST_PLUGIN", "GOMAXPROCS", "HOME", "MODE",
		"PLUGIN_MAX_PORT", "PLUGIN_MIN_PORT", "PLUGIN_PROTOCOL_VERSIONS", "PLUGIN_UNIX_SOCKET_DIR", "TMPDIR"}
	if !slices.Equal(names, want) {
		t.Errorf("a plugin's environment has %q, want %q", names, want)
	}
}

// In go-plugin a plugin reads the host's standard input, and gets what
// descriptors the host did not mark to be closed.
func TestDefectInheritedDescriptors(t *testing.T) {
	t.Parallel()
	r := newBench(t).loose().trusted("alpha", conf{})
	file := filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	careless, err := syscall.Open(file, syscall.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(careless)
	fds := mustAsk(t, r, "alpha", "fds", "")
	if strings.Contains(fds, "precious") {
		t.Errorf("a plugin has %s", fds)
	}
	for _, n := range []string{"0=pipe:", "2=pipe:"} {
		if !strings.Contains(" "+fds, " "+n) {
			t.Errorf("a plugin has %s, want %s", fds, n)
		}
	}
}

// Go-plugin hashes a file, and then executes what is at its path.
func TestDefectCheckThenRunWindow(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	good, evil := conf{Types: []string{"alpha"}, Note: "good"}, conf{Types: []string{"alpha"}, Note: "evil"}
	r := b.trusted("alpha", good)
	v := r.catalog.Load().program("alpha").version
	note := func(p *process) string {
		t.Helper()
		defer p.stop()
		s := v.description.Types[0]
		g, err := p.wire.Plugin(s).Grant(t.Context(), sdk.NewInput(s.Schema, sdk.Values{"do": "note"}))
		if err != nil {
			t.Fatal(err)
		}
		return g.Facts["it"]
	}

	// Between the check and the start:
	i, err := r.album.get(v.found, v.digest)
	if err != nil {
		t.Fatal(err)
	}
	b.install("alpha", evil)
	p, err := r.launch(t.Context(), "alpha", i, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := note(p); got != "good" {
		t.Errorf("what runs is %q", got)
	}

	// And while the file is being exchanged all the time, as a whole or in place:
	programs := [][]byte{programBytes(t, evil), programBytes(t, good)}
	path := filepath.Join(b.dir, prefix+"alpha")
	stop, exchanged := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(exchanged)
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			if n%4 < 2 {
				b.write(path, programs[n%2])
			} else {
				os.WriteFile(path, programs[n%2], 0o755)
			}
		}
	}()
	started := 0
	for n := 0; n < 20 || started == 0 && n < 1000; n++ {
		r.album.forget(func(*image) bool { return true }) // read it anew
		p, err := r.startVersion(t.Context(), v)
		if err != nil {
			continue // what was read was not what is trusted
		}
		started++
		if got := note(p); got != "good" {
			t.Errorf("what runs is %q", got)
		}
	}
	close(stop)
	<-exchanged
	if started == 0 {
		t.Error("no start found the trusted program")
	}
}

// What needs no sandbox is set without one.
func TestProcessIsConfined(t *testing.T) {
	t.Parallel()
	r := newBench(t).loose().trusted("alpha", conf{})
	if status := mustAsk(t, r, "alpha", "status", ""); !strings.Contains(status, "NoNewPrivs: 1;") {
		t.Errorf("a plugin may gain privileges: %s", status)
	}
	limits := mustAsk(t, r, "alpha", "read", "/proc/self/limits")
	for line := range strings.SplitSeq(limits, ";") {
		if f := strings.Fields(line); strings.HasPrefix(line, "Max core file size") && (f[4] != "0" || f[5] != "0") {
			t.Errorf("a plugin's secrets may be written to disk: %s", line)
		}
	}
	if got := mustAsk(t, r, "alpha", "args", ""); got != "credhost-plugin-alpha|credhost-plugin" {
		t.Errorf("a plugin is called %q", got)
	}
	pid := mustAsk(t, r, "alpha", "pid", "")
	if n, err := strconv.Atoi(pid); err != nil || group(n) != n {
		t.Errorf("process %s is in the group %d", pid, group(n))
	}
}

func group(pid int) int {
	g, _ := syscall.Getpgid(pid)
	return g
}

// In go-plugin a plugin that stops being heard waits for ever when it prints.
func TestDefectStdoutNotDrained(t *testing.T) {
	t.Parallel()
	r := newBench(t).trusted("alpha", conf{Start: "flood-after"})
	for range 20 {
		mustAsk(t, r, "alpha", "pid", "")
		time.Sleep(10 * time.Millisecond) // while it floods
	}
}

// In go-plugin a process is left when the host gives up after the handshake.
func TestDefectProcessLeftAfterFailedStart(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.StartTimeout = time.Second
	b.install("mute", conf{Answer: "hang-describe"})
	b.install("rubbish", conf{Answer: "rubbish-describe"})
	b.install("hangs", conf{Start: "hang"})
	r := b.open()
	for _, name := range []string{"mute", "rubbish", "hangs"} {
		if _, err := r.Inspect(t.Context(), name); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if n := endProcesses(r.run.path); n > 0 {
		t.Errorf("%d processes are left", n)
	}
	wantEmpty(t, r.run.path)
}

// In go-plugin sockets lie in the folder for temporary files, where others see
// them, and are left there.
func TestDefectStaleSockets(t *testing.T) {
	t.Parallel()
	b := newBench(t).loose()
	r := b.trusted("alpha", conf{})
	mustAsk(t, r, "alpha", "pid", "")
	for dir := filepath.Dir(onlySocket(t, r.run.path)); dir != filepath.Dir(b.runtime); dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v, %v; want 0700", dir, info.Mode(), err)
		}
	}
	if _, err := ask(t.Context(), r, "acme", "alpha", "die", ""); err == nil {
		t.Error("no error of a call that dies")
	}
	eventually(t, "the sockets of a dead process are removed", func() bool { return len(entries(r.run.path)) == 0 })
	r.Reset("alpha")
	mustAsk(t, r, "alpha", "pid", "")
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	wantEmpty(t, b.runtime)
}

// onlySocket returns the socket below dir.
func onlySocket(t testing.TB, dir string) (path string) {
	t.Helper()
	filepath.WalkDir(dir, func(p string, e os.DirEntry, err error) error {
		if err == nil && e.Type() == os.ModeSocket {
			path = p
		}
		return nil
	})
	if path == "" {
		t.Fatalf("no socket below %s", dir)
	}
	return path
}

// In go-plugin a client that was started once answers with its old address for
// ever.
func TestDefectNoRestart(t *testing.T) {
	t.Parallel()
	r := newBench(t).loose().trusted("alpha", conf{})
	first := mustAsk(t, r, "alpha", "pid", "")
	if _, err := ask(t.Context(), r, "acme", "alpha", "die", ""); err == nil {
		t.Error("no error of a call that dies twice")
	}
	r.Reset("alpha")
	if again := mustAsk(t, r, "alpha", "pid", ""); again == first {
		t.Error("the dead process answers")
	}
	if p := programOf(t, r, "alpha"); p.Restarts == 0 || p.State != Trusted {
		t.Errorf("after a crash and a good start: %+v", p)
	}
}

// In go-plugin a host takes answers of 2 GiB.
func TestDefectUnboundedAnswer(t *testing.T) {
	t.Parallel()
	r := newBench(t).trusted("alpha", conf{Answer: "huge"})
	_, err := ask(t.Context(), r, "acme", "alpha", "", "")
	wantError(t, err, "more than 4 MiB")
}

// The same goes for the stream on which go-plugin sends what a plugin prints.
// The test is not parallel: it counts what the whole process allocates.
func TestDefectUnboundedStream(t *testing.T) {
	r := newBench(t).trusted("alpha", conf{Answer: "huge-stream"})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 5 {
		mustAsk(t, r, "alpha", "pid", "")
		time.Sleep(50 * time.Millisecond) // 100 MB take no longer to arrive
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 50<<20 {
		t.Errorf("%d MiB were allocated", n>>20)
	}
}

// When a process dies its connection is closed at both ends; whichever gRPC
// notices first, the call is one that died.
func TestClosedConnectionIsADeath(t *testing.T) {
	t.Parallel()
	p := &process{child: &child{done: make(chan struct{})}}
	answer := func(code codes.Code) codes.Code {
		err := p.invoke(t.Context(), "/x", nil, nil, nil, func(ctx context.Context, _ string, _, _ any, _ *grpc.ClientConn, _ ...grpc.CallOption) error {
			if at, ok := ctx.Deadline(); !ok || time.Until(at) > controlTimeout {
				t.Error("a call has no deadline")
			}
			return status.Error(code, "")
		})
		return status.Code(err)
	}
	if got := answer(codes.Canceled); got != codes.Canceled {
		t.Errorf("of a process that lives: %s", got)
	}
	close(p.child.done)
	if got := answer(codes.Canceled); got != codes.Unavailable {
		t.Errorf("of a process that is gone: %s", got)
	}
	if got := answer(codes.Internal); got != codes.Internal {
		t.Errorf("another answer: %s", got)
	}
}

// In go-plugin the broker, which nobody uses here, lets a plugin fill the host's
// memory.
func TestDefectBroker(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.install("alpha", conf{})
	r := b.open()
	f, err := r.findProgram("alpha")
	if err != nil {
		t.Fatal(err)
	}
	i, err := r.album.make(f)
	if err != nil {
		t.Fatal(err)
	}
	p, err := r.launch(t.Context(), "alpha", i, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer i.discard()
	defer p.stop()
	if strings.Contains(stacks(), "gRPCBrokerClientImpl") {
		t.Error("the broker's stream is open")
	}
}

// SPDX-License-Identifier: Apache-2.0

//go:build linux

package registry

import (
	"context"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/credhost/credhost/host/sandbox"
)

// crashesEnv is how many crashes [TestCrashesLeakNothing] has, for make crashes.
const crashesEnv = "CREDHOST_CRASHES"

// A crash is one way in which a plugin's process ends otherwise than in order.
// It has a workspace of its own, in which a process may be at hand.
type crash struct {
	name string
	do   func(ctx context.Context, r *Registry, workspace string)
}

var crashKinds = []crash{
	{"it exits in a call", func(ctx context.Context, r *Registry, workspace string) {
		ask(ctx, r, workspace, "alpha", "die", "")
	}},
	{"it panics in a call", func(ctx context.Context, r *Registry, workspace string) {
		ask(ctx, r, workspace, "alpha", "panic", "")
	}},
	{"it faults in a call", func(ctx context.Context, r *Registry, workspace string) {
		ask(ctx, r, workspace, "alpha", "segfault", "")
	}},
	{"it is killed while it is idle", func(ctx context.Context, r *Registry, workspace string) {
		ask(ctx, r, workspace, "alpha", "pid", "")
		killAll(r, workspace)
	}},
	{"it hangs in a call, and is killed", func(ctx context.Context, r *Registry, workspace string) {
		ask(ctx, r, workspace, "alpha", "pid", "")
		ctx, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
		defer cancel()
		ask(ctx, r, workspace, "alpha", "hang", "")
		killAll(r, workspace)
	}},
	{"it leaves by itself", func(ctx context.Context, r *Registry, workspace string) {
		ask(ctx, r, workspace, "alpha", "goodbye", "")
	}},
	{"it dies at start", func(ctx context.Context, r *Registry, _ string) { r.Inspect(ctx, "dies") }},
	{"it hangs at start, and nobody waits any more", func(ctx context.Context, r *Registry, _ string) {
		ctx, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
		defer cancel()
		r.Inspect(ctx, "hangs")
	}},
}

// killAll kills the processes of a workspace, as somebody else would.
func killAll(r *Registry, workspace string) {
	for _, s := range r.slotsOf("alpha") {
		if s.workspace != workspace {
			continue
		}
		s.mu.Lock()
		p := s.process
		s.mu.Unlock()
		if p == nil {
			continue
		}
		if pid, err := strconv.Atoi(p.child.ID()); err == nil && !p.ended() {
			syscall.Kill(pid, syscall.SIGKILL)
		}
		<-p.gone
	}
}

// A load is what a host takes up of its machine.
type load map[string]int

// taken returns what this process takes up now.
func taken(r *Registry) load {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	var children int
	procs, _ := os.ReadDir("/proc")
	for _, p := range procs {
		stat, _ := os.ReadFile("/proc/" + p.Name() + "/stat")
		if i := strings.LastIndexByte(string(stat), ')'); i > 0 {
			if f := strings.Fields(string(stat)[i+1:]); len(f) > 1 && f[1] == strconv.Itoa(os.Getpid()) {
				children++ // a zombie is one too
			}
		}
	}
	r.mu.Lock()
	slots := len(r.slots)
	r.mu.Unlock()
	return load{
		"goroutines": runtime.NumGoroutine(), "descriptors": descriptors(), "threads": threads(), "child processes": children,
		"files in the runtime folder": len(entries(r.run.path)), "files among the temporary ones": len(entries(os.TempDir())),
		"mounts": lines("/proc/self/mountinfo"), "maps": lines("/proc/self/maps"), "KiB of heap": int(m.HeapAlloc >> 10), "slots": slots,
	}
}

func lines(file string) int {
	b, _ := os.ReadFile(file)
	return strings.Count(string(b), "\n")
}

// room is how much more there may be of something after any number of crashes
// than after a few: threads that Go keeps, a heap that has been larger.
var room = load{"threads": 12, "maps": 60, "KiB of heap": 4 << 10}

// beyond returns what of now is more than before allows.
func (now load) beyond(before load) (all []string) {
	for _, what := range slices.Sorted(maps.Keys(now)) {
		if now[what] > before[what]+room[what] {
			all = append(all, fmt.Sprintf("%d %s, %d before", now[what], what, before[what]))
		}
	}
	return all
}

// However often plugins crash, and in whatever way, the host takes up no more
// than after the first few times: no goroutine, no process, no descriptor, no
// file, no mount, no memory. The test is not parallel: it counts what the whole
// process has.
func TestCrashesLeakNothing(t *testing.T) {
	total := 200
	if n, err := strconv.Atoi(os.Getenv(crashesEnv)); err == nil {
		total = n
	}
	temporary, err := os.MkdirTemp("", "cr") // where nobody else leaves anything
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(temporary)
	t.Setenv("TMPDIR", temporary)
	b := newBench(t)
	b.Logger, b.IdleTimeout, b.MaxCrashes, b.Sandbox = nil, time.Hour, 1<<30, sandbox.Best
	b.install("alpha", conf{})
	b.install("dies", conf{Start: "die"})
	b.install("hangs", conf{Start: "hang"})
	r := b.open()
	b.trust(r, "alpha")

	begun := time.Now()
	crashMany(t, r, 10*len(crashKinds)) // what is made once is made
	before := calm(t, r, nil)
	crashMany(t, r, total)
	after := calm(t, r, before)
	t.Logf("%d crashes in %s, in a %s sandbox", total, time.Since(begun).Round(time.Millisecond), r.Sandbox().Level)
	for _, what := range slices.Sorted(maps.Keys(after)) {
		t.Logf("%s: %d before, %d after", what, before[what], after[what])
	}
	for _, leak := range after.beyond(before) {
		t.Errorf("after %d crashes: %s", total, leak)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(r.run.path); !os.IsNotExist(err) {
		t.Errorf("the runtime folder is left: %v", err)
	}
}

// crashMany has plugins crash, in all ways in turn, a few at a time.
func crashMany(t *testing.T, r *Registry, total int) {
	t.Helper()
	var next atomic.Int64
	var wg sync.WaitGroup
	for n := range 2 * runtime.GOMAXPROCS(0) {
		workspace := fmt.Sprintf("w%d", n)
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(total); i = next.Add(1) - 1 {
				for _, s := range r.slotsOf("alpha") {
					if s.workspace == workspace {
						s.reset() // or it would be rested
					}
				}
				kind := crashKinds[i%int64(len(crashKinds))]
				if strings.Contains(kind.name, "at start") && i/int64(len(crashKinds))%4 != 0 {
					kind = crashKinds[0] // a program that is looked at is read and hashed, which takes longer than all else
				}
				kind.do(t.Context(), r, workspace)
			}
		})
	}
	wg.Wait()
}

// calm ends what still runs, waits until there is no more than before, and
// returns what there is; at most for some seconds.
func calm(t *testing.T, r *Registry, before load) load {
	t.Helper()
	for _, s := range r.slotsOf("") {
		s.replace(nil)
	}
	eventually(t, "all processes end", func() bool { return programOf(t, r, "alpha").Running == 0 && ours() == 0 })
	var now load
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		r.Reset("alpha") // what has nothing to remember is forgotten; of the last crash one may hear late
		r.sweep()
		now = taken(r)
		if before != nil && len(now.beyond(before)) == 0 {
			break
		}
		if before == nil && time.Until(end) < 9*time.Second {
			break // a second of quiet
		}
	}
	return now
}

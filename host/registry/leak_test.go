// SPDX-License-Identifier: Apache-2.0

//go:build linux

package registry

import (
	"os"
	"runtime"
	"strings"
	"testing"
)

// stacks returns the stacks of all goroutines.
func stacks() string {
	buf := make([]byte, 8<<20)
	return string(buf[:runtime.Stack(buf, true)])
}

// ours counts the goroutines of this package and of what it uses.
func ours() (n int) {
	for stack := range strings.SplitSeq(stacks(), "\n\n") {
		if strings.Contains(stack, "go-plugin") || strings.Contains(stack, "grpc") || strings.Contains(stack, "registry.(*process)") || strings.Contains(stack, "registry.(*child)") || strings.Contains(stack, "registry.(*slot)") {
			n++
		}
	}
	return n
}

func descriptors() int { return len(entries("/proc/self/fd")) }

func threads() int { return len(entries("/proc/self/task")) }

// Starting and ending a process, in whatever way, leaves nothing behind. The
// test is not parallel: it counts what the whole process has.
func TestRestartsLeakNothing(t *testing.T) {
	b := newBench(t)
	b.MaxCrashes = 1000
	r := b.trusted("alpha", conf{})
	round := func() {
		r.Reset("alpha")
		mustAsk(t, r, "alpha", "pid", "")
		ask(t.Context(), r, "acme", "alpha", "die", "")
		r.Reset("alpha")
		mustAsk(t, r, "alpha", "pid", "")
		for _, s := range r.slotsOf("") {
			s.replace(nil)
		}
		eventually(t, "the process ends", func() bool { return programOf(t, r, "alpha").Running == 0 })
	}
	round()
	eventually(t, "goroutines end", func() bool { return ours() == 0 })
	fds, tasks := descriptors(), threads()
	for range 20 {
		round()
	}
	eventually(t, "goroutines end", func() bool { return ours() == 0 })
	eventually(t, "descriptors are closed", func() bool { runtime.GC(); return descriptors() <= fds })
	if n := threads(); n > tasks+10 {
		t.Errorf("%d threads, %d before 20 rounds", n, tasks)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(r.run.path); !os.IsNotExist(err) {
		t.Errorf("the runtime folder is left: %v", err)
	}
}

// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package registry

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/credhost/credhost/host/sandbox"
	"github.com/credhost/credhost/internal/defence"
)

// celled returns a registry whose plugin alpha runs in a full cell.
func celled(t *testing.T, c conf) *Registry {
	t.Helper()
	r := newBench(t).trusted("alpha", c)
	if report := r.Sandbox(); report.Level != sandbox.Full {
		t.Skipf("NOT TESTED: the sandbox is %s here: %s", report.Level, report.Why)
	}
	mustAsk(t, r, "alpha", "pid", "")
	return r
}

// In its cell a plugin is the first process. The host knows it by another
// number, and ends it in every way that it ends others.
func TestEndsInACell(t *testing.T) {
	for name, end := range map[string]func(*Registry, *process){
		"with its lifeline": func(_ *Registry, p *process) { p.child.lifeline.Close() },
		"with its registry": func(r *Registry, _ *process) { r.Close() },
		"when it is killed": func(_ *Registry, p *process) { p.kill("a test wants it to end") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := celled(t, conf{})
			pid := pidOf(t, r, "alpha")
			if pid == "1" || !alive(pid) {
				t.Fatalf("the host knows it as process %s", pid)
			}
			s := r.slotsOf("alpha")[0]
			s.mu.Lock()
			p := s.process
			s.mu.Unlock()
			end(r, p)
			eventually(t, "the plugin ends", func() bool { return !alive(pid) })
		})
	}
}

// One that is stubborn ends with its registry.
func TestStubbornInACell(t *testing.T) {
	t.Parallel()
	r := celled(t, conf{Start: "stubborn"})
	pid := pidOf(t, r, "alpha")
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if alive(pid) {
		t.Error("the plugin is left")
	}
}

// A cell that cannot be made is an error that says so, and never another cell.
func TestNoCellIsAnError(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.install("alpha", conf{})
	r := b.open()
	if r.Sandbox().Level != sandbox.Full {
		t.Skip("NOT TESTED: there is no full sandbox here")
	}
	b.trust(r, "alpha")
	i, err := r.album.get(r.catalog.Load().program("alpha").found, r.catalog.Load().program("alpha").version.digest)
	if err != nil {
		t.Fatal(err)
	}
	i.reads = append(i.reads, read{Path: "/no/such/file"})
	_, err = r.launch(t.Context(), "alpha", i, nil)
	wantError(t, err, "its cell could not show /no/such/file: no such file or directory")
}

// Without a full sandbox a registry that requires one does not open, and says
// what is missing and what to do.
func TestRequired(t *testing.T) {
	t.Parallel()
	r := &Registry{cfg: Config{Sandbox: sandbox.Required}}
	r.probing.Do(func() {
		r.report = sandbox.Report{Level: sandbox.Partial, Why: "it has no namespaces", Next: "allow them"}
	})
	wantError(t, r.openSandbox(), "a full sandbox is required, and here it is partial: it has no namespaces: allow them")

	b := newBench(t)
	b.Sandbox = sandbox.Required
	o, err := Open(t.Context(), b.Config)
	if err == nil {
		defer o.Close()
		if o.Sandbox().Level != sandbox.Full {
			t.Error("it opened without a full sandbox")
		}
	} else if !strings.Contains(err.Error(), "is required") {
		t.Error(err)
	}
}

// What computes on and finishes nothing is killed, unless nobody watches.
func TestProcessorTime(t *testing.T) {
	t.Parallel()
	for _, off := range []bool{false, true} {
		b := newBench(t)
		b.CallTimeout, b.IdleTimeout = time.Hour, time.Hour
		b.Limits.CPU = 200 * time.Millisecond
		b.install("alpha", conf{})
		ctx := t.Context()
		if off {
			ctx = defence.Without(ctx, defence.CPUTime)
		}
		r, err := Open(ctx, b.Config)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if r.Sandbox().Level == sandbox.None {
			t.Skip("NOT TESTED: there is no sandbox here")
		}
		b.trust(r, "alpha")
		call, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		if off {
			call, cancel = context.WithTimeout(t.Context(), 2*time.Second)
		}
		_, err = ask(call, r, "acme", "alpha", "burn", "")
		cancel()
		if killed := err != nil && strings.Contains(err.Error(), "it used the processor for"); killed == off {
			t.Errorf("with the watch off: %v; error %v", off, err)
		}
	}
}

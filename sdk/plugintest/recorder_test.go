// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

// A recorder is a tb that may fail. It runs only what is called only, and what
// is on the way there or below.
type recorder struct {
	t      *testing.T // for what only a real test can do
	only   string
	name   string
	all    *failures
	ctx    context.Context
	mu     sync.Mutex
	failed bool
	undo   []func()
}

// failures are the messages of tests that failed, by their names.
type failures struct {
	sync.Mutex
	text map[string][]string
}

// record runs a part of the suite and returns what failed.
func record(t *testing.T, s Suite, only string) map[string][]string {
	t.Helper()
	all := &failures{text: map[string][]string{}}
	r := &recorder{t: t, only: only, all: all}
	r.do(func(t tb) { run(t, s) })
	return all.text
}

// do runs f as a test: in a goroutine, which Fatalf ends.
func (r *recorder) do(f func(tb)) {
	ctx, cancel := context.WithCancel(context.Background())
	r.ctx = ctx
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(r)
	}()
	<-done
	cancel()
	for i := len(r.undo) - 1; i >= 0; i-- {
		r.undo[i]()
	}
}

func (r *recorder) Helper() {}

func (r *recorder) Run(name string, f func(tb)) bool {
	sub := &recorder{t: r.t, only: r.only, name: r.name + name + "/", all: r.all}
	if !strings.HasPrefix(r.only+"/", sub.name) && !strings.HasPrefix(sub.name, r.only+"/") {
		return true
	}
	sub.do(f)
	if sub.Failed() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.failed = true
	}
	return !sub.Failed()
}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	r.failed = true
	r.mu.Unlock()
	r.all.Lock()
	defer r.all.Unlock()
	r.all.text[r.name] = append(r.all.text[r.name], fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

func (r *recorder) Failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}

func (r *recorder) Cleanup(f func()) { r.undo = append(r.undo, f) }

func (r *recorder) Context() context.Context { return r.ctx }

func (r *recorder) frozen(f func()) { synctest.Test(r.t, func(*testing.T) { f() }) }

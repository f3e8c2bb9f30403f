// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// A recorder is a test that may fail: it keeps what the suite says instead.
type recorder struct {
	testing.TB
	mu   sync.Mutex
	said []string
}

// failsWith runs one test of the suite and returns what it has to say.
func failsWith(t *testing.T, s Suite, test func(*trial)) string {
	t.Helper()
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() { // which Fatal ends
		defer close(done)
		test(&trial{TB: r, suite: s, store: s.Open(r)})
	}()
	<-done
	return strings.Join(r.said, "\n")
}

func (r *recorder) Helper() {}

func (r *recorder) say(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.said = append(r.said, text)
}

func (r *recorder) Error(args ...any)                 { r.say(fmt.Sprint(args...)) }
func (r *recorder) Errorf(format string, args ...any) { r.say(fmt.Sprintf(format, args...)) }
func (r *recorder) Fatal(args ...any)                 { r.Error(args...); runtime.Goexit() }
func (r *recorder) Fatalf(format string, args ...any) { r.Errorf(format, args...); runtime.Goexit() }

// SPDX-License-Identifier: Apache-2.0

package ground

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
)

// EchoKey is the key that the [Echo] takes.
const EchoKey = "EXAMPLE-acme-key"

// An Echo is the service of type "acme". It takes what carries [EchoKey] in
// X-Api-Key, answers 401 to all else, and remembers what it was sent. /v1/me is
// what its plugin tests; everything else is Handler's.
type Echo struct {
	URL string

	// Handler answers what carries the key; nil: the body that was sent comes
	// back, with the path and query in the header Echo-Target. Set it before
	// the first request.
	Handler http.Handler

	// Forget has it remember nothing that it was sent: set it for what goes on for
	// long.
	Forget bool

	mu       sync.Mutex
	requests []*http.Request
}

// NewEcho starts an echo, which ends with the test.
func NewEcho(t testing.TB) *Echo {
	e := &Echo{}
	srv := httptest.NewServer(e)
	t.Cleanup(srv.Close)
	e.URL = srv.URL
	return e
}

// Requests returns what has arrived, without bodies.
func (e *Echo) Requests() []*http.Request {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.requests)
}

// ServeHTTP implements [http.Handler].
func (e *Echo) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !e.Forget {
		seen := r.Clone(r.Context())
		seen.Body = http.NoBody
		e.mu.Lock()
		e.requests = append(e.requests, seen)
		e.mu.Unlock()
	}
	switch {
	case r.Header.Get("X-Api-Key") != EchoKey:
		w.WriteHeader(http.StatusUnauthorized)
	case r.URL.Path == "/v1/me":
		io.WriteString(w, `{"name":"echo"}`)
	case e.Handler != nil:
		e.Handler.ServeHTTP(w, r)
	default:
		w.Header().Set("Echo-Target", r.RequestURI)
		io.Copy(w, r.Body)
	}
}

// Logger logs to a test, until it ends.
func Logger(t testing.TB) *slog.Logger {
	out := &testLog{t: t}
	t.Cleanup(func() {
		out.mu.Lock()
		defer out.mu.Unlock()
		out.t = nil
	})
	return slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: slog.LevelInfo}))
}

// A testLog passes lines on to a test that has not ended.
type testLog struct {
	mu sync.Mutex
	t  testing.TB
}

// Write implements [io.Writer].
func (l *testLog) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.t != nil {
		l.t.Logf("%s", line)
	}
	return len(line), nil
}

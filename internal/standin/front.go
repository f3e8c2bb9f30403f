// SPDX-License-Identifier: Apache-2.0

package standin

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"
)

const (
	keepRequests = 512      // how many requests a stand-in remembers
	keepBody     = 64 << 10 // how much of each body
	maxBody      = 1 << 20  // a larger body is refused with 413
)

// front is what stands before every service: it records what arrives and
// meets it with the fault that was asked for. Its exported methods are
// described at [Service].
type front struct {
	now   func() time.Time         // never nil after open
	known func() map[string]string // the service's secrets, each with its kind
	shape func(status int) answer  // the service's own answer to a fault that gives no body

	mu       sync.Mutex
	requests []Request
	dropped  int // how many older requests are no longer in requests
	token    int
	api      int
	reused   int
	faults   map[Part]Fault
}

// open readies a front; a nil clock is the system's.
func (f *front) open(now func() time.Time, known func() map[string]string, shape func(int) answer) {
	if now == nil {
		now = time.Now
	}
	f.now, f.known, f.shape = now, known, shape
	f.faults = map[Part]Fault{}
}

// serve records a request and lets work answer it, unless a fault does.
func (f *front) serve(w http.ResponseWriter, r *http.Request, part Part, work http.HandlerFunc) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	r.Body = io.NopCloser(bytes.NewReader(body))
	n, fault := f.record(r, part, body)
	sw := &statusWriter{ResponseWriter: w}
	defer func() { f.answered(n, sw.status) }()
	if fault.Hold != nil {
		fault.Hold(r.Context())
	}
	switch {
	case err != nil:
		http.Error(sw, http.StatusText(http.StatusRequestEntityTooLarge), http.StatusRequestEntityTooLarge)
	case fault.answers():
		fault.write(sw, f.shape)
	case fault.Lose:
		work(lost{http.Header{}}, r)
		panic(http.ErrAbortHandler) // the server cuts the connection and logs nothing
	default:
		work(sw, r)
	}
}

// record notes a request and takes the fault that it meets. The number it
// returns is for answered.
func (f *front) record(r *http.Request, part Part, body []byte) (int, Fault) {
	req := Request{
		At: f.now(), Part: part, Method: r.Method, Host: r.Host,
		Path: r.URL.EscapedPath(), RawQuery: r.URL.RawQuery,
		Header: r.Header.Clone(), Body: string(body[:min(len(body), keepBody)]),
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.requests) == keepRequests {
		f.requests = f.requests[1:]
		f.dropped++
	}
	f.requests = append(f.requests, req)
	switch part {
	case Token:
		f.token++
	case API:
		f.api++
	}
	fault := f.faults[part]
	if fault.Times > 0 {
		left := fault
		if left.Times--; left.Times == 0 {
			left = Fault{}
		}
		f.faults[part] = left
	}
	return f.dropped + len(f.requests) - 1, fault
}

func (f *front) answered(n, status int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n -= f.dropped; n >= 0 {
		f.requests[n].Status = status
	}
}

// Fail is described at [Service].
func (f *front) Fail(on Part, fault Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults[on] = fault
}

// Requests is described at [Service].
func (f *front) Requests() []Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	copies := slices.Clone(f.requests)
	for i := range copies {
		copies[i].Header = copies[i].Header.Clone()
	}
	return copies
}

// Last is described at [Service].
func (f *front) Last() Request {
	all := f.Requests()
	if len(all) == 0 {
		return Request{}
	}
	return all[len(all)-1]
}

// TokenRequests is described at [Service].
func (f *front) TokenRequests() int { return f.count(&f.token) }

// APIRequests is described at [Service].
func (f *front) APIRequests() int { return f.count(&f.api) }

// Reused is described at [Service].
func (f *front) Reused() int { return f.count(&f.reused) }

func (f *front) count(n *int) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return *n
}

// shownAgain notes that a spent refresh token or code was shown once more.
func (f *front) shownAgain() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reused++
}

// statusWriter remembers the status that was answered.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}

// lost is where an answer goes that nobody will read.
type lost struct{ header http.Header }

func (l lost) Header() http.Header         { return l.header }
func (l lost) Write(p []byte) (int, error) { return len(p), nil }
func (l lost) WriteHeader(int)             {}

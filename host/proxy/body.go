// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// past is a deadline that has passed.
var past = time.Unix(1, 0)

// A source is a caller's body as it comes. What has come is remembered while it
// is little, so that the body can be sent once more. Nothing is read of it before
// the service's connection is there to take it.
type source struct {
	x    *exchange
	body io.Reader
	max  int // bytes to remember

	early bool // the answer has begun before the end; of the handler alone

	done atomic.Bool // nothing is read any more
	many atomic.Bool // too many bytes have come to remember them
	all  atomic.Bool // all of it has come

	mu   sync.Mutex // held while reading
	kept []byte
	read int64 // bytes that have come
	err  error // that came after them
}

// errDone is for who reads a body whose exchange is over.
var errDone = errors.New("the exchange is over")

// errGone is for who would read again what nobody has remembered.
var errGone = fail("unavailable", "the service refused the grant when most of the body was sent, and there is a better one now: try again").after(0)

// view returns the body from its beginning.
func (s *source) view() (io.ReadCloser, error) {
	if s.many.Load() {
		return nil, errGone
	}
	return &view{s: s}, nil
}

// A view is a body as one attempt to send it sees it.
type view struct {
	s      *source
	at     int64
	closed atomic.Bool
}

// Read reads what is remembered, and then what comes.
func (v *view) Read(p []byte) (int, error) {
	s := v.s
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case v.closed.Load() || s.done.Load():
		return 0, errDone
	case v.at < int64(len(s.kept)):
		n := copy(p, s.kept[v.at:])
		v.at += int64(n)
		return n, nil
	case v.at < s.read:
		return 0, errGone
	case s.err != nil:
		return 0, s.err
	}
	s.x.flow.reading(true)
	n, err := s.body.Read(p)
	s.x.flow.reading(false)
	s.err = err
	if err == io.EOF { // the trailers have come with it
		s.x.withoutKey(s.x.r.Trailer)
		s.all.Store(true)
	}
	if s.read += int64(n); s.read <= int64(s.max) {
		s.kept = append(s.kept, p[:n]...)
	} else {
		s.kept = nil
		s.many.Store(true)
	}
	v.at += int64(n)
	if err != nil && err != io.EOF {
		err = s.x.bodyError(err)
	}
	return n, err
}

// Close ends the view, though not the body.
func (v *view) Close() error {
	v.closed.Store(true)
	return nil
}

// duplex lets the answer begin before all of the body has come. A server of
// HTTP/1.1 cannot use the connection again after that, and must not try: what is
// left of the body would be the next request.
func (s *source) duplex() {
	if s == nil || s.all.Load() || s.x.r.ProtoMajor > 1 {
		return
	}
	s.early = true
	s.x.rc.EnableFullDuplex()
	s.x.w.Header().Set("Connection", "close")
}

// linger is for how long the rest of a body is thrown away after an early answer:
// a connection that is closed with something to be read is reset, and the caller
// may lose the answer.
const linger = 500 * time.Millisecond

// end keeps everybody from reading the body: a server's must not be read once its
// handler has returned. Who waits for more of it waits no longer.
func (s *source) end() {
	if s == nil || s.done.Swap(true) {
		return
	}
	rc := s.x.rc
	if !s.mu.TryLock() {
		rc.SetReadDeadline(past)
		s.mu.Lock()
	}
	s.kept = nil
	s.mu.Unlock()
	if s.early && !s.all.Load() {
		rc.SetReadDeadline(time.Now().Add(linger))
		s.x.r.Body.Close() // here, since the server would begin to read the next request when it meets the end
	}
}

// buffers are what bodies are copied through.
var buffers = sync.Pool{New: func() any { b := make([]byte, 32<<10); return &b }}

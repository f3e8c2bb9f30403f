// SPDX-License-Identifier: Apache-2.0

package egress

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/credhost/credhost/internal/defence"
	"github.com/credhost/credhost/sdk"
)

// A session is a connection of a plugin to an http or https origin.
type session struct {
	guard  *Guard
	call   *Call
	id     string
	origin string
	conn   *metered
	br     *bufio.Reader
	bw     *bufio.Writer
	last   bool // the plugin sends no further request
}

// serve answers one request after the other.
func (s *session) serve() {
	for {
		r, err := s.read()
		if err != nil {
			s.refuse(err)
			return
		}
		if !s.answer(r) {
			return
		}
	}
}

// answer sends r, writes back what comes, and reports whether the connection
// may be used again.
func (s *session) answer(r *http.Request) bool {
	ctx, cancel := context.WithCancel(s.call.ctx)
	defer cancel()
	var stop func() bool
	if body, ok := r.Body.(*stream); ok {
		stop = body.stop // which reads the connection, so that nobody else may
	} else {
		stop = s.watch(cancel)
	}
	again, err := s.exchange(r.WithContext(ctx))
	if !stop() {
		again = false
	}
	if err != nil {
		s.refuse(err)
		return false
	}
	return again
}

// exchange sends r and writes back what comes. An error means that nothing has
// been written.
func (s *session) exchange(r *http.Request) (again bool, err error) {
	var through http.RoundTripper = s.guard
	if t := s.call.policy.Through; t != nil {
		through = t
	}
	resp, err := through.RoundTrip(r)
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	resp.Request = r
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return false, sdk.Errorf(sdk.Unavailable, "%s answered in another protocol than HTTP", s.origin)
	}
	if r.Method != http.MethodHead && resp.ContentLength > s.guard.config.MaxAnswer {
		return false, s.tooMuch()
	}
	s.shape(resp)
	if resp.Write(onlyWriter{s.bw}) != nil || s.bw.Flush() != nil {
		return false, nil
	}
	return !resp.Close, nil
}

// shape makes of an answer one that goes over this connection.
func (s *session) shape(resp *http.Response) {
	s.removeHops(resp.Header)
	if !s.guard.off(defence.Unforged) {
		resp.Header.Del("Credhost-Call")
		resp.Header.Del("Credhost-Egress")
	}
	resp.Proto, resp.ProtoMajor, resp.ProtoMinor = "HTTP/1.1", 1, 1
	resp.Close = s.last
	resp.TransferEncoding = nil
	if resp.ContentLength < 0 && resp.Request.Method != http.MethodHead {
		resp.TransferEncoding = []string{"chunked"}
	}
	resp.Body = &limited{body: resp.Body, left: s.guard.config.MaxAnswer, over: s.tooMuch(), before: s.bw.Flush}
}

func (s *session) tooMuch() error {
	return sdk.Errorf(sdk.Unavailable, "%s answered with more than %d bytes (egress.Config.MaxAnswer)", s.origin, s.guard.config.MaxAnswer)
}

// refuse answers a request with err, and leaves the plugin time to read it.
// The connection cannot be used after that.
//
// The head begins with what only the host can know, so that whoever reads the
// connection can tell it from an answer of the service without parsing it.
func (s *session) refuse(err error) {
	var e *sdk.Error
	if s.call.ctx.Err() != nil || !errors.As(err, &e) {
		return
	}
	line := refusal(e)
	fmt.Fprintf(s.bw, "HTTP/1.1 502 Bad Gateway\r\nCredhost-Call: %s\r\nCredhost-Egress: %s\r\n"+
		"Content-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s\n",
		s.id, line, len(line)+1, line)
	if s.bw.Flush() != nil || closeWrite(s.conn) != nil {
		return
	}
	s.conn.SetReadDeadline(time.Now().Add(lingerTime))
	io.CopyN(io.Discard, s.br, maxLinger) // what is left of the request, or the plugin would not get to the answer
}

// past is a deadline that ends what waits.
var past = time.Unix(1, 0)

// watch calls gone if the plugin hangs up while it waits for its answer, until
// it is stopped.
func (s *session) watch(gone func()) (stop func() bool) {
	s.conn.SetReadDeadline(time.Time{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		if _, err := s.br.Peek(1); err != nil {
			gone()
		}
	}()
	return func() bool {
		s.conn.SetReadDeadline(past)
		<-done
		return true
	}
}

// onlyWriter hides the other methods of a writer: bufio's ReadFrom does not
// stand being flushed while it reads.
type onlyWriter struct{ io.Writer }

// A limited body is that of an answer. What came before it is sent on before
// it waits for more.
type limited struct {
	body   io.ReadCloser
	left   int64 // bytes that may still come
	over   error
	before func() error
}

// Read reads, unless there has been too much.
func (l *limited) Read(p []byte) (int, error) {
	if err := l.before(); err != nil {
		return 0, err
	}
	n, err := l.body.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, l.over
	}
	return n, err
}

// Close closes the body.
func (l *limited) Close() error { return l.body.Close() }

// removeHops removes what is between two ends of one connection (RFC 9110,
// section 7.6.1).
func (s *session) removeHops(h http.Header) {
	if s.guard.off(defence.Hops) {
		return
	}
	for _, names := range h["Connection"] {
		for name := range strings.SplitSeq(names, ",") {
			h.Del(strings.TrimSpace(name))
		}
	}
	maps.DeleteFunc(h, func(name string, _ []string) bool {
		return slices.ContainsFunc(hops, func(hop string) bool { return sdk.SameHeader(hop, name) })
	})
}

// hops are the headers of one connection, whatever a server takes for them.
var hops = []string{
	"Connection", "Http2-Settings", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", "Te", "Transfer-Encoding", "Upgrade",
}

// SPDX-License-Identifier: Apache-2.0

package egress

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/credhost/credhost/internal/defence"
	"github.com/credhost/credhost/sdk"
)

// read reads a request and makes of it the one to be sent. An error that is no
// *sdk.Error means that the plugin is gone.
func (s *session) read() (*http.Request, error) {
	s.conn.SetReadDeadline(time.Now().Add(idleTime))
	if _, err := s.br.Peek(1); err != nil {
		return nil, err
	}
	s.conn.SetReadDeadline(time.Now().Add(headTime))
	head, err := peekHead(s.br)
	if err != nil {
		return nil, err
	}
	if err := checkHead(head); err != nil && !s.guard.off(defence.OneReading) {
		return nil, err
	}
	r, err := http.ReadRequest(s.br)
	if err != nil || r.ProtoMajor != 1 || r.ProtoMinor != 1 {
		return nil, malformed("is not one of HTTP/1.1")
	}
	if err := s.address(r); err != nil {
		return nil, err
	}
	return r, s.prepare(r)
}

// address points r at the session's origin, if that is where it says that it
// goes. The path and the query stay as they are, letter for letter.
func (s *session) address(r *http.Request) error {
	target := r.RequestURI
	switch absolute := r.URL.Scheme != "" || r.URL.Host != ""; {
	case r.Method == http.MethodConnect:
		return malformed("must not be CONNECT: for what is not HTTP there are tcp origins")
	case strings.Contains(target, "#"):
		return malformed("has a fragment")
	case absolute && (sdk.OriginOf(r.URL) != s.origin || r.URL.User != nil):
		return malformed("is for another origin than its connection")
	case absolute:
		_, rest, _ := strings.Cut(target, "://")
		target = rest[len(authority.FindString(rest)):]
	}
	scheme, host, _ := strings.Cut(s.origin, "://")
	if !isHostOf(r.Host, s.origin) && !s.guard.off(defence.HostHeader) {
		return malformed("is for another host than its connection")
	}
	r.RequestURI = ""
	if !s.guard.off(defence.HostHeader) {
		r.Host = host
	}
	r.URL.Scheme, r.URL.Host = scheme, host
	return keepPath(r.URL, target)
}

// authority is what stands before the path and the query.
var authority = regexp.MustCompile(`^[^/?]*`)

// keepPath makes sure that u is sent with the path of target, which net/url
// may spell otherwise.
func keepPath(u *url.URL, target string) error {
	path, _, _ := strings.Cut(target, "?")
	switch {
	case path == "" || path == u.EscapedPath():
		return nil
	case path[0] != '/' || strings.HasPrefix(path, "//"): // net/url would take it for a host
		return malformed("has a path that cannot be sent as it is: escape what is not a letter, a digit or one of -._~/")
	}
	u.Opaque = path
	return nil
}

// prepare bounds r's body, and takes from its headers what is between the
// plugin and this end of the connection.
func (s *session) prepare(r *http.Request) error {
	expect := httpguts.HeaderValuesContainsToken(r.Header["Expect"], "100-continue")
	s.last, r.Close = r.Close, false // an end of this connection is none of the next
	s.removeHops(r.Header)
	r.Header.Del("Expect")
	r.Trailer = nil // which a service may merge with the headers
	if _, ok := r.Header["User-Agent"]; !ok {
		r.Header["User-Agent"] = []string{""} // or net/http would name itself
	}
	if r.ContentLength > s.guard.config.MaxRequest {
		return s.tooLong()
	}
	if expect && r.ContentLength != 0 {
		if _, err := s.conn.Write([]byte("HTTP/1.1 100 Continue\r\n\r\n")); err != nil {
			return err
		}
	}
	if r.ContentLength >= 0 && r.ContentLength <= maxSpool {
		return s.spool(r)
	}
	r.Body = &stream{body: r.Body, conn: s.conn, left: s.guard.config.MaxRequest, over: s.tooLong()}
	return nil
}

// spool reads r's body into memory: what is short is sent in one piece, and
// again if nothing of it has left.
func (s *session) spool(r *http.Request) error {
	if r.ContentLength == 0 {
		r.Body = http.NoBody
		return nil
	}
	s.conn.SetReadDeadline(time.Now().Add(stallTime))
	body := make([]byte, r.ContentLength)
	if _, err := io.ReadFull(r.Body, body); err != nil {
		return err
	}
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	r.Body, _ = r.GetBody()
	return nil
}

func (s *session) tooLong() error {
	return sdk.Errorf(sdk.Internal, "the request to %s has a body of more than %d bytes (egress.Config.MaxRequest)", s.origin, s.guard.config.MaxRequest)
}

// A stream is the body of a request while it is being read off the connection.
type stream struct {
	body io.Reader
	conn net.Conn
	left int64 // bytes that may still come
	over error

	stopping atomic.Bool
	mu       sync.Mutex // held while reading
	done     bool       // all of it has been read
}

var errStopped = errors.New("the request is over")

// Read reads what the plugin sends, as long as it goes on sending.
func (b *stream) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.conn.SetReadDeadline(time.Now().Add(stallTime))
	if b.stopping.Load() {
		return 0, errStopped
	}
	n, err := b.body.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, b.over
	}
	b.done = err == io.EOF
	return n, err
}

// Close does nothing: what is left of the body is not read.
func (b *stream) Close() error { return nil }

// stop ends all reading, now and later, and reports whether there was nothing
// left to read. Net/http may go on reading after it has returned an answer.
func (b *stream) stop() bool {
	b.stopping.Store(true)
	b.conn.SetReadDeadline(past)
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.done
}

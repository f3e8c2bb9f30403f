// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"strings"
	"time"
)

// bodyTime is how long the body of a request may take to arrive.
const bodyTime = 15 * time.Second

// readBody reads a request's body and checks all of it that needs no handler.
// The handler finds it as if nobody had read it.
func (s *server) readBody(to *route, w http.ResponseWriter, r *http.Request) *failure {
	if to.op.RequestBody == nil {
		return nil
	}
	types := to.mediaTypes()
	if r.Header.Get("Content-Encoding") != "" {
		return fail("media-type", "send the body as it is, without Content-Encoding")
	}
	if r.ContentLength != 0 && !isType(r.Header.Get("Content-Type"), types) {
		f := fail("media-type", "this takes "+strings.Join(types, ", ")+", in UTF-8")
		if r.Method == http.MethodPatch {
			f.with("Accept-Patch", strings.Join(types, ", ")) // RFC 5789, section 2.2
		}
		return f.with("Accept", strings.Join(types, ", "))
	}
	body, f := s.received(w, r)
	if f != nil {
		return f
	}
	r.Body = &sent{Reader: bytes.NewReader(body), body: body}
	if len(body) == 0 {
		if to.op.RequestBody.Required {
			return fail("malformed", "this takes a body: "+types[0])
		}
		return nil
	}
	unknown, f := check(body, s.api.OpenAPI().Components.Schemas, to.op.RequestBody.Content[to.mediaType(r)].Schema)
	if f == nil && len(unknown) > 0 {
		f = fail("invalid", "the body has members that are not known here: see errors", unknown...)
	}
	return f
}

// mediaTypes are those that the body may be of.
func (to *route) mediaTypes() []string {
	if to.takes == nil {
		return media
	}
	return to.takes
}

// mediaType is that of a request's body.
func (to *route) mediaType(r *http.Request) string {
	full, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if to.op.RequestBody.Content[full] == nil {
		return to.mediaTypes()[0]
	}
	return full
}

// received reads the whole body, if that is not too much and does not take too
// long.
func (s *server) received(w http.ResponseWriter, r *http.Request) ([]byte, *failure) {
	tooLarge := fail("too-large", "the body is too large")
	if r.ContentLength > s.cfg.MaxBody {
		return nil, tooLarge.with("Connection", "close")
	}
	conn := http.NewResponseController(w) // a recorder of a test has no deadlines
	conn.SetReadDeadline(time.Now().Add(bodyTime))
	defer conn.SetReadDeadline(time.Time{})
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.cfg.MaxBody))
	var large *http.MaxBytesError
	var slow net.Error
	switch {
	case err == nil:
		return body, nil
	case errors.As(err, &large):
		return nil, tooLarge
	case errors.As(err, &slow) && slow.Timeout():
		return nil, fail("slow", "the body came too slowly: try again")
	}
	return nil, fail("malformed", "the body ended too early")
}

// sent is a body that was read already.
type sent struct {
	*bytes.Reader
	body []byte
}

// Close does nothing: there is nothing to close.
func (*sent) Close() error { return nil }

// bodyOf returns the body of a context's request, as it was sent.
func bodyOf(ctx context.Context) []byte {
	if r := requestOf(ctx); r != nil {
		if b, ok := r.Body.(*sent); ok {
			return b.body
		}
	}
	return nil
}

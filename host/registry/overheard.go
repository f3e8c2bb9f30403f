// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

// The limits of what is overheard of one call, in bytes.
const (
	maxOverheard = 64 << 10 // of one body
	maxHeardOf   = 1 << 20  // of all of a call
	minHeard     = 16       // of a text that may be a secret
	maxTexts     = 300      // that may be secrets; a number
)

// overheard is what a plugin and its service say to each other in a call, as
// far as it may hold secrets: a plugin that prints a token which it was given,
// and then fails, has told the host of it in no other way.
type overheard struct {
	next http.RoundTripper

	mu    sync.Mutex
	said  []*bytes.Buffer
	total int
}

var _ http.RoundTripper = (*overheard)(nil)

// RoundTrip passes r on, and listens.
func (o *overheard) RoundTrip(r *http.Request) (*http.Response, error) {
	o.head(r.Header)
	if r.Body != nil && r.Body != http.NoBody {
		again := r.GetBody
		r = r.WithContext(r.Context())
		r.Body = o.listen(r.Body)
		r.GetBody = again
	}
	resp, err := o.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	o.head(resp.Header)
	resp.Body = o.listen(resp.Body)
	return resp, nil
}

// head takes the headers that hold secrets, on either way.
func (o *overheard) head(h http.Header) {
	for _, name := range []string{"Authorization", "Cookie", "Set-Cookie", "Location", "Www-Authenticate"} {
		for _, v := range h[name] {
			o.note(o.book(), []byte(v))
		}
	}
}

// book returns where one more text goes.
func (o *overheard) book() *bytes.Buffer {
	o.mu.Lock()
	defer o.mu.Unlock()
	b := new(bytes.Buffer)
	o.said = append(o.said, b)
	return b
}

func (o *overheard) note(b *bytes.Buffer, p []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if n := min(len(p), maxOverheard-b.Len(), maxHeardOf-o.total); n > 0 {
		b.Write(p[:n])
		o.total += n
	}
}

// listen returns body, of which a beginning is kept.
func (o *overheard) listen(body io.ReadCloser) io.ReadCloser {
	return &listening{body, o, o.book()}
}

type listening struct {
	io.ReadCloser
	o *overheard
	b *bytes.Buffer
}

// Read reads.
func (l *listening) Read(p []byte) (int, error) {
	n, err := l.ReadCloser.Read(p)
	l.o.note(l.b, p[:n])
	return n, err
}

// secrets adds what may be one: every text without spaces that is long, and has
// a digit. Most are not secrets. To hide one too many costs a log a word; to
// hide one too few costs the secret.
func (o *overheard) secrets(s *secrets) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := 0
	for _, b := range o.said {
		for text := range strings.FieldsFuncSeq(b.String(), func(c rune) bool { return !isTokenRune(c) }) {
			if len(text) < minHeard || !strings.ContainsAny(text, "0123456789") {
				continue
			}
			if n++; n > maxTexts {
				return
			}
			*s = append(*s, text)
			if plain, err := url.QueryUnescape(text); err == nil && plain != text {
				*s = append(*s, plain)
			}
		}
	}
}

// isTokenRune reports whether c is of a token as services spell them (RFC 6750,
// section 2.1), or of one that is escaped.
func isTokenRune(c rune) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("-._~+/%", c)
}

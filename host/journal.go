// SPDX-License-Identifier: Apache-2.0

package host

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/credhost/credhost/host/egress"
	"github.com/credhost/credhost/internal/defence"
	"github.com/credhost/credhost/sdk"
)

// The bounds of a request for a grant.
const (
	sendTime  = 45 * time.Second // from its first byte to the last of its answer, whatever becomes of the plugin
	maxAnswer = 1 << 20          // bytes of an answer's body
)

// A journal is the way to the network of one attempt to obtain a grant. It
// notes each request before a byte of it leaves, and each answer before the
// plugin sees it; and it answers from what was noted before it asks a service
// again. It is safe for concurrent use.
type journal struct {
	c    *credential
	next http.RoundTripper

	mu    sync.Mutex // held to change in, and while it is noted
	in    *intent
	alone bool // an answer could not be noted, so that this process alone has it

	sending sync.WaitGroup // requests that the plugin may not live to see answered
}

var _ http.RoundTripper = (*journal)(nil)

// RoundTrip sends a plugin's request, or answers it with what is noted.
func (j *journal) RoundTrip(r *http.Request) (*http.Response, error) {
	if a, err := j.replay(r); a != nil || err != nil {
		closeBody(r)
		return a.response(r), err
	}
	e := j.c.w.h.endpoint(r)
	if err := e.admit(r.Context()); err != nil {
		closeBody(r)
		return nil, err
	}
	s, err := j.begin(r)
	if err != nil {
		e.pass()
		closeBody(r)
		return nil, err
	}
	// The answer is awaited even if the plugin dies meanwhile: it may hold the
	// next refresh token.
	type outcome struct {
		answer *answer
		err    error
	}
	done := make(chan outcome, 1)
	j.sending.Go(func() {
		a, err := j.send(r, s, e)
		done <- outcome{a, err}
	})
	select {
	case o := <-done:
		return o.answer.response(r), o.err
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

// replay returns the answer that was noted for a request; nil if there is none
// and the request may be sent.
func (j *journal) replay(r *http.Request) (*answer, error) {
	want := stepFor(r)
	j.mu.Lock()
	defer j.mu.Unlock()
	open := false
	for _, s := range j.in.Steps {
		if s.used || s.Answer == nil {
			continue
		}
		if s.Method == want.Method && s.URL == want.URL {
			s.used = true
			return s.Answer, nil
		}
		open = open || !s.asks()
	}
	if open && !want.asks() {
		// The plugin does otherwise than when this was answered. What it wants
		// to send may hold what was spent already.
		return nil, sdk.Errorf(sdk.Internal, "the plugin %s sends other requests than in its last attempt, which is unfinished: tell its author", j.c.typ.Program)
	}
	return nil, nil
}

// begin notes a request that is about to be sent. An error means that it must
// not be: another host has taken over, or nothing can be noted.
func (j *journal) begin(r *http.Request) (*step, error) {
	s := stepFor(r)
	j.mu.Lock()
	defer j.mu.Unlock()
	j.in.Steps = append(j.in.Steps, &s)
	if j.in.Spent.IsZero() && !s.asks() {
		j.in.Spent = j.c.w.h.now().UTC()
	}
	if err := j.note(r.Context()); err != nil {
		j.drop(&s)
		return nil, sdk.Errorf(sdk.Unavailable, "nothing was sent, because it could not be noted first: try again").Because(err)
	}
	return &s, nil
}

// note notes the intent as it is.
func (j *journal) note(ctx context.Context) error {
	if len(j.in.Steps) == 0 {
		return j.c.held.note(ctx, nil)
	}
	sealed, err := j.c.sealIntent(ctx, j.in)
	if err != nil {
		return err
	}
	return j.c.held.note(ctx, sealed)
}

// drop takes a step back.
func (j *journal) drop(s *step) {
	kept := j.in.Steps[:0]
	for _, t := range j.in.Steps {
		if t != s {
			kept = append(kept, t)
		}
	}
	j.in.Steps = kept
}

// send sends a request that is noted, and notes its answer. Without an answer
// the step remains as it is, unless nothing had been sent.
func (j *journal) send(r *http.Request, s *step, e *endpoint) (*answer, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), sendTime)
	defer cancel()
	var left atomic.Bool // whether a byte may have
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { left.Store(true) }})
	a, err := fetchAnswer(j.next, r.WithContext(ctx))
	j.mu.Lock()
	defer j.mu.Unlock()
	switch lost := left.Load() && !s.asks(); {
	case errors.Is(err, egress.ErrCertificate): // before it looked at the request; another credential's may be good
		j.drop(s)
		j.note(ctx)
		e.pass()
		return nil, err
	case err != nil && lost:
		e.failed(0, true)
		return nil, err
	case err != nil:
		j.drop(s)
		j.note(ctx) // or it would look lost if this host died now
		e.failed(0, false)
		return nil, err
	}
	e.answered(a)
	s.Answer, s.used = a, true
	j.noteAnswer(ctx)
	return a, nil
}

// noteAnswer notes what was answered. A store that does not take it at once
// must not cost the credential its answer: this host has it, and saves it with
// the grant.
func (j *journal) noteAnswer(ctx context.Context) {
	for wait := 50 * time.Millisecond; ; wait *= 4 {
		err := j.note(ctx)
		j.alone = err != nil
		if err == nil || errors.Is(err, ErrConflict) || errors.Is(err, ErrNotFound) {
			return
		}
		if wait > time.Second || sleep(ctx, wait) != nil {
			j.c.w.h.log.WarnContext(ctx, "the service's answer could not be noted", "workspace", j.c.w.name, "credential", j.c.rec.ID, "err", err)
			return
		}
	}
}

// fetchAnswer sends r and reads the whole answer.
func fetchAnswer(through http.RoundTripper, r *http.Request) (*answer, error) {
	resp, err := through.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	most := int64(maxAnswer)
	if defence.Off(r.Context(), defence.GrantSize) {
		most = 1 << 40
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, most+1))
	switch {
	case err != nil:
		return nil, sdk.Errorf(sdk.Unavailable, "%s broke off its answer", sdk.OriginOf(r.URL)).Because(err)
	case int64(len(body)) > most && resp.StatusCode >= 300: // an error is one at any length
		body = body[:most]
	case int64(len(body)) > most:
		return nil, sdk.Errorf(sdk.Unavailable, "%s answered with more than %d bytes to a request for a grant", sdk.OriginOf(r.URL), most)
	}
	return &answer{Status: resp.StatusCode, Header: resp.Header, Body: body}, nil
}

// response returns the answer as one to r; nil if there is none.
func (a *answer) response(r *http.Request) *http.Response {
	if a == nil {
		return nil
	}
	h := http.Header(a.Header).Clone()
	if r.Method != http.MethodHead { // what was chunked is not any more
		h.Del("Content-Length")
	}
	return &http.Response{
		StatusCode: a.Status, Status: strings.TrimSpace(http.StatusText(a.Status)), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: h, Body: io.NopCloser(bytes.NewReader(a.Body)), ContentLength: int64(len(a.Body)), Request: r,
	}
}

// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/credhost/credhost/internal/defence"
	"github.com/credhost/credhost/sdk"
)

// Client returns a client whose requests carry the credential. It renews the
// grant when it must, repeats a request once whose grant was refused, and
// refuses every address that the credential is not for, redirects included.
// Its answers carry the request as the caller made it, without what was
// attached, and its headers do not repeat it; what a service says of it in a
// body is the service's. The client may be kept, copied and given a Timeout or a
// Jar. What a request may carry besides is said in headers.go.
func (w *Workspace) Client(id string) *http.Client {
	return &http.Client{Transport: transport{w, id, nil}}
}

// Authenticate puts the credential on r, which the caller then sends itself.
// That hands the grant to the caller: prefer [Workspace.Client] where it will
// do. It refuses addresses that the credential is not for, and requests that
// are not what they seem to be; of r's headers it drops those that belong to
// the connection. The caller must not follow redirects with r's headers, and
// should call [Workspace.Refused] when the service does not take the grant.
func (w *Workspace) Authenticate(ctx context.Context, id string, r *http.Request) error {
	untidy, err := w.h.check(r)
	if err != nil {
		w.h.measure.refused(ctx, "form")
		return err
	}
	e, l, err := w.grantFor(ctx, id, r)
	if err != nil {
		return err
	}
	if untidy {
		w.h.tidy(l, r)
	}
	_, err = e.attach(ctx, l, r)
	return err
}

// Refused says that the service did not take the grant that
// [Workspace.Authenticate] put on a request. It obtains another, unless there
// is one already, so that the request can be repeated; once.
func (w *Workspace) Refused(ctx context.Context, id string, resp *http.Response) error {
	e := w.entry(id)
	l := e.live.Load()
	if l == nil || !l.refusedBy(resp.StatusCode) {
		return nil
	}
	_, err := e.again(ctx, l, resp)
	return err
}

// transport sends requests with a credential. It is safe for concurrent use.
type transport struct {
	w      *Workspace
	id     string
	passed *passed // of somebody else's request; nil: it is the caller's own
}

var _ http.RoundTripper = transport{}

// RoundTrip implements [http.RoundTripper].
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if _, err := t.w.h.check(r); err != nil {
		t.w.h.measure.refused(r.Context(), "form")
		closeBody(r)
		return nil, err
	}
	e, l, err := t.w.grantFor(r.Context(), t.id, r)
	if err == nil {
		err = t.passed.fits(r, l)
	}
	if err != nil {
		closeBody(r)
		return nil, err
	}
	body, err := t.w.h.bodyOf(r, l)
	if err != nil {
		closeBody(r)
		return nil, err
	}
	first, err := body.open(r)
	if err != nil {
		return nil, err
	}
	resp, err := t.send(r, e, l, &body, first)
	if err != nil || !l.refusedBy(resp.StatusCode) {
		return resp, err
	}
	return t.repeat(r, e, l, &body, resp)
}

// repeat sends r once more, whose grant resp refused, if there is use in it.
// Otherwise the caller sees the refusal.
func (t transport) repeat(r *http.Request, e *entry, l *live, body *body, resp *http.Response) (*http.Response, error) {
	if !body.again {
		e.renewLater(l, resp)
		return resp, nil
	}
	better, err := e.again(r.Context(), l, resp)
	if err != nil || better == nil || t.w.allows(better.origins, r) != nil || t.passed.fits(r, better) != nil {
		return resp, nil
	}
	content, err := body.open(r)
	if err != nil {
		return resp, nil // too much of it has gone to be sent again
	}
	io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection can be used again
	if r.Body == nil {
		resp.Body.Close()
	} else {
		go resp.Body.Close() // HTTP/2 waits for who reads the body, and they for the caller
	}
	return t.send(r, e, better, body, content)
}

// renewLater obtains a grant that is better than l, though the request that resp
// refused cannot be repeated: the next one has use of it.
func (e *entry) renewLater(l *live, resp *http.Response) {
	n := need{old: l, refusal: refusalOf(resp)}
	e.w.h.background(func() {
		if !e.settled(l) {
			e.fetch(e.w.h.open, n)
		}
	})
}

// send sends r with what l carries, and with content for its body.
func (t transport) send(r *http.Request, e *entry, l *live, body *body, content io.ReadCloser) (*http.Response, error) {
	out := r.Clone(t.w.h.quiet(r.Context()))
	out.Body = content
	out.GetBody = nil // a request is repeated by us or not at all
	if body.held != nil {
		out.ContentLength = int64(len(body.held))
	}
	t.w.h.tidy(l, out)
	l, err := e.attach(r.Context(), l, out)
	if err == nil {
		out, err = t.passed.ready(out, l)
	}
	if err != nil {
		if content != nil {
			content.Close()
		}
		return nil, err
	}
	resp, err := t.w.h.guard.As(l.tls).RoundTrip(out)
	t.w.h.measure.sent(r.Context(), l.typ, resp, err)
	if err == nil {
		err = t.passed.taken(out, resp)
	}
	if err != nil {
		return nil, err
	}
	t.w.h.keepBack(resp, r, l)
	return resp, nil
}

// again obtains a grant that is better than l, which resp refused; nil if
// there is no use in repeating the request.
func (e *entry) again(ctx context.Context, l *live, resp *http.Response) (*live, error) {
	if e.settled(l) {
		return nil, nil
	}
	better, err := e.fetch(ctx, need{old: l, refusal: refusalOf(resp)})
	if err != nil || better.serial == l.serial || better.Sign == 0 && better.same(l) {
		return nil, err
	}
	return better, nil
}

// settled reports whether l is too young to be renewed for a refusal.
func (e *entry) settled(l *live) bool {
	return l.Sign == 0 && e.w.h.now().Sub(l.obtained) < young && !defence.Off(e.w.h.ctx, defence.Settled)
}

// refusalOf returns what a plugin may know of an answer.
func refusalOf(resp *http.Response) *sdk.Refusal {
	r := &sdk.Refusal{Status: resp.StatusCode, Header: http.Header{}}
	for _, name := range []string{"Www-Authenticate", "Authentication-Info", "Retry-After", "Date"} {
		if v := resp.Header.Values(name); v != nil {
			r.Header[name] = slices.Clone(v)
		}
	}
	return r
}

// ReasonElsewhere is the [sdk.Error.Reason] of errors for requests to where the
// credential may not go.
const ReasonElsewhere = "elsewhere"

// allows reports whether a grant for these origins may go where r goes.
func allows(origins []string, r *http.Request) error {
	if r.URL == nil || r.Host != "" && r.Host != r.URL.Host {
		return sdk.Errorf(sdk.Invalid, "the request's Host is not that of its URL")
	}
	for _, o := range origins { // canonical URLs take no allocation
		if rest, ok := strings.CutPrefix(o, r.URL.Scheme); ok && strings.TrimPrefix(rest, "://") == r.URL.Host && rest != r.URL.Host {
			return nil
		}
	}
	if origin := sdk.OriginOf(r.URL); origin == "" || !sdk.MatchOrigin(origins, origin) {
		err := sdk.Errorf(sdk.Invalid, "the credential is not for %s", where(origin))
		err.Reason = ReasonElsewhere
		return err
	}
	return nil
}

func where(origin string) string {
	if origin == "" {
		return "such an address"
	}
	return origin
}

// attach puts l on r, and signs r if l says so. It returns what the answer is to
// repeat nothing of: l, and what r was signed with.
func (e *entry) attach(ctx context.Context, l *live, r *http.Request) (*live, error) {
	l.put(r)
	if l.Sign == 0 {
		return l, nil
	}
	return e.sign(ctx, l, r)
}

func closeBody(r *http.Request) {
	if r.Body != nil {
		r.Body.Close()
	}
}

// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"

	"golang.org/x/net/http/httpguts"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/host/audit"
	"github.com/credhost/credhost/sdk"
)

// An exchange is one request, and its answer.
type exchange struct {
	h      *Handler
	w      http.ResponseWriter
	r      *http.Request
	rc     *http.ResponseController
	target target
	source host.Source

	token            string // the key
	user             string // that was named with it
	ownAuthorization bool   // the caller's Authorization is for the service
	asProtocol       bool   // a page has shown the key as a subprotocol
	caller           access.Caller
	workspace        *host.Workspace
	credential       string
	secured          bool // asked for by http, and sent by https

	ctx  context.Context
	flow *flow
	body *source // nil: there is none

	informing sync.Mutex
	informed  bool // no more
}

// ServeHTTP implements [http.Handler]. The request must be as it came: see [Wants].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{h: h, w: w, r: r, rc: http.NewResponseController(w), source: host.SourceOf(r.Context())}
	if err := x.serve(); err != nil {
		var own *problem
		if r.Context().Err() != nil && !errors.As(err, &own) { // which a deadline of ours ends, too
			panic(http.ErrAbortHandler) // nobody is there to be answered
		}
		x.refuse(x.asProblem(err))
	}
}

// serve answers, or says why not.
func (x *exchange) serve() error {
	if x.h.closed.Load() {
		x.w.Header().Set("Connection", "close")
		return errShut
	}
	target, wrong := parseTarget(x.r)
	x.target = target
	if x.isPreflight() {
		return x.preflight()
	}
	if err := x.identify(); err != nil {
		return err
	}
	if x.r.Method == http.MethodConnect {
		return errConnect()
	}
	if wrong != nil {
		return wrong
	}
	if err := x.enter(); err != nil {
		return err
	}
	if err := x.choice(); err != nil {
		return err
	}
	var err error
	if x.secured, err = x.choose(x.ctx, x.r.Header["Credhost-Scheme"]); err != nil {
		return err
	}
	out, err := x.outgoing()
	if err == nil {
		err = x.caller.PermitsRequest(x.credential, out)
	}
	if err != nil {
		x.note(err)
		return err
	}
	key, credential := holder{id: x.caller.Key}, holder{x.workspace.Name(), x.credential}
	if err := x.h.gate.enter(x.ctx, key, credential); err != nil {
		return err
	}
	defer x.h.gate.leave(key, credential)
	return x.forward(out)
}

// outgoing returns the request that is sent in the caller's place.
func (x *exchange) outgoing() (*http.Request, error) {
	u, err := x.target.url(x.r.Method)
	if err != nil {
		return nil, err
	}
	if strings.Contains(u.RawQuery, x.token) {
		return nil, malformed("the query has the key in it, which is for this host alone: leave it out")
	}
	if err := x.announces(); err != nil {
		return nil, err
	}
	out := x.r.WithContext(x.ctx)
	out.URL, out.Host, out.RequestURI = u, "", ""
	out.Header = x.header()
	out.Close, out.Body, out.GetBody = false, nil, nil
	out.Form, out.PostForm, out.MultipartForm = nil, nil, nil
	return out, nil
}

// forward sends out, and passes the answer back.
func (x *exchange) forward(out *http.Request) error {
	ctx, cancel := context.WithCancelCause(x.ctx)
	x.flow = x.h.watch.begin(x, cancel)
	defer x.h.watch.over(x.flow)
	out = out.WithContext(ctx)
	if x.r.ContentLength != 0 && x.r.Body != nil && x.r.Body != http.NoBody {
		x.body = &source{x: x, body: x.r.Body, max: x.h.cfg.Limits.Repeat}
		out.GetBody = x.body.view
		out.Body, _ = x.body.view()
		defer x.body.end()
	}
	resp, err := x.workspace.Forward(x.credential, out, host.Forwarding{Informed: x.inform})
	x.informing.Lock()
	x.informed = true
	x.informing.Unlock()
	if err != nil {
		err = x.cause(ctx, err)
		x.note(err)
		return err
	}
	x.note(nil)
	x.flow.move()
	x.flow.answered.Store(true)
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return x.tunnel(ctx, resp)
	}
	defer resp.Body.Close()
	defer x.body.end() // or HTTP/2 would wait for more of the request, which nobody needs
	x.answer(resp)
	return nil
}

// cause returns why the proxy itself has ended an exchange, or else err.
func (x *exchange) cause(ctx context.Context, err error) error {
	var p *problem
	if errors.As(context.Cause(ctx), &p) {
		return p
	}
	if x.r.Context().Err() != nil {
		return x.r.Context().Err()
	}
	return err
}

// bodyError marks an error as one of the caller's body.
func (x *exchange) bodyError(err error) error {
	return malformed("the body of the request broke off, or is not what its header says").because(err)
}

// note has a use recorded.
func (x *exchange) note(err error) {
	if x.h.cfg.Audit == nil {
		return
	}
	use := audit.Use{Workspace: x.workspace.Name(), Credential: x.credential, Origin: x.target.origin(), Outcome: "ok"}
	var e *sdk.Error
	var p *problem
	switch {
	case err == nil:
	case errors.Is(err, host.ErrNotFound):
		use.Outcome = "not found"
	case errors.As(err, &p):
		use.Outcome = p.Code
	case errors.As(err, &e):
		use.Outcome = e.Code.Error()
	default:
		use.Outcome = "error"
	}
	x.h.cfg.Audit.Use(x.ctx, use)
}

// inform passes on an answer that announces another one.
func (x *exchange) inform(status int, h http.Header) {
	x.informing.Lock()
	defer x.informing.Unlock()
	if x.informed || x.r.ProtoMajor == 1 && x.r.ProtoMinor == 0 { // RFC 9110, section 15.2
		return
	}
	own := x.w.Header()
	before := maps.Clone(own)
	x.pass(own, h)
	x.w.WriteHeader(status)
	clear(own)
	maps.Copy(own, before)
}

// answer passes the service's answer on, as it comes. If it breaks off, so does
// ours: half an answer must not pass for the whole.
func (x *exchange) answer(resp *http.Response) {
	h := x.w.Header()
	x.body.duplex()
	x.answerHeader(h, resp.Header)
	announced := len(resp.Trailer)
	for name := range resp.Trailer {
		if isTrailer(name) {
			h.Add("Trailer", name)
		}
	}
	x.w.WriteHeader(resp.StatusCode)
	if err := x.copyBody(resp); err != nil {
		panic(http.ErrAbortHandler)
	}
	if len(resp.Trailer) == 0 {
		return
	}
	x.rc.Flush() // so that even an empty body has chunks, and a trailer after them
	for name, values := range resp.Trailer {
		switch {
		case !isTrailer(name):
		case len(resp.Trailer) == announced:
			h[name] = values
		default:
			h[http.TrailerPrefix+name] = values
		}
	}
}

// isTrailer reports whether a service's trailer is passed on.
func isTrailer(name string) bool {
	f := fold(name)
	return httpguts.ValidTrailerHeader(name) && answered[f] == 0 && !strings.HasPrefix(f, "Credhost-") && !strings.HasPrefix(f, "Access-Control-") && f != "Set-Cookie" && f != "Location"
}

// late is the length from which on an answer's head does not wait for its body.
const late = 1 << 20

// copyBody passes a body on, each piece as soon as it is there.
func (x *exchange) copyBody(resp *http.Response) error {
	left := resp.ContentLength
	if left == 0 || resp.Body == http.NoBody || x.r.Method == http.MethodHead {
		return nil
	}
	if left < 0 || left > late {
		x.rc.Flush()
	}
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	for {
		n, err := resp.Body.Read(*buf)
		if n > 0 {
			x.flow.move()
			if _, err := x.w.Write((*buf)[:n]); err != nil {
				return err
			}
			x.flow.move()
			if left -= int64(n); left != 0 {
				x.rc.Flush()
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/sdk"
)

// A problem is a refusal or a failure of the proxy (RFC 9457), in the shape that
// those of the API have. It holds nothing that was sent.
type problem struct {
	Type    string  `json:"type"`
	Title   string  `json:"title"`
	Status  int     `json:"status"`
	Detail  string  `json:"detail"`
	Code    string  `json:"code"`
	Request string  `json:"request,omitempty"`
	Errors  []fault `json:"errors,omitempty"`

	header http.Header // of its own
	cause  error
}

// A fault is one thing that is wrong with a credential's answers.
type fault struct {
	Field  string `json:"field"`
	Reason string `json:"reason"`
	Detail string `json:"detail"`
}

// Error returns the detail.
func (p *problem) Error() string { return p.Detail }

// problems are the types of problems, by the last part of their URN. Where the
// API has one of that name, it is the same.
var problems = map[string]struct {
	status int
	code   sdk.Code
	title  string
}{
	"malformed":   {400, sdk.Invalid, "The request cannot be read"},
	"invalid":     {400, sdk.Invalid, "The request cannot be sent"},
	"key":         {401, sdk.Denied, "A valid key is needed"},
	"forbidden":   {403, sdk.Forbidden, "A permission lacks"},
	"origin":      {403, sdk.Forbidden, "Pages of this origin may not call"},
	"elsewhere":   {403, sdk.Invalid, "The credential is not for this address"},
	"not-found":   {404, sdk.Invalid, "There is no such thing"},
	"method":      {405, sdk.Invalid, "This cannot be done here"},
	"slow":        {408, sdk.Invalid, "The request came too slowly"},
	"denied":      {409, sdk.Denied, "The service does not take the credential"},
	"rate":        {429, sdk.Unavailable, "Too many requests"},
	"internal":    {500, sdk.Internal, "Something went wrong on our side"},
	"unreachable": {502, sdk.Unavailable, "The service cannot be reached"},
	"unavailable": {503, sdk.Unavailable, "It cannot be done now"},
	"full":        {503, sdk.Unavailable, "Too much at once"},
	"late":        {504, sdk.Unavailable, "The service did not answer in time"},
}

// Unwrap returns the cause, which is not said.
func (p *problem) Unwrap() error { return p.cause }

// because returns a copy of p with a cause.
func (p *problem) because(err error) *problem {
	c := *p
	c.cause = err
	return &c
}

// fail returns a problem of a type.
func fail(kind, detail string) *problem {
	of := problems[kind]
	return &problem{Type: "urn:credhost:problem:" + kind, Title: of.title, Status: of.status, Detail: detail, Code: of.code.Error()}
}

func malformed(detail string) *problem { return fail("malformed", detail) }

// with returns a copy of p with a header.
func (p *problem) with(name, value string) *problem {
	c := *p
	c.header = maps.Clone(p.header)
	if c.header == nil {
		c.header = http.Header{}
	}
	c.header.Set(name, value)
	return &c
}

// after returns a copy of p that says when to try again.
func (p *problem) after(d time.Duration) *problem {
	return p.with("Retry-After", strconv.FormatInt(int64((max(d, time.Second)+time.Second-1)/time.Second), 10))
}

// errNotFound is for all that does not exist for a caller, whatever the reason.
var errNotFound = fail("not-found", "there is no such credential that this key may see: check the ID, and the workspace")

// unauthorized is for who shows no key, or one that is none.
func (x *exchange) unauthorized(detail string) *problem {
	p := fail("key", detail)
	if x.target.byPath {
		return p.with("Www-Authenticate", `Bearer realm="credhost"`)
	}
	p.Status = http.StatusProxyAuthRequired
	return p.with("Proxy-Authenticate", `Basic realm="credhost", charset="UTF-8"`)
}

// asProblem says what an error means to the caller.
func (x *exchange) asProblem(err error) *problem {
	var p *problem
	var e *sdk.Error
	switch {
	case errors.As(err, &p):
		return p
	case errors.Is(err, host.ErrNotFound):
		return errNotFound
	case errors.As(err, &e):
		return x.ofSDK(e)
	case errors.Is(err, context.DeadlineExceeded):
		return fail("late", "it took too long: try again").after(0)
	}
	if x.r.Context().Err() == nil {
		x.h.log.LogAttrs(x.r.Context(), slog.LevelError, "proxied request failed", slog.String("request", x.source.Request), slog.String("err", plainError(err)))
	}
	return fail("internal", "something went wrong on our side: try again later, or give the request's ID to who runs this host")
}

// plainError returns an error's text without the URL that net/http puts before
// it.
func plainError(err error) string {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return err.Error()
}

// ofSDK is asProblem for the errors of the host and of plugins.
func (x *exchange) ofSDK(e *sdk.Error) *problem {
	p := fail("internal", e.Error())
	var timeout interface{ Timeout() bool }
	switch e.Code {
	case sdk.Invalid:
		p = fail("invalid", e.Error())
		if e.Reason == host.ReasonElsewhere {
			p = fail("elsewhere", e.Error()+": it goes only where its answers say")
		}
	case sdk.Denied:
		p = fail("denied", e.Error())
	case sdk.Forbidden:
		p = fail("forbidden", e.Error())
	case sdk.Unavailable:
		switch {
		case e.Reason == access.ReasonRate:
			p = fail("rate", e.Error()).after(e.RetryAfter)
		case e.RetryAfter > 0:
			p = fail("unavailable", e.Error()).after(e.RetryAfter)
		case errors.Is(e, context.DeadlineExceeded), errors.As(e.Err, &timeout) && timeout.Timeout():
			p = fail("late", e.Error()).after(0)
		default:
			p = fail("unreachable", e.Error()).after(0)
		}
	}
	if e.Field != "" {
		p.Errors = []fault{{e.Field, e.Reason, e.Message}}
		if e.Reason == "" {
			p.Errors[0].Reason = e.Code.Error()
		}
	}
	return p
}

// refuse answers with a problem.
func (x *exchange) refuse(p *problem) {
	h := x.w.Header()
	maps.Copy(h, p.header)
	h.Set("Credhost-Error", p.Code)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	x.allowPage(h)
	if isGRPC(x.r.Header) {
		x.refuseGRPC(p)
		return
	}
	c := *p
	c.Request = x.source.Request
	body, err := json.Marshal(c)
	if err != nil {
		panic(err) // it is made of strings and numbers
	}
	h.Set("Content-Type", "application/problem+json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	x.w.WriteHeader(p.Status)
	if x.r.Method != http.MethodHead {
		x.w.Write(body)
	}
}

func isGRPC(h http.Header) bool {
	t := h["Content-Type"]
	return len(t) == 1 && strings.HasPrefix(t[0], "application/grpc")
}

// grpcCodes are what a gRPC client knows of the codes of this module.
var grpcCodes = map[string]string{
	"invalid": "9", "denied": "16", "forbidden": "7", "unavailable": "14", "internal": "13",
}

// refuseGRPC answers as gRPC does: a status in the head, and nothing after it.
// Its clients show nothing of a problem document.
func (x *exchange) refuseGRPC(p *problem) {
	h := x.w.Header()
	h.Set("Content-Type", "application/grpc")
	h.Set("Grpc-Status", grpcCodes[p.Code])
	h.Set("Grpc-Message", url.PathEscape(p.Detail))
	x.w.WriteHeader(http.StatusOK)
}

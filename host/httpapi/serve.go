// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"path"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/credhost/credhost/host"
)

// An endpoint is a path, and what can be done there.
type endpoint struct {
	s       *server
	methods map[string]*route
}

// A route is one method of an endpoint.
type route struct {
	operation
	op     *huma.Operation
	handle func(huma.Context)
}

// allow is the header Allow of an endpoint (RFC 9110, section 10.2.1).
func (e *endpoint) allow() string {
	all := []string{http.MethodOptions}
	for method := range e.methods {
		all = append(all, method)
		if method == http.MethodGet {
			all = append(all, http.MethodHead)
		}
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// ServeHTTP routes a request that the mux has found the path of.
func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	to := e.methods[method]
	switch {
	case to != nil:
		e.s.do(to, w, r)
	case method == http.MethodOptions:
		w.Header().Set("Allow", e.allow())
		w.WriteHeader(http.StatusNoContent)
	default:
		fail("method", "this takes "+e.allow()).with("Allow", e.allow()).write(w, r)
	}
}

// requestHeader is where a request's ID stands, in the answer too.
const requestHeader = "Credhost-Request"

// requestID returns the ID of the request that a context belongs to.
func requestID(ctx context.Context) string { return host.SourceOf(ctx).Request }

// ServeHTTP implements [http.Handler].
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	from := host.SourceOf(r.Context())
	if from.Request == "" { // whoever took the request in has given it none
		from.Request = strings.ToLower(rand.Text())
		r = r.WithContext(host.WithSource(r.Context(), from))
	}
	h := w.Header()
	h.Set(requestHeader, from.Request)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	defer s.recovered(w, r)
	if s.crossOrigin(w, r) {
		return
	}
	// The mux would send those who write a path otherwise on to another one.
	if p := r.URL.Path; p != path.Clean(p) || r.URL.RawPath != "" {
		notFound().write(w, r)
		return
	}
	if _, pattern := s.mux.Handler(r); pattern == "" {
		notFound().write(w, r)
		return
	}
	s.mux.ServeHTTP(w, r)
}

// recovered answers a request in which this package has made a mistake.
func (s *server) recovered(w http.ResponseWriter, r *http.Request) {
	v := recover()
	if v == nil {
		return
	}
	if v == http.ErrAbortHandler {
		panic(v)
	}
	s.log.LogAttrs(r.Context(), slog.LevelError, "request panicked", slog.String("request", requestID(r.Context())), slog.String("stack", string(debug.Stack())))
	fail("internal", "something went wrong on our side: give the request's ID to who runs this host").write(w, r)
}

// do answers a request to a route, after all that can be wrong with it whatever
// it is about.
func (s *server) do(to *route, w http.ResponseWriter, r *http.Request) {
	r, f := s.admit(to, w, r)
	if f == nil && to.offered(r) == "" {
		f = fail("not-acceptable", "this can be had as "+strings.Join(to.offers(), ", "))
	}
	if f == nil {
		f = s.readBody(to, w, r)
	}
	if f != nil {
		f.write(w, r)
		return
	}
	ctx, cancel := to.limited(r.Context())
	defer cancel()
	if to.kept {
		w.Header().Set("Cache-Control", "private, no-cache")
	}
	r = r.WithContext(context.WithValue(ctx, asked{}, r))
	if key := r.Header.Get(onceHeader); to.operation.once && key != "" {
		s.doOnce(to, key, w, r)
		return
	}
	to.handle(humago.NewContext(to.op, r, w))
}

// limited returns the context of a request that may take only so long.
func (o operation) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	switch {
	case o.patience < 0:
		return ctx, func() {}
	case o.patience > 0:
		return context.WithTimeout(ctx, o.patience)
	}
	return context.WithTimeout(ctx, 30*time.Second)
}

// asked is the key of a context's request, for handlers that want more of it
// than their input has.
type asked struct{}

func requestOf(ctx context.Context) *http.Request {
	r, _ := ctx.Value(asked{}).(*http.Request)
	return r
}

// joined is a header whose lines are one list.
func joined(lines []string) string { return strings.Join(lines, ", ") }

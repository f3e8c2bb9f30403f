// SPDX-License-Identifier: Apache-2.0

package front

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"runtime/debug"
	"strings"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/credhost/credhost/host"
)

// RequestHeader is the header of an answer that has the request's ID, and of a
// request through a trusted proxy that has given it one.
const RequestHeader = "Credhost-Request"

// Rules say how requests are received. They may change while a server serves.
type Rules struct {
	Trust Trust
	Names Names

	// Secure says that callers speak TLS, with this server or with the proxy in
	// front of it. Their browsers are told never to do without again.
	Secure bool

	// Quiet has requests not be logged.
	Quiet bool
}

// Receive returns a handler that knows where requests come from, refuses those
// that call the server by a name that is not its own, gives each an ID, and
// logs it when it is answered. Rules are asked for each request. Who calls is
// then in the context, as [host.Source].
//
// The log has no query, no header, and of proxied requests no path: all of them
// may hold secrets of the caller or of the service.
func (s *Server) Receive(rules func() Rules, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.active.Add(1)
		defer s.active.Add(-1)
		began, rule := time.Now(), rules()
		from := rule.Trust.source(r)
		id := rule.Trust.requestID(r)
		ctx, cancel := context.WithCancel(host.WithSource(r.Context(), host.Source{Address: addressText(from), Request: id}))
		defer cancel()
		r = r.WithContext(ctx)
		rec := &recorder{ResponseWriter: w, server: s, end: cancel, events: strings.HasPrefix(r.URL.Path, "/v1/")}
		defer rec.forget()
		defer func() {
			what := recover()
			if what != nil && what != http.ErrAbortHandler {
				s.log.ErrorContext(ctx, "a handler has panicked", "request", id, "stack", string(debug.Stack()))
			}
			if !rule.Quiet {
				s.note(ctx, r, rec, what != nil, began)
			}
			if what != nil {
				panic(http.ErrAbortHandler) // the answer is not whole
			}
		}()
		rec.Header().Set(RequestHeader, id)
		if rule.Secure {
			rec.Header().Set("Strict-Transport-Security", "max-age=31536000")
		}
		if !Proxied(r) && !anybodys(r.URL.Path) && !rule.Names.allow(r) {
			Refuse(rec, r, http.StatusMisdirectedRequest, "invalid", "this server is not called that: an operator can allow the name with --host or --public-url")
			return
		}
		h.ServeHTTP(rec, r.WithContext(context.WithValue(ctx, recorderKey{}, rec)))
	})
}

// Proxied reports whether a request is one to a forward proxy: in absolute
// form, or CONNECT (RFC 9112, section 3.2). Its host is the service's.
func Proxied(r *http.Request) bool { return r.Method == http.MethodConnect || r.URL.IsAbs() }

// anybodys reports whether who asks for a path need not know the server's name:
// what looks after it calls it by whatever address it has, and learns nothing.
func anybodys(path string) bool { return path == "/v1/health" || path == "/v1/ready" }

func addressText(a netip.Addr) string {
	if !a.IsValid() {
		return "local"
	}
	return a.String()
}

// knownID is how IDs may look that others have given.
var knownID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{7,63}$`)

// requestID returns the ID of a request: a trusted proxy's, or a new one. What a
// caller says would let it take the ID of another's request.
func (t Trust) requestID(r *http.Request) string {
	if _, trusted := t.peer(r); trusted {
		for _, name := range []string{RequestHeader, "X-Request-Id"} {
			if id := r.Header.Get(name); knownID.MatchString(id) {
				return id
			}
		}
	}
	return "r-" + strings.ToLower(rand.Text())
}

// note logs a request that was answered, or was not.
func (s *Server) note(ctx context.Context, r *http.Request, rec *recorder, broken bool, began time.Time) {
	from := host.SourceOf(ctx)
	args := []any{"method", r.Method, "path", Shown(r), "status", rec.status(), "bytes", rec.bytes,
		"duration", time.Since(began).Round(time.Microsecond), "address", from.Address, "request", from.Request}
	if rec.span.IsValid() {
		args = append(args, "trace", rec.span.TraceID().String())
	}
	if broken {
		args = append(args, "broken", true)
	}
	s.log.InfoContext(ctx, "request", args...)
}

// Shown returns what may be shown of where a request goes: of a proxied one, the
// service and no path; of a link that begins a visit to a provider, all but its
// secret; and no key that somebody has put into a path.
func Shown(r *http.Request) string {
	switch {
	case r.Method == http.MethodConnect:
		return r.Host
	case r.URL.IsAbs():
		return r.URL.Scheme + "://" + r.URL.Host
	}
	path := r.URL.EscapedPath()
	if parts := strings.SplitN(path, "/", 6); len(parts) > 4 && (parts[1] == "proxy" || parts[1] == "connect" && parts[2] == "start") {
		path = strings.Join(parts[:5], "/")
	}
	return tokens.ReplaceAllString(path, "[secret]")
}

// tokens are what somebody has put into a path who takes a key for its ID, or a
// link's secret for a part of the address: see package access.
var tokens = regexp.MustCompile(`ch[kdsl]_[A-Za-z0-9_.-]{8,}`)

// Traced tells the request's line in the log of the span that it is served in.
func Traced(ctx context.Context) {
	if rec, ok := ctx.Value(recorderKey{}).(*recorder); ok {
		rec.span = trace.SpanContextFromContext(ctx)
	}
}

type recorderKey struct{}

// A recorder remembers what was answered, and what is under way.
type recorder struct {
	http.ResponseWriter
	server *Server
	end    context.CancelFunc
	events bool // a stream of events would be our own, and its reader goes on elsewhere
	code   int
	bytes  int64
	span   trace.SpanContext
	taken  net.Conn
}

// WriteHeader implements [http.ResponseWriter].
func (rec *recorder) WriteHeader(code int) {
	if rec.code == 0 && code >= 200 {
		rec.code = code
		if rec.events && strings.HasPrefix(rec.Header().Get("Content-Type"), "text/event-stream") {
			rec.server.tell(rec)
		}
	}
	rec.ResponseWriter.WriteHeader(code)
}

// Write implements [http.ResponseWriter].
func (rec *recorder) Write(p []byte) (int, error) {
	if rec.code == 0 {
		rec.WriteHeader(http.StatusOK)
	}
	n, err := rec.ResponseWriter.Write(p)
	rec.bytes += int64(n)
	return n, err
}

// Flush implements [http.Flusher].
func (rec *recorder) Flush() {
	if rec.code == 0 {
		rec.WriteHeader(http.StatusOK)
	}
	http.NewResponseController(rec.ResponseWriter).Flush()
}

// Hijack implements [http.Hijacker]. The server closes the connection in the
// end, if nobody has by then.
func (rec *recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, rw, err := http.NewResponseController(rec.ResponseWriter).Hijack()
	if err == nil {
		rec.code, rec.taken = http.StatusSwitchingProtocols, c
		rec.server.mu.Lock()
		rec.server.taken[c] = true
		rec.server.mu.Unlock()
	}
	return c, rw, err
}

// Unwrap is for [http.ResponseController].
func (rec *recorder) Unwrap() http.ResponseWriter { return rec.ResponseWriter }

func (rec *recorder) status() int {
	if rec.code == 0 {
		return http.StatusOK
	}
	return rec.code
}

// forget ends the server's interest in a request.
func (rec *recorder) forget() {
	rec.server.mu.Lock()
	defer rec.server.mu.Unlock()
	delete(rec.server.told, rec)
	delete(rec.server.taken, rec.taken)
}

// tell has a stream of events end as soon as the server drains.
func (s *Server) tell(rec *recorder) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining.Load() {
		rec.end()
	}
	s.told[rec] = rec.end
}

// Refuse answers with a problem document (RFC 9457) of a code that sdk has.
func Refuse(w http.ResponseWriter, r *http.Request, status int, code, detail string) {
	from := host.SourceOf(r.Context())
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	h.Set("Credhost-Error", code)
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"type": "about:blank", "title": http.StatusText(status), "status": status,
		"code": code, "detail": detail, "request": from.Request})
}

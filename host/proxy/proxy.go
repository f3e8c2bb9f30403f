// SPDX-License-Identifier: Apache-2.0

// Package proxy sends its callers' requests with their credentials, so that no
// caller sees one. A caller shows a key, and says which credential to use, in one
// of two ways:
//
//	GET /proxy/{credential}/{scheme}/{host}/{path…}         Authorization: Bearer KEY
//	GET http://{host}/{path…}                               through HTTP_PROXY=http://CREDENTIAL:KEY@…
//
// In the first, the path mode, the address of the service stands in the path. A
// caller whose own Authorization is for the service shows its key in the header
// Credhost-Key. In the second, the proxy is one as HTTP has it (RFC 9110, section
// 3.7): the key is the password of Proxy-Authorization, or a Bearer, and the
// credential its user, or the header Credhost-Credential. A proxy cannot add to
// what is encrypted between two others, so CONNECT is refused: the caller asks for
// http://, and the proxy speaks TLS with the service, if the credential is for
// https:// there, or if Credhost-Scheme says https. A page's WebSocket, which has no
// headers, shows a derived key as a subprotocol in path mode: see pagesocket.go.
//
// Whoever has a key of the host itself names the workspace in the header
// Credhost-Workspace.
//
// The method, the path, the query and the body are sent as they came. What is
// between the caller and the proxy stays there: fields of the connection, the key,
// the Credhost fields, and what names those who passed a request on (Forwarded,
// X-Forwarded-*, X-Real-Ip, Via). Answers come back as they were sent; headers.go
// says what is kept back, and what a browser must not take for ours. Redirects
// are passed back, not followed.
//
// An error of the proxy is a problem document (RFC 9457), and marked by the header
// Credhost-Error, which no service can send.
//
// Read this file first; then target.go, forward.go, gate.go and watch.go.
package proxy

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/host/audit"
	"github.com/credhost/credhost/sdk"
)

// Config says what a [Handler] is made of. Host and Access are required; the zero
// value of everything else works.
type Config struct {
	Host   *host.Host
	Access *access.Access
	Audit  *audit.Trail // counts uses; nil: they are not recorded

	// Origins are those of pages, such as "https://app.example", whose scripts may
	// call in path mode from a browser (CORS). They need a key, as everybody does.
	// None is a pattern.
	Origins []string

	Limits Limits

	Logger *slog.Logger // slog.Default() if nil; never told a secret
}

// Limits bound what callers, and slow services, can hold. Zero values have
// defaults.
type Limits struct {
	Active        int           // requests that are worked on at once; zero: 4096
	PerKey        int           // of those, with one key and what is derived of it; zero: a quarter
	PerCredential int           // of those, with one credential; zero: a quarter
	Queue         int           // requests that wait for their turn; zero: a quarter of Active
	Wait          time.Duration // for how long at most, while the queue empties now and then; zero: 100 ms

	// Idle is how long nothing may come from either end once the service has
	// answered, or while it takes the request; zero: 5 min. BodyIdle is how long a
	// caller may let it wait for the next part of a request's body; zero: 30 s.
	Idle     time.Duration
	BodyIdle time.Duration

	// Repeat is how many bytes of a request's body are remembered until the service
	// has answered, so that it can be sent once more if the service refuses the
	// grant; zero: 64 KiB; negative: none.
	Repeat int

	// Recheck is how often it is looked at whether the key of a request that takes
	// long, or of a WebSocket, has ended, or its credential; zero: 15 s.
	Recheck time.Duration
}

func (l Limits) withDefaults() Limits {
	setDefault(&l.Active, 4096)
	setDefault(&l.PerKey, max(1, l.Active/4))
	setDefault(&l.PerCredential, max(1, l.Active/4))
	setDefault(&l.Queue, max(1, l.Active/4))
	setDefault(&l.Wait, 100*time.Millisecond)
	setDefault(&l.Idle, 5*time.Minute)
	setDefault(&l.BodyIdle, 30*time.Second)
	setDefault(&l.Repeat, 64<<10)
	setDefault(&l.Recheck, 15*time.Second)
	l.Repeat = max(0, l.Repeat)
	return l
}

func setDefault[T int | time.Duration](v *T, def T) {
	if *v == 0 {
		*v = def
	}
}

// A Handler is the proxy. It is safe for concurrent use.
type Handler struct {
	cfg     Config
	origins map[string]bool // of pages
	log     *slog.Logger
	gate    *gate
	watch   *watch
	closed  atomic.Bool
}

var _ http.Handler = (*Handler)(nil)

// New returns the proxy to a host. The caller must Close it before the host.
func New(cfg Config) (*Handler, error) {
	if cfg.Host == nil || cfg.Access == nil {
		return nil, errors.New("proxy: Config needs a Host and an Access")
	}
	h := &Handler{cfg: cfg, origins: map[string]bool{}, log: cfg.Logger}
	for _, o := range cfg.Origins {
		if sdk.Origin(o) != o || !isHTTP(o) {
			return nil, errors.New("proxy: the origin of a page must be one such as https://app.example, with nothing after it, and no star (proxy.Config.Origins)")
		}
		h.origins[o] = true
	}
	if h.log == nil {
		h.log = slog.Default()
	}
	h.cfg.Limits = cfg.Limits.withDefaults()
	h.gate = newGate(h.cfg.Limits)
	h.watch = newWatch(h.cfg.Limits)
	return h, nil
}

func isHTTP(origin string) bool {
	return strings.HasPrefix(origin, "https://") || strings.HasPrefix(origin, "http://")
}

// Close refuses what comes from now on, and ends WebSockets, which nobody else
// would: a server's Shutdown waits for other requests, and not for those.
func (h *Handler) Close() error {
	h.closed.Store(true)
	h.watch.close()
	return nil
}

// Wants reports whether a request is for the proxy: one in path mode, or one as
// clients send it to a proxy. It must reach [Handler.ServeHTTP] as it came: an
// [http.ServeMux] cleans paths, and answers those that it would clean with a
// redirect.
func Wants(r *http.Request) bool {
	return r.Method == http.MethodConnect || strings.HasPrefix(r.RequestURI, pathPrefix) || isAbsolute(r.RequestURI)
}

// Tune gives a server what a proxy needs of it, where it says nothing else: a
// time for heads but none for bodies, which the proxy looks after itself; and
// HTTP/2, with TLS and without.
func Tune(s *http.Server) {
	setDefault(&s.ReadHeaderTimeout, 10*time.Second)
	setDefault(&s.IdleTimeout, 2*time.Minute)
	setDefault(&s.MaxHeaderBytes, 64<<10)
	if s.Protocols == nil {
		s.Protocols = new(http.Protocols)
		s.Protocols.SetHTTP1(true)
		s.Protocols.SetHTTP2(true)
		s.Protocols.SetUnencryptedHTTP2(true)
	}
	if s.HTTP2 == nil {
		s.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: 1000, SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second}
	}
}

// Stats is what the proxy has to do.
type Stats struct {
	Active  int    // requests that are worked on
	Waiting int    // those that wait for their turn
	Refused uint64 // how many found no place, since the handler was made
}

// Stats returns what there is to do at the moment.
func (h *Handler) Stats() Stats { return h.gate.stats() }

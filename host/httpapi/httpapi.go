// SPDX-License-Identifier: Apache-2.0

// Package httpapi offers a host over HTTP, to engines in any language: JSON
// under /v1, with an OpenAPI 3.1 document that is made of the handlers.
//
//	api, err := httpapi.New(httpapi.Config{Host: h, Access: a, Audit: trail, Events: ev})
//	mux.Handle("/v1/", api)
//
// Read this file first, then operation.go, which says what an operation is, and
// serve.go, which has the way of a request: route, caller, body, handler. What
// the operations do is in the files that are named after what they are about.
//
// # Promises
//
// No answer holds a secret, but where an operation says so. No error repeats
// what was sent, or what a service said. What is another workspace's, or beyond
// a key's limits, does not exist. What changes something says for which version.
// Everything that an operation takes and answers is in the document.
package httpapi

import (
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/host/audit"
	"github.com/credhost/credhost/host/connectflow"
	"github.com/credhost/credhost/host/events"
)

// Config says what a [Handler] is made of. Host and Access are required.
type Config struct {
	Host   *host.Host
	Access *access.Access

	// Audit is the trail that callers may read, and that records what the host
	// does not know of: programs that were trusted, say. Nil: there is none.
	Audit *audit.Trail

	// Events are what callers may follow. Nil: there are none.
	Events *events.Events

	// Connect begins visits to providers. Nil: nothing can be connected.
	Connect *connectflow.Flows

	// Origins are those of pages that may call with a key, such as
	// "https://app.example": exactly these. Nil: none may (Fetch, section 3.2).
	Origins []string

	// Page is the origin of the host's own page, whose script may call with the
	// session of who has signed in. Empty: it may not.
	Page string

	// Draining reports whether the host is about to stop: then it is not ready.
	// Nil: it never is.
	Draining func() bool

	// MaxBody is the largest body of a request, in bytes. Zero: 1 MiB.
	MaxBody int64

	Version string       // of the program, for those who ask; may be empty
	Logger  *slog.Logger // slog.Default() if nil; never told a secret
}

// A Handler answers requests to paths that begin with /v1/. It is safe for
// concurrent use.
type Handler struct{ s *server }

// server is what all operations share.
type server struct {
	cfg    Config
	h      *host.Host
	access *access.Access
	log    *slog.Logger

	api    *api
	mux    *http.ServeMux
	routes map[string]*endpoint // by path

	once *host.Shelf // what requests with an idempotency key have come to

	document, documentYAML *representation
}

// New returns a handler. It reads nothing from the store.
func New(cfg Config) (*Handler, error) {
	if cfg.Host == nil || cfg.Access == nil {
		return nil, errors.New("httpapi: Config needs a Host and an Access")
	}
	for _, origin := range append([]string{}, cfg.Origins...) {
		if u, err := url.Parse(origin); err != nil || u.Scheme+"://"+u.Host != origin || strings.Contains(origin, "*") {
			return nil, errors.New("httpapi: Config.Origins must be exact origins, such as https://app.example")
		}
	}
	if cfg.MaxBody == 0 {
		cfg.MaxBody = 1 << 20
	}
	s := newServer(cfg)
	s.h, s.access, s.once = cfg.Host, cfg.Access, cfg.Host.Shelf(kindOnce)
	return &Handler{s}, nil
}

// newServer returns a server whose operations are registered. Without a host
// it is good for its document alone.
func newServer(cfg Config) *server {
	s := &server{cfg: cfg, log: cfg.Logger, mux: http.NewServeMux(), routes: map[string]*endpoint{}}
	if s.log == nil {
		s.log = slog.Default()
	}
	s.api = newAPI(s)
	s.register()
	s.finish()
	return s
}

// register registers all operations, in the order in which the document has
// them.
func (s *server) register() {
	s.registerHealth()
	s.registerTypes()
	s.registerCredentials()
	s.registerDoings()
	s.registerConnecting()
	s.registerApplications()
	s.registerKeys()
	s.registerPeople()
	s.registerWorkspaces()
	s.registerPlugins()
	s.registerEvents()
	s.registerWebhooks()
	s.registerAudit()
	s.registerDocument()
}

// ServeHTTP implements [http.Handler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.s.ServeHTTP(w, r) }

// Close ends nothing: requests that are under way go on.
func (h *Handler) Close() error { return nil }

// Document returns the OpenAPI 3.1 document of the API, as JSON: the same for
// every host of this version.
func Document() []byte {
	return newServer(Config{}).document.body
}

var _ huma.API = (*api)(nil)

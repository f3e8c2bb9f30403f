// SPDX-License-Identifier: Apache-2.0

// Package web is the page on which people see to their credentials: they sign
// in, choose a type, fill in its form, connect, test, edit, revoke and delete,
// and, if they may, make keys and look after plugins.
//
//	pages, err := web.New(web.Config{Host: h, Access: a, Audit: trail, Origin: "https://creds.example.com"})
//
// Read this file first, then routes.go, which has every page and who may see it;
// guard.go, which is what stands before all of them; and visit.go, which is what
// a page is made with. Markup is in templates/, what people read in words/, style
// and script in assets/. Nothing is built: what is embedded is what is served.
//
// Everything works without script, but for windows that open and close by
// themselves and conditions that apply while somebody types. No page holds a
// secret; a token that was just made, which is shown once, is the exception.
package web

import (
	"cmp"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/host/audit"
	"github.com/credhost/credhost/host/connectflow"
	"github.com/credhost/credhost/host/events"
)

// Config says what the page shows. Host, Access and Origin are required.
type Config struct {
	Host   *host.Host
	Access *access.Access

	// Audit is the trail from which a credential's history is shown. Nil: there
	// is none to show.
	Audit *audit.Trail

	// Events are what has happened, and the webhooks that are told. Nil: there are
	// none to show.
	Events *events.Events

	// Flows are the visits to providers that programs have begun: people end them
	// here. Nil: programs begin none.
	Flows *connectflow.Flows

	// Origin is where people reach the page: "https://creds.example.com", or
	// http on this machine, where cookies are not kept to encrypted connections.
	Origin string

	// Hosts are further names, with their ports, under which the page answers.
	// A request for any other is refused, so that no other site can make a
	// browser take it for itself (DNS rebinding).
	Hosts []string

	Version string       // of the program, to show; may be empty
	Logger  *slog.Logger // for what went wrong on this side; slog.Default() if nil
}

// A Handler serves the page. It is safe for concurrent use.
type Handler struct {
	cfg    Config
	log    *slog.Logger
	origin string          // canonical
	secure bool            // it is https
	hosts  map[string]bool // that may be asked for
	views  *views
	routes []*route
	mux    *http.ServeMux
}

// New returns the page. It serves every path that it is given; those that it
// needs are /, and what lies below it.
func New(cfg Config) (*Handler, error) {
	if cfg.Host == nil || cfg.Access == nil {
		return nil, errors.New("web: Config needs a Host and an Access")
	}
	u, err := url.Parse(cfg.Origin)
	if err != nil || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("web: Config.Origin must be a scheme, a host and a port, such as https://creds.example.com")
	}
	h := &Handler{cfg: cfg, log: cmp.Or(cfg.Logger, slog.Default()), secure: u.Scheme == "https", hosts: map[string]bool{}}
	if !h.secure && (u.Scheme != "http" || !isLoopback(u.Hostname())) {
		return nil, errors.New("web: Config.Origin must be https, or http on this machine: sessions would be read on the way")
	}
	h.origin = u.Scheme + "://" + strings.ToLower(u.Host)
	for _, name := range append([]string{u.Host}, cfg.Hosts...) {
		h.hosts[strings.ToLower(name)] = true
	}
	if h.views, err = newViews(); err != nil {
		return nil, err
	}
	h.mount()
	return h, nil
}

// isLoopback reports whether a host's name is this machine's.
func isLoopback(name string) bool {
	addr, err := netip.ParseAddr(name)
	return name == "localhost" || err == nil && addr.IsLoopback()
}

// SignInURL returns the address that carries the secret of a sign-in link: see
// [access.Access.Link]. The secret is in the fragment, which browsers send to
// nobody.
func SignInURL(origin, secret string) string {
	return strings.TrimSuffix(origin, "/") + "/signin#" + url.PathEscape(secret)
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/host/connectflow"
	"github.com/credhost/credhost/host/egress"
	"github.com/credhost/credhost/host/events"
	"github.com/credhost/credhost/host/httpapi"
	"github.com/credhost/credhost/host/proxy"
	"github.com/credhost/credhost/host/web"
	"github.com/credhost/credhost/internal/front"
)

// inside is what is behind the front: a host, and what is around it.
type inside struct {
	opened *opened
	access *access.Access
	events *events.Events
	flows  *connectflow.Flows

	api, page http.Handler // page is nil where it cannot be served safely
	proxy     *proxy.Handler
	rules     *atomic.Pointer[front.Rules]
}

// open opens the host, and what is around it.
func (s *server) open(ctx context.Context) (err error) {
	in, p := &s.inside, s.p
	in.rules = new(atomic.Pointer[front.Rules])
	s.setRules(&p.settings)
	defer func() {
		if err != nil {
			err = errors.Join(err, in.close())
			*in = inside{}
		}
	}()
	var feed *events.Feed
	cfg := host.Config{CallbackURL: s.origin + "/connect/callback", Returns: p.returns, Logger: s.log,
		Traces: s.telemetry.Traces, Metrics: s.telemetry.Metrics, Propagate: s.telemetry.Traces != nil,
		Release: func(workspace, typ string) bool { return slices.Contains(s.now.Load().release, workspace+"/"+typ) }}
	if in.opened, err = p.openWith(ctx, making, cfg, func(c *host.Config) { feed = events.Listen(c) }); err != nil {
		return err
	}
	h := in.opened.host
	s.guard = egress.New(p.egress())
	if in.access, err = access.Open(ctx, s.accessConfig(&p.settings)); err != nil {
		return setup(err, "")
	}
	hooks := p.egress()
	hooks.Allow = p.webhookAllow // who may register a webhook is not who says what credentials reach
	if in.events, err = events.Open(ctx, events.Config{Host: h, Feed: feed, Access: in.access, Egress: hooks, Logger: s.log}); err != nil {
		return setup(err, "")
	}
	if in.flows, err = connectflow.Open(connectflow.Config{Host: h, StartURL: s.origin + "/connect/start"}); err != nil {
		return setup(err, "")
	}
	return s.openHandlers()
}

// openHandlers makes what answers requests.
func (s *server) openHandlers() (err error) {
	in, p, h := &s.inside, s.p, s.inside.opened.host
	if in.api, err = httpapi.New(httpapi.Config{Host: h, Access: in.access, Audit: in.opened.trail, Events: in.events, Connect: in.flows, Origins: p.corsOrigin,
		Page: s.origin, Draining: s.front.Draining, Version: programVersion(), Logger: s.log}); err != nil {
		return setup(err, "")
	}
	if in.proxy, err = proxy.New(proxy.Config{Host: h, Access: in.access, Audit: in.opened.trail, Origins: p.corsOrigin, Limits: p.proxyLimits, Logger: s.log}); err != nil {
		return setup(err, "")
	}
	if !s.pageIsSafe() {
		p.note("warning: %v: give --public-url, or a certificate", errNoPage)
		return nil
	}
	_, hosts := s.names(s.now.Load())
	page, err := web.New(web.Config{Host: h, Access: in.access, Audit: in.opened.trail, Events: in.events, Flows: in.flows, Origin: s.origin, Hosts: hosts,
		Version: programVersion(), Logger: s.log})
	if err != nil {
		return setup(err, "check --public-url")
	}
	in.page = page
	return nil
}

// pageIsSafe reports whether nobody reads the page, and the cookie of who has
// signed in, on the way.
func (s *server) pageIsSafe() bool {
	name, _, _ := strings.Cut(strings.TrimPrefix(s.origin, "http://"), "/")
	return strings.HasPrefix(s.origin, "https://") || name == "localhost" || strings.HasPrefix(name, "localhost:") ||
		strings.HasPrefix(name, "127.") || strings.HasPrefix(name, "[::1]")
}

// accessConfig says how callers are known.
func (s *server) accessConfig(of *settings) access.Config {
	cfg := s.p.accessConfig(s.inside.opened)
	cfg.Providers, cfg.Client, cfg.Logger = of.providers, &http.Client{Transport: s.guard}, s.log
	cfg.SessionLife, cfg.SessionIdle = time.Duration(of.sessionLife), time.Duration(of.sessionIdle)
	cfg.Rates = access.Rates{Key: access.Rate{PerSecond: of.rateKey}, Workspace: access.Rate{PerSecond: of.rateWorkspace}, Failures: access.Rate{PerSecond: of.rateFailures}}
	return cfg
}

// setRules says how requests are received.
func (s *server) setRules(of *settings) {
	names, _ := s.names(of)
	s.inside.rules.Store(&front.Rules{
		Trust:  front.Trust{Proxies: of.trustedProxy, Sockets: of.behindProxy, Forwarded: of.forwarded},
		Names:  names,
		Secure: strings.HasPrefix(s.origin, "https://"),
		Quiet:  of.noAccessLog,
	})
}

// close closes all of it, the outermost first.
func (in *inside) close() error {
	var errs []error
	if in.proxy != nil {
		errs = append(errs, in.proxy.Close())
	}
	if in.flows != nil {
		errs = append(errs, in.flows.Close())
	}
	if in.events != nil {
		errs = append(errs, in.events.Close())
	}
	if in.access != nil {
		errs = append(errs, in.access.Close())
	}
	if in.opened != nil {
		errs = append(errs, in.opened.Close())
	}
	return errors.Join(errs...)
}

// ServeHTTP implements [http.Handler].
func (in inside) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	front.Traced(r.Context())
	switch route(r) {
	case "/v1", "":
		in.api.ServeHTTP(w, r)
	case "/proxy", "forward":
		in.proxy.ServeHTTP(w, r)
	default:
		if in.page == nil {
			front.Refuse(w, r, http.StatusNotFound, "invalid", errNoPage.Error())
			return
		}
		in.page.ServeHTTP(w, r)
	}
}

// proxyAlone answers what is meant for the proxy, and nothing else.
func (in inside) proxyAlone() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if at := route(r); at != "/proxy" && at != "forward" {
			front.Refuse(w, r, http.StatusNotFound, "invalid", "only the proxy is here")
			return
		}
		in.ServeHTTP(w, r)
	})
}

// link returns a link to sign in with.
func (in *inside) link(ctx context.Context, origin string) (string, error) {
	return signInLink(ctx, in.access, origin)
}

// route names the kind of a request; empty: it asks how the server fares, and is
// not worth measuring.
func route(r *http.Request) string {
	path := r.URL.Path
	switch {
	case front.Proxied(r):
		return "forward"
	case strings.HasPrefix(path, "/proxy/"):
		return "/proxy"
	case path == "/v1/health" || path == "/v1/ready":
		return ""
	case strings.HasPrefix(path, "/v1/"):
		return "/v1"
	}
	return "/"
}

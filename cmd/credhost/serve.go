// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/crypto/acme/autocert"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/host/egress"
	"github.com/credhost/credhost/host/web"
	"github.com/credhost/credhost/internal/front"
	"github.com/credhost/credhost/internal/telemetry"
)

// A server is a run of serve. Serve_listen.go has where it listens and how it
// speaks TLS, serve_open.go what it is made of, serve_reload.go how it takes a
// change of its settings, serve_supervised.go what it tells systemd.
type server struct {
	p    *program
	now  atomic.Pointer[settings] // what holds: a change takes their place
	log  *slog.Logger
	from *slog.LevelVar // the level of log

	front     *front.Server
	listening []listening
	secure    *tls.Config         // nil: TLS is not spoken
	files     *front.Certificates // nil: there are none
	obtaining *autocert.Manager   // who obtains certificates; nil: nobody
	telemetry *telemetry.Telemetry
	guard     *egress.Guard // the way out to where people sign in
	inside    inside
	origin    string // by which people reach the page
}

// A started is what "serve --json" prints when it is ready.
type started struct {
	URL       string     `json:"url"`
	Listening []string   `json:"listening"`
	SignIn    string     `json:"signIn,omitempty"` // a link that works once
	Expires   *time.Time `json:"expires,omitempty"`
}

func (p *program) serveCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "serve",
		GroupID: "program",
		Short:   "offer the host over HTTP: the API, the proxy and the page",
		Long: `Offer the host over HTTP: the API under /v1, the proxy under /proxy and as a
forward proxy, and a page for people, all on 127.0.0.1:8686. A link to sign in
with is printed at the start; "credhost signin" prints another.

It listens beyond this machine only with TLS (--tls-cert, or --acme-domain), or
if --behind-proxy or --insecure-listen says why not. SIGHUP has it read its
settings and certificates again; SIGTERM and Ctrl-C have it finish what is under
way and end, and a second one end it at once.`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error { return p.serve(c.Context()) },
	}
	p.servingFlags(c)
	return c
}

// serve serves until ctx ends, or something fails that it cannot do without.
func (p *program) serve(ctx context.Context) (err error) {
	s, err := p.newServer(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.inside.close(), s.closeTelemetry()) }()
	reload := p.hangups()
	said, err := s.start(ctx)
	if err != nil {
		s.closeListeners()
		return err
	}
	if err := p.print(said, func(w io.Writer) { said.write(w) }); err != nil {
		s.front.Shutdown(ended())
		return err
	}
	s.notify(ready)
	stop := s.watchdog()
	defer stop()
	certificates := time.NewTicker(certificateTime)
	defer certificates.Stop()
	for {
		select {
		case <-ctx.Done():
			s.finish()
			return nil
		case err := <-s.front.Failed():
			s.front.Shutdown(ended())
			return setup(err, "")
		case <-reload:
			s.reload(ctx)
		case <-certificates.C:
			s.readCertificates(ctx)
		}
	}
}

// newServer opens what a server needs, the listeners first: who cannot listen
// makes no store.
func (p *program) newServer(ctx context.Context) (_ *server, err error) {
	s := &server{p: p, from: new(slog.LevelVar)}
	if p.from["log-level"] == "" {
		p.logLevel = levels["info"]
	}
	s.from.Set(p.logLevel.threshold())
	s.log = slog.New(host.TraceLogs(newLogger(p.err, p.logFormat, s.from).Handler()))
	s.now.Store(&p.settings)
	if err := p.checkLimits(); err != nil {
		return nil, err
	}
	s.front = front.New(s.log)
	if err := s.listen(ctx); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.closeListeners()
			err = errors.Join(err, s.closeTelemetry())
		}
	}()
	s.telemetry, err = telemetry.Start(ctx, telemetry.Config{Version: programVersion(), Metrics: len(p.metricsListen) > 0, Traces: p.traces})
	if err != nil {
		return nil, &failure{code: codeUsage, text: err.Error(), next: "see credhost help settings"}
	}
	if s.secure, s.obtaining, err = s.tls(); err != nil {
		return nil, err
	}
	return s, s.open(ctx)
}

// start begins to serve, and returns what there is to say of it.
func (s *server) start(ctx context.Context) (started, error) {
	s.serveAll()
	debug.FreeOSMemory() // what the start has needed, and serving does not
	said := started{URL: s.origin}
	for _, l := range s.listening {
		said.Listening = append(said.Listening, l.text())
	}
	if s.p.noSigninLink || os.Getenv("JOURNAL_STREAM") != "" || s.inside.page == nil { // a journal has readers
		return said, nil
	}
	// It serves already: who has it end now is not told of an interruption.
	link, err := s.inside.link(context.WithoutCancel(ctx), s.origin)
	if err != nil {
		return started{}, err
	}
	until := time.Now().Add(linkTime).UTC().Truncate(time.Second)
	said.SignIn, said.Expires = link, &until
	return said, nil
}

// linkTime is how long a link works; package access decides.
const linkTime = 10 * time.Minute

func (s started) write(w io.Writer) {
	fmt.Fprintf(w, "credhost serves at %s\n", s.URL)
	for _, l := range s.Listening {
		fmt.Fprintf(w, "  %s\n", l)
	}
	if s.SignIn != "" {
		fmt.Fprintf(w, "sign in with this link, which works once and for ten minutes:\n  %s\n", s.SignIn)
	}
}

// finish ends what is under way without dropping it, as far as the settings
// leave time for it.
func (s *server) finish() {
	now := s.now.Load()
	s.notify(stopping)
	s.log.Info("ending: not ready any more, and what is under way goes on", "limit", now.shutdownLimit)
	s.front.Drain()
	if now.drainDelay > 0 {
		time.Sleep(now.drainDelay) // a second signal ends the process all the same
	}
	ctx, cancel := context.WithTimeout(context.Background(), now.shutdownLimit)
	defer cancel()
	if cut := s.front.Shutdown(ctx); cut > 0 {
		s.log.Warn("requests were cut off: they took longer than --shutdown-limit", "requests", cut)
	}
}

// ended is a context that has ended: for what is to be cut off at once.
func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func (s *server) closeTelemetry() error {
	if s.telemetry == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if s.telemetry.Shutdown(ctx) != nil {
		s.log.Warn("the last traces could not be sent")
	}
	return nil
}

// operator is the caller that who is at the machine is: they have the key of the
// store, and so may do everything.
func operator() access.Caller {
	return access.Caller{Actor: actor(), Scopes: access.Scopes}
}

// signInLink returns a link with which who is at the machine signs in.
func signInLink(ctx context.Context, a *access.Access, origin string) (string, error) {
	person := operator()
	person.Scopes = []access.Scope{access.Read, access.Write, access.Use, access.Admin}
	secret, err := a.Link(access.With(ctx, operator()), person)
	if err != nil {
		return "", err
	}
	return web.SignInURL(origin, secret), nil
}

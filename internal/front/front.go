// SPDX-License-Identifier: Apache-2.0

// Package front is what stands between the network and the handlers of
// "credhost serve". It listens (listen.go), speaks TLS (certificate.go,
// acme.go), knows who calls from where (source.go, names.go), gives each
// request an ID and a line in the log (handler.go), and ends without dropping
// what is under way (this file).
//
// It knows nothing of credentials, and of a host no more than what a context
// says of a request's source.
package front

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// What a connection may cost before its caller is known. Bodies and answers
// have no limits here: they may be streams, and handlers see to them.
const (
	headerTime  = 10 * time.Second // to read the head of a request
	idleTime    = 2 * time.Minute  // to wait for the next request
	headerBytes = 64 << 10
	streams     = 250 // requests at once on one connection of HTTP/2
)

// A Server serves any number of listeners until it is shut down. It is safe for
// concurrent use.
type Server struct {
	log      *slog.Logger
	servers  sync.WaitGroup
	failed   chan error
	draining atomic.Bool
	active   atomic.Int64

	mu     sync.Mutex
	all    []*http.Server
	told   map[*recorder]context.CancelFunc // streams of events: they end as soon as draining begins
	taken  map[net.Conn]bool                // connections that a handler has taken over
	ctx    context.Context                  // ends when what is under way is cut off
	cancel context.CancelFunc
}

// New returns a server that listens nowhere yet.
func New(log *slog.Logger) *Server {
	s := &Server{log: log, failed: make(chan error, 16), told: map[*recorder]context.CancelFunc{}, taken: map[net.Conn]bool{}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// Serve answers what comes through l, which the server closes, with h. With a
// TLS configuration it speaks TLS; without one, HTTP/2 to those who know that
// it does. It returns at once; Failed tells of a listener that fails.
func (s *Server) Serve(l net.Listener, secure *tls.Config, h http.Handler) {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(secure != nil)
	protocols.SetUnencryptedHTTP2(secure == nil)
	srv := &http.Server{
		Handler: h, TLSConfig: secure, Protocols: protocols, HTTP2: &http.HTTP2Config{MaxConcurrentStreams: streams},
		ReadHeaderTimeout: headerTime, IdleTimeout: idleTime, MaxHeaderBytes: headerBytes,
		BaseContext: func(net.Listener) context.Context { return s.ctx },
		ErrorLog:    log.New(io.Discard, "", 0), // it quotes what callers send
	}
	s.mu.Lock()
	s.all = append(s.all, srv)
	s.mu.Unlock()
	s.servers.Go(func() {
		var err error
		if secure != nil {
			err = srv.ServeTLS(l, "", "")
		} else {
			err = srv.Serve(l)
		}
		if !errors.Is(err, http.ErrServerClosed) {
			s.failed <- err
		}
	})
}

// Failed tells of a listener that has failed.
func (s *Server) Failed() <-chan error { return s.failed }

// Draining reports whether the server is about to end: it is not ready for more.
func (s *Server) Draining() bool { return s.draining.Load() }

// Drain has the server be not ready any more, and ends streams of events, whose
// readers go on elsewhere. All else is served as before.
func (s *Server) Drain() {
	s.draining.Store(true)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, end := range s.told {
		end()
	}
}

// Shutdown closes the listeners, and waits until all requests are answered and
// the connections that were upgraded have ended. What is left when ctx ends is
// cut off; Shutdown returns how many requests those were.
func (s *Server) Shutdown(ctx context.Context) (cut int) {
	s.Drain()
	s.mu.Lock()
	all := s.all
	s.mu.Unlock()
	var closing sync.WaitGroup
	for _, srv := range all {
		closing.Go(func() { srv.Shutdown(ctx) })
	}
	closing.Wait()
	s.rest(ctx)
	cut = int(s.active.Load())
	s.cancel()
	for _, srv := range all {
		srv.Close()
	}
	s.mu.Lock()
	for c := range s.taken {
		c.Close()
	}
	s.mu.Unlock()
	s.servers.Wait()
	over, cancel := context.WithTimeout(context.Background(), time.Second) // for handlers to see it
	defer cancel()
	s.rest(over)
	return cut
}

// rest waits until no request is under way, or ctx ends. Requests whose
// connections were taken over are no business of [http.Server.Shutdown].
func (s *Server) rest(ctx context.Context) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for s.active.Load() > 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

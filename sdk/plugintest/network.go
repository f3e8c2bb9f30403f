// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/credhost/credhost/sdk"
)

// A network is all that the plugin can reach: a socket that speaks the egress
// protocol, as a host's does, with the stand-in behind every origin.
type network struct {
	s      *Suite
	socket string
	front  *front
	server *http.Server
	conns  chan net.Conn // accepted, for server
	done   chan struct{}
	fault  atomic.Pointer[fault] // what goes wrong now; nil: nothing
	kept   atomic.Bool           // a grant had a State

	mu    sync.Mutex
	calls map[string]*call
	late  []string // what calls did that were over
}

// takeLate returns what calls did since the last time that were over.
func (n *network) takeLate() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := n.late
	n.late = nil
	return all
}

func newNetwork(t tb, s *Suite) *network {
	t.Helper()
	dir, err := os.MkdirTemp("", "plugintest") // a short path: a socket's must be
	if err != nil {
		t.Fatalf("%v", err)
	}
	n := &network{s: s, socket: filepath.Join(dir, "egress"), conns: make(chan net.Conn), done: make(chan struct{}), calls: map[string]*call{}}
	n.front = &front{n: n, spent: map[string]bool{}}
	l, err := net.Listen("unix", n.socket)
	if err != nil {
		t.Fatalf("%v", err)
	}
	n.server = &http.Server{
		Handler:  n.front,
		ErrorLog: log.New(io.Discard, "", 0),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, c.(*conn))
		},
	}
	var running sync.WaitGroup
	running.Go(func() { n.accept(l, &running) })
	running.Go(func() { n.server.Serve(queue{n, l.Addr()}) })
	t.Cleanup(func() {
		close(n.done)
		l.Close()
		n.server.Close()
		running.Wait()
		os.RemoveAll(dir)
	})
	return n
}

// queue is the listener of what the socket has accepted.
type queue struct {
	n    *network
	addr net.Addr
}

// Accept waits for a connection.
func (q queue) Accept() (net.Conn, error) {
	select {
	case c := <-q.n.conns:
		return c, nil
	case <-q.n.done:
		return nil, net.ErrClosed
	}
}

// Close does nothing: the network closes itself.
func (q queue) Close() error { return nil }

// Addr returns the socket's address.
func (q queue) Addr() net.Addr { return q.addr }

func (n *network) accept(l net.Listener, running *sync.WaitGroup) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		running.Go(func() { n.open(c) })
	}
}

type connKey struct{}

// A conn is a connection to an origin, on behalf of a call.
type conn struct {
	net.Conn
	r      *bufio.Reader // holds what came with the first line
	call   *call
	origin string
	once   sync.Once
}

// tls returns what a service would know of the connection, had the host
// presented the client certificate to it; nil if there is none.
func (c *conn) tls() *tls.ConnectionState {
	if c.call.certificate == nil || !strings.HasPrefix(c.origin, "https://") {
		return nil
	}
	state := &tls.ConnectionState{Version: tls.VersionTLS13, HandshakeComplete: true}
	for _, der := range c.call.certificate.Certificate {
		parsed, err := x509.ParseCertificate(der)
		if err != nil {
			return nil // which no pair has
		}
		state.PeerCertificates = append(state.PeerCertificates, parsed)
	}
	return state
}

// Read reads.
func (c *conn) Read(p []byte) (int, error) { return c.r.Read(p) }

// Close closes the connection.
func (c *conn) Close() error {
	c.once.Do(func() { c.call.opened(-1) })
	return c.Conn.Close()
}

// open reads the first line of a connection and lets it through, or not.
func (n *network) open(c net.Conn) {
	c.SetDeadline(time.Now().Add(5 * time.Second))
	r := bufio.NewReader(c)
	line, err := r.ReadString('\n')
	if err != nil {
		c.Close()
		return
	}
	id, origin, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
	n.mu.Lock()
	call := n.calls[id]
	n.mu.Unlock()
	if refusal := n.refusal(call, origin); refusal != "" {
		io.WriteString(c, "no "+refusal+"\n")
		c.Close()
		return
	}
	c.SetDeadline(time.Time{})
	call.opened(1)
	kept := &conn{Conn: c, r: r, call: call, origin: origin}
	if _, err := io.WriteString(c, "ok\n"); err != nil {
		kept.Close()
		return
	}
	n.serve(kept, origin)
}

func (n *network) serve(c *conn, origin string) {
	if strings.HasPrefix(origin, "tcp://") {
		defer c.Close()
		if f := n.fault.Load(); f == nil && n.s.TCP != nil {
			c.call.requested()
			n.s.TCP(c)
		}
		return
	}
	select {
	case n.conns <- c:
	case <-n.done:
		c.Close()
	}
}

// refusal returns why a connection is refused, in the words of the protocol.
func (n *network) refusal(call *call, origin string) string {
	if call == nil {
		return "internal the connection to " + origin + " belongs to no live call"
	}
	if message, late := call.dial(origin); message != "" {
		if late {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.late = append(n.late, fmt.Sprintf("%s: it connected to %s after it had returned: wait for what you start", call.what, origin))
		}
		return "internal " + message
	}
	if f := n.fault.Load(); f != nil && f.down && !call.browser {
		call.requested()
		return "unavailable " + origin + " could not be reached"
	}
	return ""
}

// A call is one call of the plugin, as the network sees it.
type call struct {
	id, what string
	allowed  []string // origins and patterns
	free     bool     // may reach everything, at any time
	browser  bool     // is not the plugin's at all, but the person's

	certificate *tls.Certificate // that the host presents; nil: none

	mu       sync.Mutex
	ended    bool
	cut      bool // its ctx ended before it returned
	open     int
	requests int
	shown    map[string]bool // codes and refresh tokens that were sent
	faults   []string        // what the plugin did wrong
}

// begin begins a call that may reach what is allowed.
func (n *network) begin(what string, allowed []string) *call {
	c := &call{id: rand.Text(), what: what, allowed: allowed, shown: map[string]bool{}}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.calls[c.id] = c
	return c
}

// dial returns why the call must not reach an origin, or "", and whether it
// is over.
func (c *call) dial(origin string) (message string, late bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.free:
	case c.ended: // one that was cut off may take a moment to notice
		return "the call is over", !c.cut
	case !sdk.MatchOrigin(c.allowed, origin):
		c.faults = append(c.faults, fmt.Sprintf("it connected to %s, which the schema does not declare for this call (it may reach %s): "+
			"add it to Origins or AnswerOrigins, or do not follow redirects", origin, list(c.allowed)))
		return origin + " is not among the origins", false
	}
	return "", false
}

func list(origins []string) string {
	if len(origins) == 0 {
		return "nothing"
	}
	return strings.Join(origins, ", ")
}

func (c *call) opened(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open += n
}

func (c *call) requested() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests++
}

// fail notes that the plugin did something wrong.
func (c *call) fail(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = append(c.faults, fmt.Sprintf(format, args...))
}

// end ends the call, and returns how many requests it made and what was wrong
// with it. A connection may need a moment to close. Cut says that its ctx ended
// before it returned.
func (c *call) end(cut bool) (requests int, faults []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = cut
	for range 1000 {
		if c.open == 0 {
			break
		}
		c.mu.Unlock()
		time.Sleep(time.Millisecond)
		c.mu.Lock()
	}
	if c.open > 0 {
		c.faults = append(c.faults, "it left a connection open: close the body of every response")
	}
	c.ended = true
	return c.requests, slices.Clone(c.faults)
}

// SPDX-License-Identifier: Apache-2.0

package egress

import (
	"bufio"
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/credhost/credhost/internal/defence"
	"github.com/credhost/credhost/sdk"
)

// The bounds of a socket and of a connection's first line.
const (
	maxOpen     = 256              // connections of one socket
	maxOpening  = 512              // bytes of the first line
	openingTime = 5 * time.Second  // for the first line to arrive
	headTime    = 10 * time.Second // for a request's line and headers
	stallTime   = 30 * time.Second // for the next bytes of a request's body
	idleTime    = 2 * time.Minute  // for the next request
	lingerTime  = time.Second      // for the plugin to read why it was refused
	maxHead     = 32 << 10         // bytes of a request's line and headers
	maxSpool    = 64 << 10         // a body up to this length is held in memory, so that it can be sent in one piece
	maxFields   = 1000             // headers of an answer
	maxLinger   = 256 << 10        // bytes that are read and thrown away after a refusal
)

// Serve serves a plugin's socket until l is closed; it then ends the
// connections that are left and returns nil. Find returns the live call that
// has an ID.
//
// A connection begins with the line "CALL ORIGIN\n", which is answered by
// "ok\n", or by "no CODE MESSAGE\n" and the end: CODE is a word of [sdk.Code],
// and MESSAGE is for people. After ok, a connection to an http or https origin
// speaks HTTP/1.1 with it, and one to a tcp origin whatever it likes. When the
// call ends, the connection ends.
//
// A request that fails on its way is answered with the status 502, the headers
// "Credhost-Call: CALL" and "Credhost-Egress: no CODE MESSAGE", in this order
// and before all others, and the end of the connection. No answer of a service
// has these headers.
func (g *Guard) Serve(l net.Listener, find func(id string) (*Call, bool)) error {
	s := &socket{guard: g, find: find, conns: make(map[net.Conn]bool)}
	defer s.end()
	failures := 0
	for {
		conn, err := l.Accept()
		switch {
		case err == nil:
			failures = 0
			s.start(conn)
		case errors.Is(err, net.ErrClosed):
			return nil
		case failures > 10:
			return err
		default: // out of descriptors, say
			failures++
			time.Sleep(time.Millisecond << failures)
		}
	}
}

// A socket is one plugin's way to the network.
type socket struct {
	guard *Guard
	find  func(id string) (*Call, bool)

	running sync.WaitGroup
	mu      sync.Mutex
	conns   map[net.Conn]bool // those that are open
}

func (s *socket) start(conn net.Conn) {
	s.mu.Lock()
	full := len(s.conns) >= maxOpen
	if !full {
		s.conns[conn] = true
	}
	s.mu.Unlock()
	if full {
		conn.Close()
		return
	}
	s.running.Go(func() {
		defer s.forget(conn)
		s.serve(conn)
	})
}

func (s *socket) forget(conn net.Conn) {
	conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, conn)
}

// end closes what is open, and waits.
func (s *socket) end() {
	s.mu.Lock()
	for conn := range s.conns {
		conn.Close()
	}
	s.mu.Unlock()
	s.running.Wait()
}

// serve reads the first line of a connection, and does what it asks for.
func (s *socket) serve(conn net.Conn) {
	m := &metered{Conn: conn, max: s.guard.config.MaxTraffic}
	br := bufio.NewReaderSize(m, maxHead)
	conn.SetDeadline(time.Now().Add(openingTime))
	line, err := br.ReadSlice('\n')
	if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
		return // gone, or silent
	}
	id, origin, err := parseOpening(string(line))
	if err != nil {
		refuseOpening(conn, err)
		return
	}
	call, err := s.admit(id, origin)
	if err != nil {
		refuseOpening(conn, err)
		return
	}
	defer call.conns.Add(-1)
	if !s.guard.off(defence.CallEnd) {
		defer closeWith(call, conn)()
	}
	conn.SetDeadline(time.Time{})
	m.call = call
	if strings.HasPrefix(origin, "tcp://") {
		s.guard.splice(call, origin, m, br)
		return
	}
	if _, err := m.Write([]byte("ok\n")); err != nil {
		return
	}
	h := &session{guard: s.guard, call: call, id: id, origin: origin, conn: m, br: br, bw: bufio.NewWriter(m)}
	h.serve()
}

// parseOpening parses the first line of a connection, with its end.
func parseOpening(line string) (id, origin string, err error) {
	text, ended := strings.CutSuffix(line, "\n")
	id, origin, ok := strings.Cut(text, " ")
	if !ended || !ok || len(line) > maxOpening || !isID(id) {
		return "", "", sdk.Errorf(sdk.Internal, "a connection must begin with the line CALL ORIGIN")
	}
	if origin == "" || sdk.Origin(origin) != origin {
		return "", "", sdk.Errorf(sdk.Internal, "a connection must name an origin in canonical form, such as https://api.example.com")
	}
	return id, origin, nil
}

// isID reports whether id is visible ASCII.
func isID(id string) bool {
	return id != "" && !strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}

// admit returns the call that a connection to origin belongs to, and counts
// the connection, if there may be one.
func (s *socket) admit(id, origin string) (*Call, error) {
	call, ok := s.find(id)
	switch {
	case !ok || call == nil || call.ctx.Err() != nil:
		s.guard.measure.refused(context.Background(), ruleCall)
		return nil, sdk.Errorf(sdk.Internal, "the connection to %s belongs to no live call: use the ctx that the call came with, and only until the call returns", origin)
	case !call.policy.allows(origin) && !s.guard.off(defence.Destinations):
		s.guard.measure.refused(call.ctx, ruleDestination)
		return nil, outside(origin)
	}
	if err := s.guard.Check(origin); err != nil {
		s.guard.measure.refused(call.ctx, ruleAddress)
		return nil, err
	}
	if call.moved.Load() > s.guard.config.MaxTraffic {
		s.guard.measure.refused(call.ctx, ruleLimit)
		return nil, errTraffic
	}
	if limit := s.guard.config.MaxConns; call.conns.Add(1) > int64(limit) {
		call.conns.Add(-1)
		s.guard.measure.refused(call.ctx, ruleLimit)
		return nil, sdk.Errorf(sdk.Internal, "the call has %d connections open already, which is all it may have (egress.Config.MaxConns)", limit)
	}
	call.used.Store(true)
	return call, nil
}

// refuseOpening answers a connection's first line with a refusal.
func refuseOpening(conn net.Conn, err error) {
	conn.Write([]byte(refusal(err) + "\n")) // one that does not listen need not be told
}

// refusal is what a plugin is told of err: a line without its end.
func refusal(err error) string {
	e := &sdk.Error{Code: sdk.Unavailable, Message: "the service could not be reached"}
	errors.As(err, &e)
	text := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, e.Error())
	return "no " + e.Code.Error() + " " + text[:min(len(text), maxOpening)]
}

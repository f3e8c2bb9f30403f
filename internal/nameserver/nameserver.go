// SPDX-License-Identifier: Apache-2.0

// Package nameserver is for tests of where names lead: a DNS server that answers as it
// is told, and so may lead each time elsewhere.
package nameserver

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// A Lookup returns the addresses of a name that is asked for the nth time, from 1;
// nil: there is no such name. It is called by one goroutine at a time.
type Lookup func(name string, n int) []string

// Resolver starts a server for the time of a test, and returns a resolver that asks
// nobody else.
func Resolver(t testing.TB, lookup Lookup) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{lookup: lookup, asked: make(map[string]int)}
	var done sync.WaitGroup
	done.Go(func() { s.serve(conn) })
	t.Cleanup(func() { conn.Close(); done.Wait() })
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

type server struct {
	lookup Lookup
	asked  map[string]int // :: a name → how often it was asked for
}

func (s *server) serve(conn net.PacketConn) {
	buf := make([]byte, 1500)
	for {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			return
		}
		if answer := s.answer(buf[:n]); answer != nil {
			conn.WriteTo(answer, from)
		}
	}
}

func (s *server) answer(query []byte) []byte {
	var m dnsmessage.Message
	if m.Unpack(query) != nil || len(m.Questions) != 1 {
		return nil
	}
	q := m.Questions[0]
	name := strings.TrimSuffix(q.Name.String(), ".")
	if q.Type == dnsmessage.TypeA { // the other half of each question is for IPv6
		s.asked[name]++
	}
	addrs := s.lookup(name, max(s.asked[name], 1))
	m.Header = dnsmessage.Header{ID: m.ID, Response: true, Authoritative: true}
	if addrs == nil {
		m.RCode = dnsmessage.RCodeNameError
	}
	m.Additionals = nil
	for _, text := range addrs {
		addr := netip.MustParseAddr(text)
		h := dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET}
		if addr.Is4() && q.Type == dnsmessage.TypeA {
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: h, Body: &dnsmessage.AResource{A: addr.As4()}})
		} else if addr.Is6() && q.Type == dnsmessage.TypeAAAA {
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: h, Body: &dnsmessage.AAAAResource{AAAA: addr.As16()}})
		}
	}
	packed, err := m.Pack()
	if err != nil {
		return nil
	}
	return packed
}

// SPDX-License-Identifier: Apache-2.0

package egress_test

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/credhost/credhost/host/egress"
	"github.com/credhost/credhost/internal/nameserver"
	"github.com/credhost/credhost/sdk"
)

// serveTCP hands each connection to serve, and returns the origin.
func serveTCP(t testing.TB, serve func(*net.TCPConn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var done sync.WaitGroup
	done.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			done.Go(func() { defer conn.Close(); serve(conn.(*net.TCPConn)) })
		}
	})
	t.Cleanup(func() { l.Close(); done.Wait() })
	return "tcp://" + l.Addr().String()
}

// Bytes go both ways, and each end hears when the other has said its last.
func TestSplice(t *testing.T) {
	t.Parallel()
	const size = 1 << 20
	origin := serveTCP(t, func(c *net.TCPConn) {
		io.WriteString(c, "hello ")
		n, _ := io.Copy(io.Discard, c) // to the plugin's last byte
		if n == size {
			io.WriteString(c, "goodbye")
		}
	})
	w := newWay(t, newGuard(t, egress.Config{Allow: loopback}))
	call, _ := w.call(call1, origin)
	conn, br, answer := w.raw(call1 + " " + origin + "\n" + strings.Repeat("x", 10)) // some come before the answer
	if answer != "ok\n" || !call.Used() {
		t.Fatalf("got %q, want ok", answer)
	}
	if _, err := io.Copy(conn, io.LimitReader(zeros{}, size-10)); err != nil {
		t.Fatal(err)
	}
	conn.(*net.UnixConn).CloseWrite()
	if got, err := io.ReadAll(br); string(got) != "hello goodbye" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestSpliceThatFails(t *testing.T) {
	t.Parallel()
	g := newGuard(t, egress.Config{Allow: loopback, Resolver: nameserver.Resolver(t, func(name string, _ int) []string {
		return map[string][]string{"private.example": {"10.0.0.1"}}[name]
	})})
	w := newWay(t, g)
	w.call(call1, "tcp://private.example:5432", "tcp://nowhere.example:5432", "tcp://127.0.0.1:1")
	for origin, want := range map[string]string{
		"tcp://private.example:5432": "no invalid tcp://private.example:5432 is at a private or special address",
		"tcp://nowhere.example:5432": "no unavailable tcp://nowhere.example:5432 has no address",
		"tcp://127.0.0.1:1":          "no unavailable tcp://127.0.0.1:1 could not be reached",
		"tcp://evil.example:5432":    "no invalid tcp://evil.example:5432 is not an origin",
	} {
		if _, _, answer := w.raw(call1 + " " + origin + "\n"); !strings.HasPrefix(answer, want) {
			t.Errorf("got %q, want %q", answer, want)
		}
	}
	_, err := w.dial(t.Context(), call1, "tcp://private.example:5432")
	refused(t, err, sdk.Invalid, "--allow-address")
}

func TestSpliceEndsWithItsCall(t *testing.T) {
	t.Parallel()
	accepted, ended := make(chan bool, 1), make(chan error, 1)
	origin := serveTCP(t, func(c *net.TCPConn) {
		accepted <- true
		_, err := c.Read(make([]byte, 1))
		ended <- err
	})
	w := newWay(t, newGuard(t, egress.Config{Routes: map[string]string{"tcp://db.example:5432": strings.TrimPrefix(origin, "tcp://")}}))
	_, end := w.call(call1, "tcp://db.example:5432")
	_, br := w.open(call1, "tcp://db.example:5432")
	<-accepted
	end()
	if err := <-ended; err == nil {
		t.Error("the service reads on")
	}
	if _, err := br.ReadByte(); err != io.EOF {
		t.Errorf("got %v, want the end", err)
	}
}

// A service that is gone takes the plugin's connection with it.
func TestSpliceEndsWithTheService(t *testing.T) {
	t.Parallel()
	origin := serveTCP(t, func(c *net.TCPConn) {
		c.Read(make([]byte, 1))
		c.SetLinger(0) // a reset
	})
	w := newWay(t, newGuard(t, egress.Config{Allow: loopback}))
	w.call(call1, origin)
	conn, br := w.open(call1, origin)
	io.WriteString(conn, "x")
	if _, err := br.ReadByte(); err != io.EOF {
		t.Errorf("got %v, want the end", err)
	}
	for {
		if _, err := conn.Write([]byte("x")); err != nil {
			break
		}
	}
}

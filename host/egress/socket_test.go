// SPDX-License-Identifier: Apache-2.0

package egress_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/credhost/credhost/host/egress"
	"github.com/credhost/credhost/internal/wire"
	"github.com/credhost/credhost/sdk"
)

// call1 is the ID of most tests' only call.
const call1 = "call-0123456789abcdef"

// A way is a plugin's: a socket that a guard serves, and the live calls.
type way struct {
	t      testing.TB
	socket net.Listener
	mu     sync.Mutex
	calls  map[string]*egress.Call
}

func newWay(t testing.TB, g *egress.Guard) *way {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	w := &way{t: t, socket: l, calls: make(map[string]*egress.Call)}
	var done sync.WaitGroup
	done.Go(func() {
		if err := g.Serve(l, w.find); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { l.Close(); done.Wait() })
	return w
}

func (w *way) find(id string) (*egress.Call, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c, ok := w.calls[id]
	return c, ok
}

// call begins a call that reaches the origins, until the test ends or end is called.
func (w *way) call(id string, origins ...string) (c *egress.Call, end func()) {
	ctx, end := context.WithCancel(w.t.Context())
	c = egress.NewCall(ctx, egress.Policy{Origins: origins})
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls[id] = c
	return c, end
}

// raw connects and says line; it returns what is answered.
func (w *way) raw(line string) (conn net.Conn, br *bufio.Reader, answer string) {
	w.t.Helper()
	conn, err := net.Dial("unix", w.socket.Addr().String())
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second)) // so that a failure is not a hang
	if _, err := io.WriteString(conn, line); err != nil {
		w.t.Fatal(err)
	}
	br = bufio.NewReader(conn)
	answer, err = br.ReadString('\n')
	if err != nil && err != io.EOF {
		w.t.Fatal(err)
	}
	return conn, br, answer
}

// open is raw for a connection that must be granted.
func (w *way) open(id, origin string) (net.Conn, *bufio.Reader) {
	w.t.Helper()
	conn, br, answer := w.raw(id + " " + origin + "\n")
	if answer != "ok\n" {
		w.t.Fatalf("got %q, want ok", answer)
	}
	return conn, br
}

// dial dials as plugins do.
func (w *way) dial(ctx context.Context, id, origin string) (net.Conn, error) {
	return wire.Dialer(w.socket.Addr().String(), id)(ctx, origin)
}

// client is net/http as a plugin has it during a call.
func (w *way) client(id string) *http.Client {
	dial := func(scheme string) func(ctx context.Context, _, addr string) (net.Conn, error) {
		return func(ctx context.Context, _, addr string) (net.Conn, error) {
			return w.dial(ctx, id, sdk.Origin(scheme+"://"+addr))
		}
	}
	tr := &http.Transport{DialContext: dial("http"), DialTLSContext: dial("https")}
	w.t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func TestOpenings(t *testing.T) {
	t.Parallel()
	w := newWay(t, newGuard(t, egress.Config{}))
	call, _ := w.call("live", "https://api.example.com", "https://10.0.0.1", "http://plain.example.com")
	_, end := w.call("ended", "https://api.example.com")
	end()
	for line, want := range map[string]string{
		"\n":                                        "no internal a connection must begin",
		"live\n":                                    "no internal a connection must begin",
		" https://\n":                               "no internal a connection must begin",
		"live https://api.example.com\r\n":          "no internal a connection must name an origin",
		"live https://API.example.com\n":            "no internal a connection must name an origin",
		"live https://api.example.com/path\n":       "no internal a connection must name an origin",
		"live https://*.example.com\n":              "no internal a connection must name an origin",
		"live  https://api.example.com\n":           "no internal a connection must name an origin",
		"GET / HTTP/1.1\r\n":                        "no internal a connection must name an origin",
		"nobody https://api.example.com\n":          "no internal the connection to https://api.example.com belongs to no live call",
		"ended https://api.example.com\n":           "no internal the connection to https://api.example.com belongs to no live call",
		"live https://evil.example\n":               "no invalid https://evil.example is not an origin of this credential",
		"live https://10.0.0.1\n":                   "no invalid https://10.0.0.1 is at a private or special address",
		"live http://plain.example.com\n":           "no invalid http://plain.example.com is not encrypted",
		"live tcp://api.example.com:1\n":            "no invalid tcp://api.example.com:1 is not an origin of this credential",
		strings.Repeat("x", 600) + " https://a.b\n": "no internal a connection must begin",
		strings.Repeat("x", 40<<10):                 "no internal a connection must begin",
	} {
		_, br, answer := w.raw(line)
		if !strings.HasPrefix(answer, want) || !strings.HasSuffix(answer, "\n") {
			t.Errorf("%.60q: got %q, want %q", line, answer, want)
		}
		if rest, err := io.ReadAll(br); len(rest) > 0 || err != nil && !errors.Is(err, net.ErrClosed) && !isReset(err) {
			t.Errorf("%.60q: %q, %v came after the refusal, want the end", line, rest, err)
		}
	}
	if call.Used() {
		t.Error("a call with no connection counts as one that used the network")
	}
	if w.open("live", "https://api.example.com"); !call.Used() {
		t.Error("a call with a connection counts as one that used no network")
	}
}

// isReset: what a Unix socket reports if the other end had not read everything.
func isReset(err error) bool { return strings.Contains(err.Error(), "reset") }

func TestConnectionsEndWithTheirCall(t *testing.T) {
	t.Parallel()
	waiting, aborted := make(chan bool, 1), make(chan bool, 1)
	origin := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		waiting <- true
		<-r.Context().Done()
		aborted <- true
	})
	w := newWay(t, newGuard(t, egress.Config{Allow: loopback}))
	_, end := w.call(call1, origin)
	_, other := w.call("other", origin)
	defer other()
	_, idle := w.open(call1, origin)
	_, spared := w.open("other", origin)
	busy, busyReader := w.open(call1, origin)
	io.WriteString(busy, "GET / HTTP/1.1\r\nHost: "+strings.TrimPrefix(origin, "http://")+"\r\n\r\n")
	<-waiting
	end()
	<-aborted
	for name, br := range map[string]*bufio.Reader{"idle": idle, "busy": busyReader} {
		if _, err := br.ReadByte(); err != io.EOF {
			t.Errorf("the %s connection: got %v, want the end", name, err)
		}
	}
	if _, _, answer := w.raw(call1 + " " + origin + "\n"); !strings.HasPrefix(answer, "no internal") {
		t.Errorf("after its end the call got %q", answer)
	}
	other()
	if _, err := spared.ReadByte(); err != io.EOF {
		t.Errorf("another call's connection: got %v, want the end with that call", err)
	}
}

func TestConnectionsOfACallAreCounted(t *testing.T) {
	t.Parallel()
	origin := serve(t, func(http.ResponseWriter, *http.Request) {})
	w := newWay(t, newGuard(t, egress.Config{Allow: loopback, MaxConns: 2}))
	_, end := w.call(call1, origin)
	defer end()
	first, _ := w.open(call1, origin)
	w.open(call1, origin)
	if _, _, answer := w.raw(call1 + " " + origin + "\n"); !strings.HasPrefix(answer, "no internal the call has 2 connections open") {
		t.Errorf("got %q, want a refusal", answer)
	}
	first.Close()
	for answer := ""; answer != "ok\n"; { // as soon as the host has noticed
		_, _, answer = w.raw(call1 + " " + origin + "\n")
	}
}

// Who says nothing is not waited for for long, and neither is who speaks slowly.
func TestSlowPlugins(t *testing.T) {
	t.Parallel()
	for name, drip := range map[string]string{
		"nothing":               "",
		"half an opening":       "call https://api.exam",
		"an opening by drops":   "~call https://api.example.com\n",
		"nothing after ok":      "call https://api.example.com\n",
		"half a request":        "call https://api.example.com\nGET / HTTP/1.1\r\nHost: api",
		"a head without an end": "call https://api.example.com\nGET / HTTP/1.1\r\nHost: api.example.com\r\n",
		"a head by drops":       "call https://api.example.com\n~GET / HTTP/1.1\r\nHost: api.example.com\r\nX: " + strings.Repeat("x", 100),
		"half a body":           "call https://api.example.com\nPOST / HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 9\r\n\r\nab",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { testSlow(t, drip) })
		})
	}
}

// testSlow writes what stands before the ~ at once, and the rest a byte every 4 s.
func testSlow(t *testing.T, drip string) {
	l := &pipes{conns: make(chan net.Conn), closed: make(chan bool)}
	call := egress.NewCall(t.Context(), egress.Policy{Origins: []string{"https://api.example.com"}})
	g := egress.New(egress.Config{})
	var done sync.WaitGroup
	done.Go(func() { g.Serve(l, func(id string) (*egress.Call, bool) { return call, id == "call" }) })
	mine, theirs := net.Pipe()
	l.conns <- theirs
	begin := time.Now()
	done.Go(func() {
		fast, slow, _ := strings.Cut(drip, "~")
		_, err := io.WriteString(mine, fast)
		for i := 0; i < len(slow) && err == nil; i++ {
			_, err = mine.Write([]byte{slow[i]})
			time.Sleep(4 * time.Second)
		}
	})
	io.Copy(io.Discard, mine)
	if took := time.Since(begin); took > 3*time.Minute {
		t.Errorf("it was waited for for %v", took)
	}
	mine.Close()
	l.Close()
	done.Wait()
}

// pipes is a listener of connections that a test makes.
type pipes struct {
	conns  chan net.Conn
	closed chan bool
	once   sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// When the socket is closed, so is all that came over it.
func TestServeEnds(t *testing.T) {
	t.Parallel()
	origin := serve(t, func(http.ResponseWriter, *http.Request) {})
	g := newGuard(t, egress.Config{Allow: loopback})
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	call := egress.NewCall(t.Context(), egress.Policy{Origins: []string{origin}})
	served := make(chan error)
	go func() { served <- g.Serve(l, func(string) (*egress.Call, bool) { return call, true }) }()
	w := &way{t: t, socket: l}
	_, br := w.open(call1, origin)
	silent, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	l.Close()
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
	if _, err := br.ReadByte(); err != io.EOF {
		t.Errorf("got %v, want the end", err)
	}
}

func TestTrafficOfACallIsBounded(t *testing.T) {
	t.Parallel()
	origin := serve(t, func(w http.ResponseWriter, _ *http.Request) { io.Copy(w, io.LimitReader(zeros{}, 100<<10)) })
	w := newWay(t, newGuard(t, egress.Config{Allow: loopback, MaxTraffic: 250 << 10}))
	_, end := w.call(call1, origin)
	defer end()
	client := w.client(call1)
	for n := range 3 {
		resp, err := client.Get(origin)
		if err == nil {
			_, err = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
		if want := n < 2; (err == nil) != want {
			t.Errorf("answer %d: got %v, want success=%v", n, err, want)
		}
	}
	_, err := w.dial(t.Context(), call1, origin)
	refused(t, err, sdk.Internal, "egress.Config.MaxTraffic")
}

// zeros never ends.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

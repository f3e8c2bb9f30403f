// SPDX-License-Identifier: Apache-2.0

package proxy_test

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/host/egress"
	"github.com/credhost/credhost/host/proxy"
	"github.com/credhost/credhost/internal/ground"
)

// sockets answers handshakes that carry the key, and repeats what it is told.
func sockets(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("X-Api-Key") != ground.EchoKey {
		w.WriteHeader(401)
		return
	}
	c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"lines"}, CompressionMode: websocket.CompressionContextTakeover, InsecureSkipVerify: true})
	if err != nil {
		return
	}
	defer c.CloseNow()
	c.SetReadLimit(-1)
	for {
		kind, text, err := c.Read(r.Context())
		if err != nil {
			return
		}
		if string(text) == "bye" {
			c.Close(4321, "as you wish")
			return
		}
		if c.Write(r.Context(), kind, text) != nil {
			return
		}
	}
}

func (s *scene) dial(t testing.TB, address string, via *http.Client) (*websocket.Conn, *http.Response, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	o := &websocket.DialOptions{HTTPClient: via, Subprotocols: []string{"lines"}, CompressionMode: websocket.CompressionContextTakeover, HTTPHeader: http.Header{}}
	if via == nil {
		o.HTTPHeader.Set("Authorization", "Bearer "+s.key)
	}
	return websocket.Dial(ctx, address, o)
}

// talk says something, hears it, and parts as the service wants to.
func talk(t testing.TB, c *websocket.Conn) {
	t.Helper()
	c.SetReadLimit(-1)
	for _, text := range []string{"hello", "", strings.Repeat("long ", 100_000)} {
		if err := c.Write(t.Context(), websocket.MessageText, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if _, got, err := c.Read(t.Context()); err != nil || string(got) != text {
			t.Fatalf("heard %d bytes, %v, want %d", len(got), err, len(text))
		}
	}
	if err := c.Ping(contextReading(t, c)); err != nil {
		t.Errorf("ping: %v", err)
	}
}

// contextReading reads c, as a ping needs, until the service parts.
func contextReading(t testing.TB, c *websocket.Conn) context.Context {
	go func() {
		_, _, err := c.Read(context.Background())
		if websocket.CloseStatus(err) != 4321 && t.Context().Err() == nil {
			t.Errorf("parted with %v", err)
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestWebSocket(t *testing.T) {
	t.Parallel()
	set, _ := secure(t, http.HandlerFunc(sockets))
	s := newScene(t, set)
	s.Echo.Handler = http.HandlerFunc(sockets)
	id := s.createAt(t, "https://example.com")
	ws := strings.Replace(s.front.URL, "http:", "ws:", 1)
	for name, dial := range map[string]func() (*websocket.Conn, *http.Response, error){
		"path": func() (*websocket.Conn, *http.Response, error) { return s.dial(t, ws+s.at(s.Echo.URL)+"/ws", nil) },
		"path, secure": func() (*websocket.Conn, *http.Response, error) {
			return s.dial(t, ws+"/proxy/"+id+"/wss/example.com/ws", nil)
		},
		"forwarded": func() (*websocket.Conn, *http.Response, error) {
			return s.dial(t, s.Echo.URL+"/ws", s.forwarder(s.id, s.key))
		},
		"forwarded, secured": func() (*websocket.Conn, *http.Response, error) {
			return s.dial(t, "http://example.com/ws", s.forwarder(id, s.key))
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, resp, err := dial()
			if err != nil {
				t.Fatal(err)
			}
			defer c.CloseNow()
			if c.Subprotocol() != "lines" || !strings.Contains(resp.Header.Get("Sec-Websocket-Extensions"), "permessage-deflate") {
				t.Errorf("the handshake lost something: %v", resp.Header)
			}
			talk(t, c)
			c.Write(t.Context(), websocket.MessageText, []byte("bye"))
			eventually(t, "nothing under way", func() bool { return s.proxy.Stats().Active == 0 })
		})
	}
}

// A handshake is a request like others: what may not be sent is not.
func TestHandshakesThatAreRefused(t *testing.T) {
	t.Parallel()
	s := newScene(t, setting{})
	s.Echo.Handler = http.HandlerFunc(sockets)
	const right = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	send := func(method, at, key, header string) string {
		return s.raw(t, method+" "+at+"/ws HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+key+"\r\n"+header+"\r\n")
	}
	if got := send("GET", s.at(s.Echo.URL), s.key, right); !strings.HasPrefix(got, "HTTP/1.1 101") {
		t.Fatalf("the right one: %q", got)
	}
	before := len(s.Echo.Requests())
	for name, got := range map[string]string{
		"401": send("GET", s.at(s.Echo.URL), "chk_wrong", right),
		"403": send("GET", s.at("http://127.0.0.1:1"), s.key, right),
		"400": send("GET", s.at(s.Echo.URL), s.key, strings.Replace(right, "websocket\r", "h2c\r", 1)),
		"4":   send("POST", s.at(s.Echo.URL), s.key, right),
		"40":  send("GET", s.at(s.Echo.URL), s.key, "Connection: Upgrade\r\nUpgrade: websocket\r\n"),
	} {
		if !strings.HasPrefix(got, "HTTP/1.1 "+name) {
			t.Errorf("%s: %q", name, got)
		}
	}
	if n := len(s.Echo.Requests()) - before; n > 0 {
		t.Errorf("the service was asked %d times", n)
	}
	got := send("GET", s.at(s.Echo.URL), s.key, strings.Replace(right, "Connection: Upgrade\r\n", "", 1))
	if strings.HasPrefix(got, "HTTP/1.1 101") {
		t.Errorf("Upgrade without Connection: %q", got)
	}
}

// A service cannot have a tunnel that nobody asked for.
func TestSwitchesThatAreRefused(t *testing.T) {
	t.Parallel()
	s := newScene(t, setting{})
	for _, c := range []struct{ asks, answer string }{
		{"", "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"},
		{"websocket", "Upgrade: h2c\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"},
		{"websocket", "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: c29tZXRoaW5nIGVsc2UgYWx0b2c=\r\n"},
		{"websocket", "Upgrade: websocket\r\nConnection: Upgrade\r\n"},
	} {
		service := newByteService(t, func(conn net.Conn, br *bufio.Reader) {
			io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\n"+c.answer+"\r\n")
			br.ReadByte()
		})
		id := s.createAt(t, service.url())
		head := "GET /proxy/" + id + "/http/" + service.Addr().String() + "/ HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + s.key + "\r\n"
		if c.asks != "" {
			head += "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
		}
		if got := s.raw(t, head+"\r\n"); !strings.HasPrefix(got, "HTTP/1.1 502") {
			t.Errorf("%+v: %q", c, got)
		}
	}
}

// tunnelled opens a tunnel to a service that does as it is told, byte by byte.
func (s *scene) tunnelled(t *testing.T, service func(conn net.Conn, br *bufio.Reader)) (net.Conn, *bufio.Reader) {
	t.Helper()
	bytes := newByteService(t, func(conn net.Conn, br *bufio.Reader) {
		sum := sha1.Sum([]byte("dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
		fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\nearly", base64.StdEncoding.EncodeToString(sum[:]))
		service(conn, br)
	})
	id := s.createAt(t, bytes.url())
	conn, err := net.Dial("tcp", s.front.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	io.WriteString(conn, "GET /proxy/"+id+"/http/"+bytes.Addr().String()+"/ HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+s.key+
		"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\nhasty")
	br := bufio.NewReader(conn)
	resp, err := http.ReadResponse(br, nil)
	if err != nil || resp.StatusCode != 101 {
		t.Fatalf("%v, %v", resp, err)
	}
	return conn, br
}

// What comes with the handshakes is not lost, and each end may fall silent
// before the other.
func TestTunnelsCloseByHalves(t *testing.T) {
	t.Parallel()
	s := newScene(t, setting{})
	heard := make(chan string, 1)
	conn, br := s.tunnelled(t, func(conn net.Conn, br *bufio.Reader) {
		all, _ := io.ReadAll(br)
		heard <- string(all)
		io.WriteString(conn, " and late")
	})
	io.WriteString(conn, " words")
	conn.(*net.TCPConn).CloseWrite()
	if got := <-heard; got != "hasty words" {
		t.Errorf("the service heard %q", got)
	}
	if all, err := io.ReadAll(br); err != nil || string(all) != "early and late" {
		t.Errorf("the caller heard %q, %v", all, err)
	}
	conn, br = s.tunnelled(t, func(conn net.Conn, br *bufio.Reader) {
		conn.(*net.TCPConn).CloseWrite()
		all, _ := io.ReadAll(br)
		heard <- string(all)
	})
	if all, err := io.ReadAll(br); err != nil || string(all) != "early" {
		t.Errorf("the caller heard %q, %v", all, err)
	}
	io.WriteString(conn, " words")
	conn.Close()
	if got := <-heard; got != "hasty words" {
		t.Errorf("the service heard %q", got)
	}
	eventually(t, "nothing under way", func() bool { return s.proxy.Stats().Active == 0 })
}

// A tunnel ends with either end, with the right to it, when nothing is said for
// too long, and with the proxy.
func TestTunnelsEnd(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(s *scene, service, caller net.Conn){
		"the caller goes":          func(_ *scene, _, caller net.Conn) { caller.(*net.TCPConn).SetLinger(0); caller.Close() },
		"the service goes":         func(_ *scene, service, _ net.Conn) { service.(*net.TCPConn).SetLinger(0); service.Close() },
		"the proxy is closed":      func(s *scene, _, _ net.Conn) { s.proxy.Close() },
		"nothing is said":          func(*scene, net.Conn, net.Conn) {},
		"the key is deleted":       (*scene).deleteKey,
		"the credential's deleted": (*scene).deleteCredentials,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			limits := proxy.Limits{Idle: time.Hour, Recheck: 20 * time.Millisecond}
			if name == "nothing is said" {
				limits.Idle = 200 * time.Millisecond
			}
			s := newScene(t, setting{proxy: func(c *proxy.Config) { c.Limits = limits }})
			conns, gone := make(chan net.Conn, 1), make(chan bool, 1)
			conn, br := s.tunnelled(t, func(conn net.Conn, br *bufio.Reader) {
				conns <- conn
				io.Copy(io.Discard, br)
				gone <- true
			})
			io.ReadFull(br, make([]byte, len("early")))
			end(s, <-conns, conn)
			<-gone
			if name != "the caller goes" {
				if rest, _ := io.ReadAll(br); len(rest) > 0 {
					t.Errorf("the caller heard %q", rest)
				}
			}
			eventually(t, "nothing under way", func() bool { return s.proxy.Stats().Active == 0 })
		})
	}
}

func (s *scene) deleteKey(net.Conn, net.Conn) {
	ctx := access.With(context.Background(), access.Caller{Actor: "os:test", Scopes: access.Scopes})
	caller, err := s.Access.Caller(ctx, s.key)
	if err == nil {
		err = s.Access.DeleteKey(ctx, ground.Workspace, caller.Key)
	}
	if err != nil {
		panic(err)
	}
}

func (s *scene) deleteCredentials(net.Conn, net.Conn) {
	ws := s.Host.Workspace(ground.Workspace)
	all, err := ws.List(context.Background(), host.Page{})
	for _, c := range all {
		if err == nil {
			err = ws.Delete(context.Background(), c.ID)
		}
	}
	if err != nil {
		panic(err)
	}
}

// A tunnel takes the operator's own way out.
func TestWebSocketThroughTheOperatorsProxy(t *testing.T) {
	t.Parallel()
	var tunnels atomic.Int32
	way := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		far, err := net.Dial("tcp", r.RequestURI)
		if err != nil || r.Method != "CONNECT" {
			w.WriteHeader(502)
			return
		}
		tunnels.Add(1)
		conn, _, _ := w.(http.Hijacker).Hijack()
		io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { io.Copy(far, conn); far.Close() }()
		io.Copy(conn, far)
		conn.Close()
	}))
	t.Cleanup(way.Close)
	s := newScene(t, setting{ground: ground.Config{Host: func(c *host.Config) {
		c.Egress = egress.Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Proxy: way.URL}
	}}})
	s.Echo.Handler = http.HandlerFunc(sockets)
	c, _, err := s.dial(t, strings.Replace(s.base(), "http:", "ws:", 1)+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	talk(t, c)
	c.Write(t.Context(), websocket.MessageText, []byte("bye"))
	eventually(t, "nothing under way", func() bool { return s.proxy.Stats().Active == 0 })
	if tunnels.Load() == 0 {
		t.Error("it went another way")
	}
}

// SPDX-License-Identifier: Apache-2.0

package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// A ledger is a service that reads what comes as the letter of RFC 9112 has it,
// request after request, and keeps the first lines.
type ledger struct {
	*byteService
	mu    sync.Mutex
	lines []string
}

func newLedger(t *testing.T) *ledger {
	l := &ledger{}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.byteService = &byteService{Listener: listener}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer conn.Close()
				conn.SetDeadline(time.Now().Add(20 * time.Second))
				for br := bufio.NewReader(conn); ; {
					r, err := http.ReadRequest(br)
					if err != nil {
						return
					}
					io.Copy(io.Discard, r.Body)
					l.mu.Lock()
					l.lines = append(l.lines, r.Method+" "+r.RequestURI)
					l.mu.Unlock()
					io.WriteString(conn, ok)
				}
			})
		}
	})
	t.Cleanup(func() { listener.Close(); all.Wait() })
	return l
}

// However a request is framed, it is one to the service, too, or none.
func TestNothingIsSmuggled(t *testing.T) {
	t.Parallel()
	s := newScene(t, setting{})
	service := newLedger(t)
	id := s.createAt(t, service.url())
	const hidden = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
	expected := map[string]string{}
	for name, rest := range map[string]string{
		"a length and chunks":      "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
		"chunks and a length":      "Transfer-Encoding: chunked\r\nContent-Length: 35\r\n\r\n0\r\n\r\n" + hidden,
		"two lengths":              "Content-Length: 0\r\nContent-Length: 35\r\n\r\n" + hidden,
		"one length, twice":        "Content-Length: 0, 35\r\n\r\n" + hidden,
		"a signed length":          "Content-Length: +0\r\n\r\n" + hidden,
		"an odd encoding":          "Transfer-Encoding: xchunked\r\nContent-Length: 35\r\n\r\n" + hidden,
		"an encoding in a fold":    "Transfer-Encoding:\r\n chunked\r\nContent-Length: 35\r\n\r\n0\r\n\r\n" + hidden,
		"a space before a colon":   "Transfer-Encoding : chunked\r\nContent-Length: 35\r\n\r\n0\r\n\r\n" + hidden,
		"an underscore":            "Transfer_Encoding: chunked\r\nContent-Length: 0\r\n\r\n" + hidden,
		"two encodings":            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + hidden,
		"a bare line feed":         "X: 1\nContent-Length: 0\n\n" + hidden,
		"a carriage return":        "X: 1\rContent-Length: 35\r\n\r\n" + hidden,
		"a null":                   "X: 1\x00\r\n\r\n" + hidden,
		"a chunk with a feed":      "Transfer-Encoding: chunked\r\n\r\n1\n\r\nx\r\n0\r\n\r\n" + hidden,
		"a chunk's extension":      "Transfer-Encoding: chunked\r\n\r\n0;a=\"\r\n\r\n\"\r\n\r\n" + hidden,
		"a chunk too long":         "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n" + hidden,
		"a length that is removed": "Connection: Content-Length\r\nContent-Length: 35\r\n\r\n" + hidden,
		"an encoding removed":      "Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n\r\n23\r\n" + hidden + "\r\n0\r\n\r\n",
		"an upgrade to h2c":        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n" + hidden,
		"a body with an upgrade":   "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nContent-Length: 35\r\n\r\n" + hidden,
		"a length with GET":        "Content-Length: 35\r\n\r\n" + hidden,
	} {
		method := "POST"
		if strings.Contains(name, "GET") || strings.Contains(name, "upgrade") {
			method = "GET"
		}
		asked := fmt.Sprintf("/asked/%d", len(expected))
		expected[method+" "+asked] = name
		s.pour(t, method+" /proxy/"+id+"/http/"+service.Addr().String()+asked+" HTTP/1.1\r\nHost: front\r\nAuthorization: Bearer "+s.key+"\r\n"+rest)
		// Whoever uses the connection next must not meet what was left there.
		if a := s.do(t, s.request(t, "GET", "/v1/things", nil)); a.StatusCode != 200 {
			t.Errorf("%s: the next one is answered %d", name, a.StatusCode)
		}
	}
	// A request that broke off may be noted late, so they are looked at in the end.
	service.mu.Lock()
	defer service.mu.Unlock()
	for _, line := range service.lines {
		if expected[line] == "" {
			t.Errorf("the service was sent %q, which was not asked or was sent before, in %q", line, service.lines)
		}
		delete(expected, line)
	}
}

// pour writes bytes to the front, and waits for its last word.
func (s *scene) pour(t *testing.T, request string) {
	t.Helper()
	conn, err := net.Dial("tcp", s.front.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	io.WriteString(conn, request)
	conn.(*net.TCPConn).CloseWrite()
	io.Copy(io.Discard, conn)
}

// What a service sends beyond its answer is taken for no other answer.
func TestNothingIsSmuggledBack(t *testing.T) {
	t.Parallel()
	s := newScene(t, setting{})
	const second = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX-Forged: 1\r\n\r\nevil"
	for _, first := range []string{ok, "HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 304 Not Modified\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"} {
		service := newByteService(t, func(conn net.Conn, br *bufio.Reader) {
			io.WriteString(conn, first+second)
			br.WriteTo(io.Discard)
		})
		id := s.createAt(t, service.url())
		for range 3 {
			got := s.raw(t, "GET /proxy/"+id+"/http/"+service.Addr().String()+"/ HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+s.key+"\r\n\r\n")
			if strings.Contains(got, "X-Forged") || strings.Contains(got, "evil") {
				t.Errorf("after %q: %q", first, got)
			}
		}
	}
	for _, answer := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 4\r\n\r\nokno", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n",
		"HTTP/1.1 200 OK\r\nX: a\rInjected: 1\r\nContent-Length: 0\r\n\r\n", "hello\r\n",
	} {
		service := newByteService(t, says(answer))
		id := s.createAt(t, service.url())
		got := s.raw(t, "GET /proxy/"+id+"/http/"+service.Addr().String()+"/ HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+s.key+"\r\n\r\n")
		if !strings.HasPrefix(got, "HTTP/1.1 502") || strings.Contains(got, "Injected") {
			t.Errorf("%q: %q", answer, got)
		}
	}
}

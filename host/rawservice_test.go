// SPDX-License-Identifier: Apache-2.0

package host_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/internal/defence"
	"github.com/credhost/credhost/internal/testplugin"
	"github.com/credhost/credhost/sdk"
)

// A rawService is a server that believes nothing: it reads one request, as the
// letter of RFC 9112 has it, answers, and notes what else has come.
type rawService struct {
	net.Listener
	answer string // to every request

	mu   sync.Mutex
	busy int      // connections on which something has come
	came [][]byte // by connection, all of it
	all  sync.WaitGroup
}

func newRawService(t testing.TB) *rawService {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &rawService{Listener: l, answer: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"}
	s.all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.all.Go(func() { s.serve(conn) })
		}
	})
	t.Cleanup(func() { l.Close(); s.all.Wait() })
	return s
}

func (s *rawService) base() string { return "http://" + s.Addr().String() }

func (s *rawService) serve(conn net.Conn) {
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	var seen bytes.Buffer
	br := bufio.NewReader(io.TeeReader(conn, &seen))
	if _, err := br.Peek(1); err != nil {
		return // it was only opened
	}
	s.mu.Lock()
	s.busy++
	s.mu.Unlock()
	r, err := http.ReadRequest(br)
	if err == nil {
		conn.SetDeadline(time.Now().Add(5 * time.Second)) // it may have been given a length that it has not
		io.Copy(io.Discard, r.Body)
	}
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	io.WriteString(conn, s.answer)
	conn.(*net.TCPConn).CloseWrite()
	conn.SetDeadline(time.Now().Add(time.Second))
	io.Copy(io.Discard, br) // until the client hangs up
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy--
	s.came = append(s.came, seen.Bytes())
}

// settle is take, once no connection is busy any more.
func (s *rawService) settle(n int) [][]byte {
	came := s.take(n)
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		s.mu.Lock()
		busy := s.busy
		s.mu.Unlock()
		if busy == 0 {
			break
		}
	}
	return append(came, s.take(0)...)
}

// take returns what has come, by connection, once at least n have ended.
func (s *rawService) take(n int) [][]byte {
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		s.mu.Lock()
		if len(s.came) >= n || time.Now().After(end) {
			came := s.came
			s.came = nil
			s.mu.Unlock()
			return came
		}
		s.mu.Unlock()
	}
}

// wellFormed says why raw is not exactly one request for placed.example that
// carries the key once.
func wellFormed(raw []byte, cookie bool) error {
	head, rest, ok := strings.Cut(string(raw), "\r\n\r\n")
	if !ok {
		return fmt.Errorf("the head has no end: %w", errCutOff)
	}
	lines := strings.Split(head, "\r\n")
	first := strings.Split(lines[0], " ")
	if len(first) != 3 || !httpguts.ValidHeaderFieldName(first[0]) || first[2] != "HTTP/1.1" || !strings.HasPrefix(first[1], "/") && first[1] != "*" {
		return fmt.Errorf("the request line is %q", lines[0])
	}
	for _, method := range []string{"TRACE", "TRACK", "CONNECT"} {
		if strings.EqualFold(first[0], method) {
			return fmt.Errorf("the method is %s", first[0])
		}
	}
	h, err := strictHeader(lines[1:])
	if err != nil {
		return err
	}
	if len(h["host"]) != 1 || !strings.EqualFold(strings.TrimSuffix(h["host"][0], ":443"), "placed.example") {
		return fmt.Errorf("Host is %q", h["host"])
	}
	if key := h["x-api-key"]; !cookie && (len(key) != 1 || key[0] != testplugin.Answers("placed")["apiKey"]) {
		return fmt.Errorf("X-Api-Key is %q", key)
	}
	if c := h["cookie"]; cookie && (len(c) != 1 || strings.Count("; "+c[0], "; session=") != 1 || !strings.Contains(c[0], "session=EXAMPLE+placed")) {
		return fmt.Errorf("Cookie is %q", c)
	}
	return framed(h, rest)
}

// strictHeader takes headers apart, by their names as the most careless of
// servers has them.
func strictHeader(lines []string) (map[string][]string, error) {
	h := map[string][]string{}
	for _, line := range lines {
		name, value, ok := strings.Cut(line, ":")
		if !ok || !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
			return nil, fmt.Errorf("%q is not a header", line)
		}
		name = strings.Map(func(c rune) rune {
			if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
				return c
			}
			return '-'
		}, strings.ToLower(name))
		h[name] = append(h[name], strings.Trim(value, " \t"))
	}
	for _, name := range []string{"upgrade", "keep-alive", "proxy-connection", "proxy-authorization", "trailer", "expect", "http2-settings", "proxy"} {
		if h[name] != nil {
			return nil, fmt.Errorf("%s is %q", name, h[name])
		}
	}
	if c := h["connection"]; c != nil && (len(c) != 1 || c[0] != "close") {
		return nil, fmt.Errorf("Connection is %q", c)
	}
	return h, nil
}

// errCutOff says that a request ended early, as one does whose body has fewer
// bytes than its caller says.
var errCutOff = errors.New("the request ends early")

// framed says why rest is not the body that h announces, and nothing more.
func framed(h map[string][]string, rest string) error {
	length, encoding := h["content-length"], h["transfer-encoding"]
	switch {
	case len(length)+len(encoding) > 1:
		return fmt.Errorf("the length is said as %q and %q", length, encoding)
	case len(encoding) == 1:
		return chunked(encoding[0], rest)
	case len(length) == 1:
		n, err := strconv.ParseInt(length[0], 10, 64)
		if err == nil && n > int64(len(rest)) {
			return errCutOff
		}
		if err != nil || n != int64(len(rest)) {
			return fmt.Errorf("the length is %q, and %d bytes came", length[0], len(rest))
		}
	case rest != "":
		return fmt.Errorf("after the request came %q", rest)
	}
	return nil
}

func chunked(encoding, rest string) error {
	if encoding != "chunked" {
		return fmt.Errorf("the encoding is %q", encoding)
	}
	for {
		size, after, whole := strings.Cut(rest, "\r\n")
		if !whole {
			return errCutOff
		}
		n, err := strconv.ParseInt(size, 16, 32)
		switch {
		case err != nil || int(n)+2 > len(after) || after[n:n+2] != "\r\n":
			return fmt.Errorf("a chunk is %q", rest)
		case n == 0 && after != "\r\n":
			return fmt.Errorf("after the last chunk came %q", after)
		case n == 0:
			return nil
		}
		rest = after[n+2:]
	}
}

// sending opens a host without some of its defences, whose type placed is
// served by a rawService.
func sending(t testing.TB, patch sdk.Values, off ...defence.Defence) (*host.Workspace, string, *rawService) {
	t.Helper()
	s := newRawService(t)
	h := open(t, func(cfg *host.Config) { cfg.Egress.Routes = map[string]string{"https://placed.example": s.base()} })
	lax, err := host.Open(defence.Without(t.Context(), off...), h.cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lax.Close() })
	return lax.Workspace("acme"), h.create("placed", patch), s
}

// bare sends r as a caller does who has authenticated it.
func bare(s *rawService, r *http.Request) (*http.Response, error) {
	through := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", s.Addr().String())
	}, DisableKeepAlives: false}
	defer through.CloseIdleConnections()
	r = r.Clone(r.Context())
	r.URL.Scheme = "http"
	return through.RoundTrip(r)
}

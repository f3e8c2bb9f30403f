// SPDX-License-Identifier: Apache-2.0

package proxy_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"strings"
	"sync"
	"testing"
	"time"
)

// raw writes bytes to the front, and returns what comes back for as long as
// something does.
func (s *scene) raw(t testing.TB, request string) string {
	t.Helper()
	conn, err := net.Dial("tcp", s.front.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	br := bufio.NewReader(conn)
	resp, err := http.ReadResponse(br, &http.Request{Method: strings.SplitN(request, " ", 2)[0]})
	if err != nil {
		t.Fatalf("%q: %v", request, err)
	}
	body, _ := io.ReadAll(resp.Body)
	var head strings.Builder
	resp.Header.Write(&head)
	return "HTTP/1.1 " + resp.Status + "\r\n" + head.String() + "\r\n" + string(body)
}

// A byteService answers with bytes, and keeps those that it was sent.
type byteService struct {
	net.Listener
	answer func(conn net.Conn, br *bufio.Reader) // after the head has been read

	mu    sync.Mutex
	heads []string
}

func newByteService(t testing.TB, answer func(conn net.Conn, br *bufio.Reader)) *byteService {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &byteService{Listener: l, answer: answer}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { defer conn.Close(); s.serve(conn) })
		}
	})
	t.Cleanup(func() { l.Close(); all.Wait() })
	return s
}

func (s *byteService) url() string { return "http://" + s.Addr().String() }

func (s *byteService) serve(conn net.Conn) {
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	br := bufio.NewReader(conn)
	tp := textproto.NewReader(br)
	var head strings.Builder
	for {
		line, err := tp.ReadLine()
		if err != nil {
			return
		}
		if line == "" {
			break
		}
		head.WriteString(line + "\r\n")
	}
	s.mu.Lock()
	s.heads = append(s.heads, head.String())
	s.mu.Unlock()
	s.answer(conn, br)
}

// head returns the last head that has come.
func (s *byteService) head() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.heads) == 0 {
		return ""
	}
	return s.heads[len(s.heads)-1]
}

// says returns an answer.
func says(answer string) func(net.Conn, *bufio.Reader) {
	return func(conn net.Conn, _ *bufio.Reader) { io.WriteString(conn, answer) }
}

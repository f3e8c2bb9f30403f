// SPDX-License-Identifier: Apache-2.0

package egress_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/credhost/credhost/host/egress"
	"github.com/credhost/credhost/internal/defence"
	"github.com/credhost/credhost/sdk"
)

// serveRaw starts a server that reads one request of each connection, and then
// does as it likes until the test ends, or its client is gone.
func serveRaw(t testing.TB, answer func(conn net.Conn, over <-chan struct{})) (origin string) {
	t.Helper()
	l := listen(t)
	over := make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			done.Go(func() {
				defer conn.Close()
				if r, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
					io.Copy(io.Discard, r.Body)
					answer(conn, over)
				}
			})
		}
	})
	t.Cleanup(func() { l.Close(); close(over); done.Wait() })
	return "http://" + l.Addr().String()
}

// repeat writes text for ever, with a pause after each.
func repeat(conn net.Conn, over <-chan struct{}, text string, pause time.Duration) {
	for {
		if _, err := io.WriteString(conn, text); err != nil {
			return
		}
		select {
		case <-over:
			return
		case <-time.After(pause):
		}
	}
}

// Services that never come to the point are not waited for, and cost no memory.
func TestFloods(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer func(conn net.Conn, over <-chan struct{})
		off    defence.Defence // without which it goes on; "": net/http itself does not let it
	}{
		"interim answers": {func(conn net.Conn, over <-chan struct{}) {
			repeat(conn, over, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", 0)
		}, defence.HeadSize},
		"slow interim answers": {func(conn net.Conn, over <-chan struct{}) {
			repeat(conn, over, "HTTP/1.1 103 Early Hints\r\n\r\n", 5*time.Millisecond)
		}, defence.AnswerTime},
		"a header without an end": {func(conn net.Conn, over <-chan struct{}) {
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nX: ")
			repeat(conn, over, strings.Repeat("x", 4<<10), 0)
		}, defence.HeadSize},
		"headers without an end": {func(conn net.Conn, over <-chan struct{}) {
			io.WriteString(conn, "HTTP/1.1 200 OK\r\n")
			repeat(conn, over, "X: x\r\n", 0)
		}, defence.HeadSize},
		"slow headers": {func(conn net.Conn, over <-chan struct{}) {
			io.WriteString(conn, "HTTP/1.1 200 OK\r\n")
			repeat(conn, over, "X: x\r\n", 5*time.Millisecond)
		}, defence.AnswerTime},
		"a slow status": {func(conn net.Conn, over <-chan struct{}) { repeat(conn, over, "H", 5*time.Millisecond) }, defence.AnswerTime},
		"nothing":       {func(_ net.Conn, over <-chan struct{}) { <-over }, defence.AnswerTime},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			origin := serveRaw(t, test.answer)
			g := newGuard(t, egress.Config{Allow: loopback, ResponseHeaderTimeout: 300 * time.Millisecond})
			begin := time.Now()
			_, _, err := get(t, t.Context(), g, origin)
			refused(t, err, sdk.Unavailable, origin)
			if took := time.Since(begin); took > 5*time.Second {
				t.Errorf("it was waited for for %v", took)
			}
			lax := egress.NewWithContext(defence.Without(t.Context(), test.off), egress.Config{Allow: loopback, ResponseHeaderTimeout: 300 * time.Millisecond})
			defer lax.Close()
			ctx, cancel := context.WithTimeout(t.Context(), 600*time.Millisecond)
			defer cancel()
			if test.off == defence.HeadSize {
				return // see TestDefencesCanBeSwitchedOff: what has no end ends by the clock then
			}
			if get(t, ctx, lax, origin); ctx.Err() == nil {
				t.Errorf("without the defence %q it ends, too", test.off)
			}
		})
	}
}

// An answer has at most a thousand headers.
func TestManyHeaders(t *testing.T) {
	t.Parallel()
	answer := func(n int) func(conn net.Conn, over <-chan struct{}) {
		return func(conn net.Conn, _ <-chan struct{}) {
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n"+strings.Repeat("X: x\r\n", n)+"\r\n")
		}
	}
	few, many := serveRaw(t, answer(900)), serveRaw(t, answer(1100))
	g := newGuard(t, egress.Config{Allow: loopback})
	if _, _, err := get(t, t.Context(), g, few); err != nil {
		t.Error(err)
	}
	_, _, err := get(t, t.Context(), g, many)
	refused(t, err, sdk.Unavailable, many, "more than 1000 headers")
	lax := egress.NewWithContext(defence.Without(t.Context(), defence.HeadSize), egress.Config{Allow: loopback})
	defer lax.Close()
	if _, _, err := get(t, t.Context(), lax, many); err != nil {
		t.Errorf("without the defence: %v", err)
	}
}

// In HTTP/2, too, headers have a largest size; and so has what comes after a
// body, in both.
func TestLargeHeadsAndTails(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("x", 400<<10)
	for _, second := range []bool{false, true} {
		addr, roots := serveTLS(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/head" {
				w.Header().Set("X", large)
				return
			}
			w.Header().Set("Trailer", "X")
			io.WriteString(w, "a body")
			w.(http.Flusher).Flush()
			w.Header().Set("X", large)
		}, func(s *httptest.Server) { s.EnableHTTP2 = second })
		g := newGuard(t, egress.Config{RootCAs: roots, Routes: map[string]string{"https://example.com": addr}})
		_, _, err := get(t, t.Context(), g, "https://example.com/head")
		refused(t, err, sdk.Unavailable, "https://example.com")
		if _, _, err := get(t, t.Context(), g, "https://example.com/tail"); err == nil {
			t.Errorf("HTTP/2: %v: a trailer of %d bytes was taken", second, len(large))
		}
		lax := egress.NewWithContext(defence.Without(t.Context(), defence.HeadSize), egress.Config{RootCAs: roots, Routes: map[string]string{"https://example.com": addr}})
		defer lax.Close()
		if _, _, err := get(t, t.Context(), lax, "https://example.com/head"); err != nil {
			t.Errorf("HTTP/2: %v: without the defence: %v", second, err)
		}
	}
}

// A service that sends a byte now and then, for ever, has its connection until
// the call ends, and not a moment longer; and so has a plugin that does not
// read.
func TestTrickles(t *testing.T) {
	t.Parallel()
	gone := make(chan bool, 2)
	drip := serveRaw(t, func(conn net.Conn, over <-chan struct{}) {
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
		repeat(conn, over, "1\r\nx\r\n", 5*time.Millisecond)
		gone <- true
	})
	gush := serveRaw(t, func(conn net.Conn, over <-chan struct{}) {
		io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
		repeat(conn, over, strings.Repeat("x", 64<<10), 0)
		gone <- true
	})
	w := newWay(t, newGuard(t, egress.Config{Allow: loopback, MaxAnswer: 1 << 40, MaxTraffic: 1 << 40}))
	_, end := w.call(call1, drip, gush)
	slow, br := w.open(call1, drip)
	io.WriteString(slow, "GET / HTTP/1.1\r\nHost: "+strings.TrimPrefix(drip, "http://")+"\r\n\r\n")
	if _, err := br.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	deaf, _ := w.open(call1, gush)
	io.WriteString(deaf, "GET / HTTP/1.1\r\nHost: "+strings.TrimPrefix(gush, "http://")+"\r\n\r\n")
	time.Sleep(50 * time.Millisecond) // for the pipes to fill
	end()
	for range 2 {
		select {
		case <-gone:
		case <-time.After(10 * time.Second):
			t.Fatal("a service still has its connection after the end of the call")
		}
	}
	runtime.KeepAlive(slow)
}

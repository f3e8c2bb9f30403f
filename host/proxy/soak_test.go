// SPDX-License-Identifier: Apache-2.0

package proxy_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/host/proxy"
	"github.com/credhost/credhost/internal/ground"
)

// soakTime is for how long the soak lasts: CREDHOST_SOAK, or a little.
func soakTime(t *testing.T) time.Duration {
	text := os.Getenv("CREDHOST_SOAK")
	if text == "" {
		return 10 * time.Second
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("CREDHOST_SOAK: %v", err)
	}
	return d
}

// A sample is what a process holds at a moment.
type sample struct{ seconds, heap, goroutines, files float64 }

func takeSample(since time.Time) sample {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	files, _ := os.ReadDir("/proc/self/fd") // elsewhere than on Linux, there are none
	return sample{time.Since(since).Seconds(), float64(m.HeapInuse + m.StackInuse), float64(runtime.NumGoroutine()), float64(len(files))}
}

// growth returns by how much something grows over all samples: the slope of the
// line with the least squares, times the time.
func growth(all []sample, of func(sample) float64) float64 {
	var n, x, y, xx, xy float64
	for _, s := range all {
		n, x, y, xx, xy = n+1, x+s.seconds, y+of(s), xx+s.seconds*s.seconds, xy+s.seconds*of(s)
	}
	return (n*xy - x*y) / (n*xx - x*x) * (all[len(all)-1].seconds - all[0].seconds)
}

// Under a steady load of all that callers and services do, good and bad, the
// proxy holds no more at the end than after its first minutes, and works.
func TestSoak(t *testing.T) {
	total := soakTime(t)
	s := newScene(t, setting{
		ground: ground.Config{
			Access: func(c *access.Config) {
				c.Rates = access.Rates{Key: access.Rate{PerSecond: -1}, Workspace: access.Rate{PerSecond: -1}, Failures: access.Rate{PerSecond: -1}}
			},
			Host: func(c *host.Config) { c.Logger = slog.New(slog.DiscardHandler) },
		},
		proxy: func(c *proxy.Config) {
			c.Logger = slog.New(slog.DiscardHandler)
			c.Limits = proxy.Limits{Active: 200, BodyIdle: 2 * time.Second, Idle: 4 * time.Second, Recheck: 100 * time.Millisecond} // a busy machine stands still for a second
		},
	})
	s.Echo.Handler = http.HandlerFunc(moody)
	s.Echo.Forget = true
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	var done, wrong atomic.Int64
	for i := range 24 {
		act := acts[i%len(acts)]
		all.Go(func() {
			for ctx.Err() == nil {
				if err := act(ctx, s); err != "" && ctx.Err() == nil {
					if wrong.Add(1) < 10 {
						t.Error(err)
					}
				}
				done.Add(1)
				time.Sleep(time.Duration(rand.IntN(4)) * time.Millisecond)
			}
		})
	}
	began := time.Now()
	time.Sleep(total / 3) // what is kept for later use has come by then
	var samples []sample
	for range 20 {
		time.Sleep(total * 2 / 3 / 20)
		samples = append(samples, takeSample(began))
	}
	stop()
	all.Wait()
	heap := growth(samples, func(s sample) float64 { return s.heap })
	goroutines := growth(samples, func(s sample) float64 { return s.goroutines })
	files := growth(samples, func(s sample) float64 { return s.files })
	first, last := samples[0], samples[len(samples)-1]
	t.Logf("%d exchanges in %v: memory %.1f to %.1f MiB (%+.2f), goroutines %.0f to %.0f (%+.1f), descriptors %.0f to %.0f (%+.1f)", done.Load(), total.Round(time.Second),
		first.heap/(1<<20), last.heap/(1<<20), heap/(1<<20), first.goroutines, last.goroutines, goroutines, first.files, last.files, files)
	if heap > 8<<20 || goroutines > 100 || files > 100 {
		t.Errorf("it grows: memory by %.1f MiB, goroutines by %.0f, descriptors by %.0f", heap/(1<<20), goroutines, files)
	}
	if n := wrong.Load(); n > 0 {
		t.Errorf("%d exchanges went wrong", n)
	}
	eventually(t, "nothing under way", func() bool { return s.proxy.Stats().Active == 0 })
}

// moody is a service with all the faults that services have.
func moody(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/socket":
		sockets(w, r)
	case "/error":
		w.WriteHeader(500)
	case "/cut":
		io.WriteString(w, "half")
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	case "/slow":
		select {
		case <-time.After(50 * time.Millisecond):
		case <-r.Context().Done():
		}
	case "/silent":
		<-r.Context().Done()
	case "/endless":
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 32<<10)); err != nil {
				return
			}
		}
	case "/early":
		w.Header().Set("Connection", "close")
		w.WriteHeader(413)
	default:
		http.NewResponseController(w).EnableFullDuplex() // or it would throw away what it has not read when it begins to answer
		io.Copy(w, r.Body)
	}
}

// acts are what callers do. Each returns what went wrong that should not have.
var acts = []func(ctx context.Context, s *scene) string{
	func(ctx context.Context, s *scene) string { return s.expect(ctx, "GET", "/small", nil, 200) },
	func(ctx context.Context, s *scene) string {
		return s.expect(ctx, "POST", "/large", bytes.NewReader(make([]byte, 256<<10)), 200)
	},
	func(ctx context.Context, s *scene) string { return s.expect(ctx, "GET", "/error", nil, 500) },
	func(ctx context.Context, s *scene) string { return s.expect(ctx, "GET", "/slow", nil, 200) },
	func(ctx context.Context, s *scene) string { return s.expect(ctx, "GET", "/silent", nil, 504) },
	func(ctx context.Context, s *scene) string { s.expect(ctx, "GET", "/cut", nil, 200); return "" },
	func(ctx context.Context, s *scene) string { s.leave(ctx, "/silent", 20*time.Millisecond); return "" },
	func(ctx context.Context, s *scene) string { s.leave(ctx, "/endless", 20*time.Millisecond); return "" },
	func(ctx context.Context, s *scene) string { // a body that stops
		s.hang(ctx, "POST "+s.at(s.Echo.URL)+"/upload HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+s.key+"\r\nContent-Length: 100\r\n\r\nhalf")
		return ""
	},
	func(ctx context.Context, s *scene) string { // a head that stops
		s.hang(ctx, "GET "+s.at(s.Echo.URL)+"/upload HTTP/1.1\r\nHost:")
		return ""
	},
	func(ctx context.Context, s *scene) string {
		s.expect(ctx, "POST", "/early", bytes.NewReader(make([]byte, 1<<20)), 413)
		return ""
	},
	func(ctx context.Context, s *scene) string {
		c, _, err := websocket.Dial(ctx, strings.Replace(s.base(), "http:", "ws:", 1)+"/socket", &websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer " + s.key}}})
		if err != nil {
			return err.Error()
		}
		defer c.CloseNow()
		if err := c.Write(ctx, websocket.MessageText, []byte("hello")); err != nil {
			return err.Error()
		}
		if _, text, err := c.Read(ctx); err != nil || string(text) != "hello" {
			return "a socket: " + string(text)
		}
		return ""
	},
}

// expect sends a request, and says what is wrong if it is not answered so.
func (s *scene) expect(ctx context.Context, method, path string, body io.Reader, status int) string {
	r, _ := http.NewRequestWithContext(ctx, method, s.base()+path, body)
	r.Header.Set("Authorization", "Bearer "+s.key)
	resp, err := s.client().Do(r)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	if resp.StatusCode != status {
		said, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10)) // why the proxy refused it
		return path + ": " + resp.Status + ": " + string(said)
	}
	if n, err := io.Copy(io.Discard, resp.Body); err != nil || path == "/large" && n != 256<<10 {
		return fmt.Sprintf("%s: %d bytes, and %v", path, n, err)
	}
	return ""
}

// leavers have connections of their own: net/http's client may close that of
// another when a request of it is ended (Go's issue 41600).
var leavers = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// leave sends a request, and goes.
func (s *scene) leave(ctx context.Context, path string, after time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, after)
	defer cancel()
	r, _ := http.NewRequestWithContext(ctx, "GET", s.base()+path, nil)
	r.Header.Set("Authorization", "Bearer "+s.key)
	if resp, err := leavers.Do(r); err == nil {
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
}

// hang writes to a connection and then nothing more, until it is closed.
func (s *scene) hang(ctx context.Context, text string) {
	conn, err := net.Dial("tcp", s.front.Listener.Addr().String())
	if err != nil {
		return
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	conn.SetDeadline(time.Now().Add(time.Second))
	io.WriteString(conn, text)
	bufio.NewReader(conn).WriteTo(io.Discard)
}

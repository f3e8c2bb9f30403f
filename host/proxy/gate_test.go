// SPDX-License-Identifier: Apache-2.0

package proxy_test

import (
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/host/proxy"
	"github.com/credhost/credhost/internal/ground"
)

// held is a service that keeps requests until it is told to answer.
type held struct {
	came chan bool
	let  chan bool
}

func hold() held { return held{make(chan bool, 1000), make(chan bool)} }

func (h held) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.came <- true
	<-h.let
}

// start sends n requests that are kept, and returns how to wait for their end.
func (s *scene) start(t *testing.T, h held, n int, key, id string) (wait func()) {
	t.Helper()
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			r := s.request(t, "GET", "/held", nil)
			r.URL.Path = strings.Replace(r.URL.Path, s.id, id, 1)
			r.Header.Set("Authorization", "Bearer "+key)
			if a := s.do(t, r); a.StatusCode != 200 {
				t.Errorf("one that was let in: %d %s", a.StatusCode, a.body)
			}
		})
	}
	for range n {
		<-h.came
	}
	return all.Wait
}

// With as much to do as it can, the proxy says so within milliseconds, and does
// its work again as soon as there is less.
func TestOverload(t *testing.T) {
	t.Parallel()
	s := newScene(t, setting{proxy: func(c *proxy.Config) {
		c.Limits = proxy.Limits{Active: 4, Queue: 2, Wait: time.Minute, PerKey: 100, PerCredential: 100}
	}})
	h := hold()
	s.Echo.Handler = h
	wait := s.start(t, h, 4, s.key, s.id)
	var late sync.WaitGroup
	for range 2 {
		late.Go(func() {
			if a := s.do(t, s.request(t, "GET", "/held", nil)); a.StatusCode != 200 {
				t.Errorf("one that waited its turn: %d %s", a.StatusCode, a.body)
			}
		})
	}
	eventually(t, "two wait", func() bool { return s.proxy.Stats().Waiting == 2 })
	began := time.Now()
	a := s.do(t, s.request(t, "GET", "/held", nil))
	if d := time.Since(began); d > time.Second {
		t.Errorf("refused after %v", d)
	}
	a.failure(t, 503, "full", "as much to do")
	if a.Header.Get("Retry-After") != "1" {
		t.Errorf("Retry-After is %q", a.Header.Get("Retry-After"))
	}
	close(h.let)
	wait()
	late.Wait()
	if st := s.proxy.Stats(); st.Active != 0 || st.Waiting != 0 || st.Refused != 1 {
		t.Errorf("afterwards %+v", st)
	}
	if a := s.do(t, s.request(t, "GET", "/held", nil)); a.StatusCode != 200 {
		t.Errorf("afterwards: %d", a.StatusCode)
	}
}

// Nobody waits for longer than the limit, and a caller who goes takes its place
// in the queue along.
func TestWaitingEnds(t *testing.T) {
	t.Parallel()
	s := newScene(t, setting{proxy: func(c *proxy.Config) {
		c.Limits = proxy.Limits{Active: 1, Queue: 2, Wait: 50 * time.Millisecond, PerKey: 100, PerCredential: 100}
	}})
	h := hold()
	s.Echo.Handler = h
	wait := s.start(t, h, 1, s.key, s.id)
	s.do(t, s.request(t, "GET", "/held", nil)).failure(t, 503, "full", "")
	conn, err := net.Dial("tcp", s.front.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(conn, "GET "+s.at(s.Echo.URL)+"/held HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+s.key+"\r\n\r\n")
	conn.Close()
	eventually(t, "nobody waits", func() bool { return s.proxy.Stats().Waiting == 0 })
	close(h.let)
	wait()
}

// A service that hangs holds its share, and so does a caller with many requests;
// others are served.
func TestNobodyTakesMoreThanTheirShare(t *testing.T) {
	t.Parallel()
	s := newScene(t, setting{proxy: func(c *proxy.Config) {
		c.Limits = proxy.Limits{Active: 20, PerKey: 3, PerCredential: 5}
	}})
	h := hold()
	s.Echo.Handler = h
	mine, yours := s.key, s.KeyOf(access.NewKey{Workspace: ground.Workspace, Name: "n", Scopes: access.Scopes})
	first := s.start(t, h, 3, mine, s.id)
	s.do(t, s.request(t, "GET", "/held", nil)).failure(t, 429, "rate", "this key has as many requests under way")
	second := s.start(t, h, 2, yours, s.id)
	r := s.request(t, "GET", "/held", nil)
	r.Header.Set("Authorization", "Bearer "+yours)
	s.do(t, r).failure(t, 503, "full", "this credential has as many requests under way")
	elsewhere := ground.NewEcho(t)
	another := s.createAt(t, elsewhere.URL)
	r, _ = http.NewRequestWithContext(t.Context(), "GET", s.front.URL+"/proxy/"+another+"/http/"+strings.TrimPrefix(elsewhere.URL, "http://")+"/", nil)
	r.Header.Set("Authorization", "Bearer "+yours)
	if a := s.do(t, r); a.StatusCode != 200 {
		t.Errorf("another credential: %d %s", a.StatusCode, a.body)
	}
	close(h.let)
	first()
	second()
}

// A key that asks too often is told when to ask again, and the service is left
// alone.
func TestRateOfAKey(t *testing.T) {
	t.Parallel()
	s := newScene(t, setting{ground: ground.Config{Access: func(c *access.Config) {
		c.Rates.Key = access.Rate{PerSecond: 0.001, Burst: 2}
	}}})
	for range 2 {
		if a := s.do(t, s.request(t, "GET", "/", nil)); a.StatusCode != 200 {
			t.Fatalf("within the rate: %d %s", a.StatusCode, a.body)
		}
	}
	a := s.do(t, s.request(t, "GET", "/", nil))
	a.failure(t, 429, "rate", "asks too often")
	if a.Header.Get("Retry-After") == "" || a.Header.Get("RateLimit") == "" || len(s.Echo.Requests()) != 2 {
		t.Errorf("%v, and the service was asked %d times", a.Header, len(s.Echo.Requests()))
	}
}

// Whoever lets the proxy wait is not waited for, and nothing of theirs is left.
func TestSlowEndsAreLeft(t *testing.T) {
	t.Parallel()
	s := newScene(t, setting{proxy: func(c *proxy.Config) {
		c.Limits = proxy.Limits{Idle: 300 * time.Millisecond, BodyIdle: 100 * time.Millisecond}
	}})
	stop := make(chan bool)
	defer close(stop)
	s.Echo.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/silent":
			select {
			case <-stop:
			case <-r.Context().Done():
			}
		case "/half":
			io.WriteString(w, "half")
			w.(http.Flusher).Flush()
			select {
			case <-stop:
			case <-r.Context().Done():
			}
		case "/endless":
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					return
				}
			}
		default:
			io.Copy(w, r.Body)
		}
	})
	head := func(method, path string) string {
		return method + " " + s.at(s.Echo.URL) + path + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + s.key + "\r\n"
	}
	if got := s.raw(t, head("POST", "/slow")+"Content-Length: 10\r\n\r\nabc"); !strings.HasPrefix(got, "HTTP/1.1 408") || !strings.Contains(got, "problem:slow") {
		t.Errorf("a slow body: %q", got)
	}
	if got := s.raw(t, head("POST", "/slow")+"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"); !strings.HasPrefix(got, "HTTP/1.1 408") {
		t.Errorf("slow chunks: %q", got)
	}
	if got := s.raw(t, head("GET", "/silent")+"\r\n"); !strings.HasPrefix(got, "HTTP/1.1 504") || !strings.Contains(got, "problem:late") {
		t.Errorf("a service that says nothing: %q", got)
	}
	resp, err := s.client().Do(s.request(t, "GET", "/half", nil))
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(resp.Body); err == nil || string(body) != "half" {
		t.Errorf("half an answer: %q, %v", body, err)
	}
	resp.Body.Close()
	conn, err := net.Dial("tcp", s.front.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, head("GET", "/endless")+"\r\n") // of which nothing is read
	eventually(t, "the endless one has begun", func() bool { return s.proxy.Stats().Active == 1 })
	eventually(t, "nothing under way", func() bool { return s.proxy.Stats().Active == 0 })
}

// Close ends what a server cannot, and lets nothing more begin.
func TestClose(t *testing.T) {
	t.Parallel()
	s := newScene(t, setting{})
	s.proxy.Close()
	a := s.do(t, s.request(t, "GET", "/", nil))
	a.failure(t, 503, "unavailable", "shut down")
	s.proxy.Close()
}

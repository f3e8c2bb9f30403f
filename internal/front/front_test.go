// SPDX-License-Identifier: Apache-2.0

package front

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/credhost/credhost/host"
)

func TestMain(m *testing.M) {
	// A server that has refused a large head lingers, for its caller to read why.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait"))
}

// A book is a log that tests read.
type book struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements [io.Writer].
func (b *book) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// String returns what was logged.
func (b *book) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// serve starts a server for h on this machine.
func serve(t *testing.T, rules Rules, h http.HandlerFunc) (s *Server, url string, log *book) {
	t.Helper()
	log = &book{}
	s = New(slog.New(slog.NewJSONHandler(log, nil)))
	all, err := Listen(Address{"tcp", "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	url = URL(all[0], false)
	s.Serve(all[0], nil, s.Receive(func() Rules { return rules }, h))
	t.Cleanup(func() {
		over, cancel := context.WithCancel(context.Background())
		cancel()
		s.Shutdown(over)
		http.DefaultClient.CloseIdleConnections()
	})
	return s, url, log
}

func get(t *testing.T, url string, change ...func(*http.Request)) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range change {
		f(r)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

// Each request has an ID that its answer, its context and its line in the log
// share, and the line has nothing that may be a secret.
func TestARequestIsKnown(t *testing.T) {
	var got host.Source
	_, url, log := serve(t, Rules{}, func(w http.ResponseWriter, r *http.Request) { got = host.SourceOf(r.Context()) })
	resp, _ := get(t, url+"/proxy/c-1/https/api.example/v1/SECRET-PATH?key=SECRET-QUERY", func(r *http.Request) {
		r.Header.Set("Authorization", "Bearer SECRET-KEY")
		r.Header.Set("X-Request-Id", "SECRET-OF-ANOTHER")
		r.Header.Set(RequestHeader, "SECRET-OF-ANOTHER")
	})
	id := resp.Header.Get(RequestHeader)
	if got.Request != id || !strings.HasPrefix(id, "r-") || got.Address != "127.0.0.1" {
		t.Errorf("the answer has the ID %q, the context %+v", id, got)
	}
	var line map[string]any
	if err := json.Unmarshal([]byte(log.String()), &line); err != nil {
		t.Fatal(err)
	}
	if line["request"] != id || line["path"] != "/proxy/c-1/https/api.example" || line["status"] != 200.0 || line["address"] != "127.0.0.1" {
		t.Errorf("the log has %v", line)
	}
	if strings.Contains(log.String(), "SECRET") {
		t.Errorf("the log has a secret: %s", log)
	}
	if again, _ := get(t, url); again.Header.Get(RequestHeader) == id {
		t.Error("two requests have one ID")
	}
}

// A proxy that is trusted gives requests their IDs.
func TestAProxyGivesIDs(t *testing.T) {
	trust := Trust{Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}
	_, url, _ := serve(t, Rules{Trust: trust}, func(http.ResponseWriter, *http.Request) {})
	for given, kept := range map[string]bool{"0af7651916cd43dd": true, "short": false, "with space in it": false, strings.Repeat("a", 65): false} {
		resp, _ := get(t, url, func(r *http.Request) { r.Header.Set("X-Request-Id", given) })
		if got := resp.Header.Get(RequestHeader); (got == given) != kept {
			t.Errorf("%q became %q", given, got)
		}
	}
}

// A page whose name was made to lead here reads nothing.
func TestAnotherNameIsRefused(t *testing.T) {
	called := false
	_, url, _ := serve(t, Rules{}, func(http.ResponseWriter, *http.Request) { called = true })
	resp, body := get(t, url+"/v1/types", func(r *http.Request) { r.Host = "evil.example" })
	if resp.StatusCode != http.StatusMisdirectedRequest || called || resp.Header.Get("Credhost-Error") != "invalid" || !strings.Contains(body, resp.Header.Get(RequestHeader)) {
		t.Errorf("it was answered with %s: %s", resp.Status, body)
	}
	for _, path := range []string{"/v1/health", "/v1/ready"} {
		if resp, _ := get(t, url+path, func(r *http.Request) { r.Host = "10.1.2.3" }); resp.StatusCode != 200 {
			t.Errorf("%s was answered with %s", path, resp.Status)
		}
	}
}

func TestPanicsAreLoggedAndEndTheAnswer(t *testing.T) {
	_, url, log := serve(t, Rules{}, func(w http.ResponseWriter, r *http.Request) { panic("SECRET") })
	if resp, err := http.Get(url); err == nil {
		resp.Body.Close()
		t.Errorf("it was answered with %s", resp.Status)
	}
	if !strings.Contains(log.String(), "a handler has panicked") || strings.Contains(log.String(), "SECRET") {
		t.Errorf("the log has %s", log)
	}
}

// What is under way when a server ends is finished; streams of events are told
// at once; what takes too long, and what was upgraded, is cut off in the end.
func TestShutdown(t *testing.T) {
	begun := make(chan string, 10)
	goOn := make(chan struct{})
	s, url, _ := serve(t, Rules{}, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/v1/events":
			w.Header().Set("Content-Type", "text/event-stream")
			http.NewResponseController(w).Flush()
			begun <- "events"
			<-r.Context().Done()
		case "/upgrade":
			c, rw, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			fmt.Fprint(rw, "HTTP/1.1 101 Switching Protocols\r\n\r\n")
			rw.Flush()
			begun <- "upgrade"
			io.Copy(c, rw) // until it is cut off
		case "/slow":
			begun <- "slow"
			<-goOn
			io.WriteString(w, "whole")
		}
	})
	events, err := http.Get(url + "/v1/events")
	if err != nil {
		t.Fatal(err)
	}
	defer events.Body.Close()
	c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "GET /upgrade HTTP/1.1\r\nHost: localhost\r\n\r\n")
	upgraded := bufio.NewReader(c)
	if line, _ := upgraded.ReadString('\n'); !strings.Contains(line, "101") {
		t.Fatalf("no upgrade: %q", line)
	}
	slow := make(chan string, 1)
	go func() {
		resp, err := http.Get(url + "/slow")
		if err != nil {
			slow <- err.Error()
			return
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		slow <- string(body)
	}()
	for range 3 {
		<-begun
	}

	s.Drain()
	if !s.Draining() {
		t.Error("a server that drains does not say so")
	}
	if _, err := io.ReadAll(events.Body); err != nil {
		t.Errorf("a stream of events ended with %v", err)
	}
	fmt.Fprint(c, "still")
	echo := make([]byte, 5)
	if _, err := io.ReadFull(c, echo); err != nil && upgraded.Buffered() == 0 {
		t.Errorf("what was upgraded was cut off early: %v", err)
	}

	limit, cut := context.WithCancel(context.Background())
	done := make(chan int, 1)
	go func() { done <- s.Shutdown(limit) }()
	refused := func() bool {
		c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err == nil {
			c.Close()
		}
		return err != nil
	}
	for end := time.Now().Add(20 * time.Second); !refused(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("who comes after the end is let in")
		}
	}
	close(goOn)
	if got := <-slow; got != "whole" {
		t.Errorf("a slow answer was %q", got)
	}
	cut()
	if n := <-done; n != 1 {
		t.Errorf("%d requests were cut off instead of one", n)
	}
	c.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.ReadAll(upgraded); err != nil && strings.Contains(err.Error(), "timeout") {
		t.Error("what was upgraded lives on")
	}
}

// A Unix socket is this user's alone, goes with the server, and takes the place
// of one that a killed server has left, but of nothing else.
func TestUnixSocket(t *testing.T) {
	dir, err := os.MkdirTemp("", "f") // a short path
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "s")
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(Address{"unix", path}); err == nil || !strings.Contains(err.Error(), "another program") {
		t.Errorf("a socket was taken from its owner: %v", err)
	}
	left.SetUnlinkOnClose(false)
	left.Close()
	all, err := Listen(Address{"unix", path})
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket is %v, %v", info.Mode(), err)
	}
	if !Local(all[0]) || URL(all[0], false) != "" {
		t.Errorf("a socket is taken for an address")
	}
	s := New(slog.New(slog.DiscardHandler))
	s.Serve(all[0], nil, s.Receive(func() Rules { return Rules{} }, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, host.SourceOf(r.Context()).Address)
	})))
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}}
	resp, err := client.Get("http://localhost/")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	client.CloseIdleConnections()
	if string(body) != "local" {
		t.Errorf("who comes through a socket comes from %q", body)
	}
	s.Shutdown(t.Context())
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("%v is left", entries)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(Address{"unix", path}); err == nil {
		t.Error("a file was taken for a socket that nobody needs")
	}
}

// Without TLS, HTTP/2 is for those who know that it is there.
func TestHTTP2InTheClear(t *testing.T) {
	_, url, _ := serve(t, Rules{}, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Proto) })
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	tr := &http.Transport{Protocols: protocols}
	defer tr.CloseIdleConnections()
	resp, err := (&http.Client{Transport: tr}).Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); string(body) != "HTTP/2.0" {
		t.Errorf("it was %s", body)
	}
	if _, body := get(t, url); body != "HTTP/1.1" {
		t.Errorf("others got %s", body)
	}
}

// A head that does not end, or is too large, costs a moment and no handler.
func TestLargeHeads(t *testing.T) {
	_, url, _ := serve(t, Rules{}, func(http.ResponseWriter, *http.Request) {})
	resp, _ := get(t, url, func(r *http.Request) { r.Header.Set("X-Large", strings.Repeat("a", headerBytes+8192)) })
	if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("it was answered with %s", resp.Status)
	}
}

func TestRedirect(t *testing.T) {
	h := Redirect("https://credhost.example")
	for _, c := range []struct {
		method, target string
		status         int
		location       string
	}{
		{"GET", "/types?q=a%20b", 308, "https://credhost.example/types?q=a%20b"},
		{"GET", "//evil.example/", 308, "https://credhost.example//evil.example/"},
		{"POST", "/v1/credentials", 403, ""},
		{"GET", "http://evil.example/", 403, ""},
	} {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(c.method + " " + c.target + " HTTP/1.1\r\nHost: credhost.example\r\n\r\n")))
		if err != nil {
			t.Fatal(err)
		}
		w := newAnswer()
		h.ServeHTTP(w, r)
		if w.status != c.status || w.header.Get("Location") != c.location {
			t.Errorf("%s %s: %d %s", c.method, c.target, w.status, w.header.Get("Location"))
		}
	}
}

// An answer is one that a test looks at.
type answer struct {
	header http.Header
	status int
}

func newAnswer() *answer                      { return &answer{header: http.Header{}} }
func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(p []byte) (int, error) { return len(p), nil }

// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/credhost/credhost/sdk"
)

const (
	callA = "AAAAAAAAAAAAAAAAAAAAAAAAAA"
	callB = "BBBBBBBBBBBBBBBBBBBBBBBBBB"
)

// egress serves a Unix socket as a host would: answer has the connection and
// its first line.
func egress(t testing.TB, answer func(conn net.Conn, line string)) string {
	t.Helper()
	socket := filepath.Join(folder(t), "egress")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	var open sync.WaitGroup
	t.Cleanup(func() {
		l.Close()
		open.Wait()
	})
	open.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() {
				defer conn.Close()
				conn.SetDeadline(time.Now().Add(20 * time.Second))
				line, err := firstLine(conn)
				if err == nil {
					answer(conn, line)
				}
			})
		}
	})
	return socket
}

// firstLine reads a line and nothing behind it.
func firstLine(conn net.Conn) (string, error) {
	var line []byte
	for b := make([]byte, 1); ; line = append(line, b[0]) {
		if _, err := io.ReadFull(conn, b); err != nil || b[0] == '\n' {
			return string(line), err
		}
	}
}

// says answers the first line with text and nothing more.
func says(text string) func(net.Conn, string) {
	return func(conn net.Conn, _ string) {
		io.WriteString(conn, text)
		io.Copy(io.Discard, conn)
	}
}

func TestDialerSaysWhoAndWhere(t *testing.T) {
	t.Parallel()
	lines := make(chan string, 1)
	socket := egress(t, func(conn net.Conn, line string) {
		lines <- line
		io.WriteString(conn, "ok\n")
	})
	for origin, want := range map[string]string{
		"https://api.example.com":       "https://api.example.com",
		"https://API.example.com:443/x": "https://api.example.com",
		"http://[::1]:8080":             "http://[::1]:8080",
		"tcp://db.example.com:5432":     "tcp://db.example.com:5432",
	} {
		conn, err := Dialer(socket, callA)(t.Context(), origin)
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
		if got := <-lines; got != callA+" "+want {
			t.Errorf("%s: got the line %q", origin, got)
		}
	}
}

// What comes behind the host's line is the service's, and none of it is lost.
func TestDialerReadsNoFurther(t *testing.T) {
	t.Parallel()
	socket := egress(t, says("ok\n220 service ready\r\n"))
	for _, origin := range []string{"tcp://mail.example.com:25", "http://mail.example.com"} {
		conn, err := Dialer(socket, callA)(t.Context(), origin)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || line != "220 service ready\r\n" {
			t.Errorf("%s: got %q, %v", origin, line, err)
		}
	}
}

func TestDialerErrors(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, said string
		code       sdk.Code
		want       string
	}{
		{"invalid", "no invalid 10.0.0.1 is private: see --allow\n", sdk.Invalid, "10.0.0.1 is private: see --allow"},
		{"unavailable", "no unavailable the service does not answer\n", sdk.Unavailable, "the service does not answer"},
		{"internal", "no internal the call is over\n", sdk.Internal, "the call is over"},
		{"control characters", "no invalid \x1b[2Jred\r\x00\n", sdk.Invalid, "[2Jred"},
		{"unknown code", "no matter what\n", sdk.Unavailable, "the host did not connect"},
		{"no message", "no invalid\n", sdk.Unavailable, "the host did not connect"},
		{"neither", "yes\n", sdk.Unavailable, "the host did not connect"},
		{"blank", "\n\n\n\n", sdk.Unavailable, "the host did not connect"},
		{"too long", "no invalid " + strings.Repeat("a", MaxEgressAnswer) + "\n", sdk.Unavailable, "the host did not connect"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			_, err := Dialer(egress(t, says(row.said)), callA)(t.Context(), "https://api.example.com")
			dialFailed(t, err, row.code, row.want)
		})
	}
	hung := egress(t, func(conn net.Conn, _ string) { io.WriteString(conn, "o") })
	_, err := Dialer(hung, callA)(t.Context(), "https://api.example.com")
	dialFailed(t, err, sdk.Unavailable, "the host did not connect")
	_, err = Dialer(filepath.Join(folder(t), "none"), callA)(t.Context(), "https://api.example.com")
	dialFailed(t, err, sdk.Internal, "the host offers no way to the network")
	for _, call := range []string{"", "short", callA + " https://b.example", callA + "\n", strings.Repeat("a", 129)} {
		_, err = Dialer(hung, call)(t.Context(), "https://api.example.com")
		dialFailed(t, err, sdk.Internal, "only a call can connect")
	}
	for _, origin := range []string{"", "api.example.com", "https://api.example.com\nx", "https://" + strings.Repeat("a.", 300) + "example"} {
		_, err = Dialer(hung, callA)(t.Context(), origin)
		dialFailed(t, err, sdk.Internal, "only to an origin")
	}
}

func dialFailed(t *testing.T, err error, code sdk.Code, want string) {
	t.Helper()
	var e *sdk.Error
	if !errors.As(err, &e) || e.Code != code || !strings.Contains(e.Message, want) {
		t.Errorf("got %v, want %v: %s", err, code, want)
	}
}

// A dial ends with its context, and says so.
func TestDialerEndsWithContext(t *testing.T) {
	t.Parallel()
	asked, over := make(chan bool), make(chan bool)
	socket := egress(t, func(net.Conn, string) {
		asked <- true
		<-over
	})
	defer close(over)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	began := time.Now()
	if _, err := Dialer(socket, callA)(ctx, "https://api.example.com"); err != context.Canceled || time.Since(began) > EgressTimeout/2 {
		t.Errorf("got %v after %v", err, time.Since(began))
	}
}

// A service is what a test's egress connects to.
type service struct {
	mu    sync.Mutex
	conns map[net.Conn]string // the call of each connection
	mixed bool                // a request came on the connection of another call
}

// answer answers one request after the other on a connection, with JSON that
// is the call and the origin, and is an OAuth token besides.
func (s *service) answer(conn net.Conn, line string) {
	call, origin, _ := strings.Cut(line, " ")
	io.WriteString(conn, "ok\n")
	br := bufio.NewReader(conn)
	for {
		r, err := http.ReadRequest(br)
		if err != nil {
			return
		}
		io.Copy(io.Discard, r.Body)
		s.note(conn, call, r.Header.Get("X-Call"))
		body, _ := json.Marshal(map[string]string{
			"call": call, "origin": origin, "host": r.Host, "proto": r.Proto,
			"access_token": "token-" + call, "token_type": "Bearer",
		})
		fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	}
}

func (s *service) note(conn net.Conn, call, said string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if said != "" && said != call {
		s.mixed = true
	}
	s.conns[conn] = call
}

// online returns the context of a call that reaches the network through a socket.
func online(t testing.TB, socket, call string) context.Context {
	InstallTransport()
	return sdk.WithDialer(t.Context(), Dialer(socket, call))
}

func get(ctx context.Context, c *http.Client, url, call string) (answer map[string]string, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("X-Call", call)
	resp, err := c.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return answer, json.NewDecoder(resp.Body).Decode(&answer)
}

// Ordinary code works, and so does a clone of the default transport.
func TestInstallTransport(t *testing.T) {
	t.Parallel()
	s := &service{conns: map[net.Conn]string{}}
	ctx := online(t, egress(t, s.answer), callA)
	clone := http.DefaultTransport.(*http.Transport).Clone()
	clone.MaxIdleConnsPerHost = 10
	for name, c := range map[string]*http.Client{
		"default client": http.DefaultClient, "own client": {Timeout: 10 * time.Second}, "clone": {Transport: clone},
	} {
		for url, origin := range map[string]string{
			"https://api.example.com/x":      "https://api.example.com",
			"https://API.example.com:8443/x": "https://api.example.com:8443",
			"http://api.example.com/x":       "http://api.example.com",
			"http://[2001:db8::1]:80/x":      "http://[2001:db8::1]",
			"https://bücher.example/x":       "https://xn--bcher-kva.example",
		} {
			got, err := get(ctx, c, url, callA)
			if err != nil || got["origin"] != origin || got["proto"] != "HTTP/1.1" || got["call"] != callA {
				t.Errorf("%s: %s: got %v, %v", name, url, got, err)
			}
		}
	}
	if _, err := get(t.Context(), http.DefaultClient, "https://api.example.com/x", ""); err == nil || !strings.Contains(err.Error(), "belongs to no call") {
		t.Errorf("without a call: got %v", err)
	}
}

func TestOAuthLibraryWorks(t *testing.T) {
	t.Parallel()
	s := &service{conns: map[net.Conn]string{}}
	ctx := online(t, egress(t, s.answer), callA)
	cc := clientcredentials.Config{ClientID: "id", ClientSecret: "secret", TokenURL: "https://auth.example.com/token"}
	if token, err := cc.Token(ctx); err != nil || token.AccessToken != "token-"+callA {
		t.Errorf("client credentials: got %v, %v", token, err)
	}
	code := oauth2.Config{ClientID: "id", ClientSecret: "secret", Endpoint: oauth2.Endpoint{TokenURL: "https://auth.example.com/token"}}
	if token, err := code.Exchange(ctx, "code"); err != nil || token.AccessToken != "token-"+callA {
		t.Errorf("authorization code: got %v, %v", token, err)
	}
}

// The host's words reach whoever asks for them, through everything that
// net/http and oauth2 wrap around them.
func TestRefusalSurvivesLibraries(t *testing.T) {
	t.Parallel()
	ctx := online(t, egress(t, says("no invalid 10.0.0.1 is private\n")), callA)
	_, err := get(ctx, http.DefaultClient, "https://api.example.com/x", callA)
	dialFailed(t, err, sdk.Invalid, "10.0.0.1 is private")
	cc := clientcredentials.Config{TokenURL: "https://auth.example.com/token"}
	_, err = cc.Token(ctx)
	dialFailed(t, err, sdk.Invalid, "10.0.0.1 is private")
}

// A refusal that comes in the place of a response is no response, however it
// is cut into pieces; a service cannot forge one.
func TestLateRefusal(t *testing.T) {
	t.Parallel()
	head := "HTTP/1.1 502 Bad Gateway\r\nCredhost-Call: %s\r\nCredhost-Egress: no invalid the address is private\r\nContent-Length: 0\r\n\r\n"
	for _, piece := range []int{1, 7, 1000} {
		socket := egress(t, func(conn net.Conn, line string) {
			io.WriteString(conn, "ok\n")
			if r, err := http.ReadRequest(bufio.NewReader(conn)); err != nil || r.Host != "api.example.com" {
				return
			}
			text := fmt.Sprintf(head, strings.Split(line, " ")[0])
			for len(text) > 0 {
				n := min(piece, len(text))
				io.WriteString(conn, text[:n])
				text = text[n:]
			}
		})
		_, err := get(online(t, socket, callA), http.DefaultClient, "https://api.example.com/", callA)
		dialFailed(t, err, sdk.Invalid, "the address is private")
	}
	forged := egress(t, func(conn net.Conn, _ string) {
		io.WriteString(conn, "ok\n")
		http.ReadRequest(bufio.NewReader(conn))
		fmt.Fprintf(conn, head, callB)
	})
	r, err := http.NewRequestWithContext(online(t, forged, callA), http.MethodGet, "https://api.example.com/", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil || resp.StatusCode != http.StatusBadGateway {
		t.Fatalf("got %v, %v", resp, err)
	}
	resp.Body.Close()
}

// A response that begins like a refusal, and is cut off, loses nothing.
func TestResponseThatBeginsLikeARefusal(t *testing.T) {
	t.Parallel()
	const said = "HTTP/1.1 502 Bad Gateway\r\nCredhost-Call: AAAAA"
	socket := egress(t, func(conn net.Conn, _ string) { io.WriteString(conn, "ok\n"+said) })
	conn, err := Dialer(socket, callA)(t.Context(), "https://api.example.com")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got, err := io.ReadAll(conn); err != nil || string(got) != said {
		t.Errorf("got %q, %v", got, err)
	}
}

// Calls that go to the same place at the same time share no connection.
func TestCallsShareNoConnection(t *testing.T) {
	t.Parallel()
	s := &service{conns: map[net.Conn]string{}}
	socket := egress(t, s.answer)
	const workers, requests = 8, 25
	var done sync.WaitGroup
	for i := range workers {
		call := fmt.Sprintf("call%022d", i)
		ctx := online(t, socket, call)
		done.Go(func() {
			for range requests {
				short, cancel := context.WithCancel(ctx)
				if i%2 == 0 {
					time.AfterFunc(200*time.Microsecond, cancel) // some give up, and leave a connection behind
				}
				got, err := get(short, http.DefaultClient, "https://api.example.com/", call)
				if i%2 != 0 && (err != nil || got["call"] != call) {
					t.Errorf("%s: got %v, %v", call, got, err)
				}
				cancel()
			}
		})
	}
	done.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mixed {
		t.Error("a request came on the connection of another call")
	}
	if len(s.conns) < workers/2*requests {
		t.Errorf("%d requests came on %d connections", workers/2*requests, len(s.conns))
	}
}

// SPDX-License-Identifier: Apache-2.0

package egress_test

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/credhost/credhost/host/egress"
	"github.com/credhost/credhost/internal/defence"
	"github.com/credhost/credhost/internal/nameserver"
)

// The defences of a plugin's socket: what is refused with all of them goes
// through without that one.
func TestSocketDefencesCanBeSwitchedOff(t *testing.T) {
	t.Parallel()
	origin := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Credhost-Call", call1)
		w.Header().Set("Keep-Alive", "for the host alone")
		n, _ := io.Copy(io.Discard, r.Body)
		if r.URL.Path == "/large" {
			io.Copy(w, io.LimitReader(zeros{}, 4000))
			return
		}
		if n > 0 {
			io.WriteString(w, "read it all")
		}
	})
	addr := strings.TrimPrefix(origin, "http://")
	get := "GET / HTTP/1.1\r\nHost: " + addr + "\r\n"
	for _, test := range []struct {
		off   defence.Defence
		say   string
		wants string // what comes without the defence alone
	}{
		{defence.AnswerSize, "GET /large HTTP/1.1\r\nHost: " + addr + "\r\nConnection: close\r\n\r\n", strings.Repeat("\x00", 4000)},
		{defence.RequestSize, "POST / HTTP/1.1\r\nHost: " + addr + "\r\nConnection: close\r\nContent-Length: 2000\r\n\r\n" + strings.Repeat("x", 2000), "read it all"},
		{defence.CallTraffic, get + "X: " + strings.Repeat("x", 8000) + "\r\nConnection: close\r\n\r\n", "200 OK"},
		{defence.OneReading, get + "X: y\nContent-Length: 0\r\nConnection: close\r\n\r\n", "200 OK"},
		{defence.Unforged, get + "Connection: close\r\n\r\n", "Credhost-Call: " + call1},
		{defence.Hops, get + "Connection: close\r\n\r\n", "Keep-Alive: for the host alone"},
	} {
		try := func(off ...defence.Defence) string {
			w := newWay(t, egress.NewWithContext(defence.Without(t.Context(), off...), egress.Config{Allow: loopback, MaxAnswer: 1000, MaxRequest: 1000, MaxTraffic: 6000}))
			_, end := w.call(call1, origin)
			defer end()
			conn, br := w.open(call1, origin)
			go io.WriteString(conn, test.say)
			text, _ := io.ReadAll(br)
			if resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader(string(text))), nil); err == nil {
				body, _ := io.ReadAll(resp.Body) // in one piece, however it was cut
				text = append(text, body...)
			}
			return string(text)
		}
		if got := try(); strings.Contains(got, test.wants) {
			t.Errorf("%s: the attack succeeds with all defences", test.off)
		}
		if got := try(test.off); !strings.Contains(got, test.wants) {
			t.Errorf("%s: without it, the attack still ends with %.200q", test.off, got)
		}
	}
}

// A call's connections and its end.
func TestCallDefencesCanBeSwitchedOff(t *testing.T) {
	t.Parallel()
	origin := serve(t, func(http.ResponseWriter, *http.Request) {})
	try := func(off ...defence.Defence) (second string, after error) {
		w := newWay(t, egress.NewWithContext(defence.Without(t.Context(), off...), egress.Config{Allow: loopback, MaxConns: 1}))
		_, end := w.call(call1, origin)
		conn, br := w.open(call1, origin)
		_, _, second = w.raw(call1 + " " + origin + "\n")
		end()
		conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		_, after = br.ReadByte()
		return second, after
	}
	if second, after := try(); second == "ok\n" || !errors.Is(after, io.EOF) {
		t.Errorf("with all defences: a second connection got %q, and the first goes on: %v", second, after)
	}
	if second, _ := try(defence.CallConns); second != "ok\n" {
		t.Errorf("%s: without it, a second connection got %q", defence.CallConns, second)
	}
	if _, after := try(defence.CallEnd); !errors.Is(after, os.ErrDeadlineExceeded) {
		t.Errorf("%s: without it, the connection ends: %v", defence.CallEnd, after)
	}
}

// A request that is not safe to repeat comes twice where nothing keeps net/http
// from it.
func TestSentOnceDefence(t *testing.T) {
	t.Parallel()
	try := func(off ...defence.Defence) int {
		origin, requests := once(t)
		g := egress.NewWithContext(defence.Without(t.Context(), off...), egress.Config{Allow: loopback, IdleTimeout: time.Minute})
		defer g.Close()
		if _, _, err := get(t, t.Context(), g, origin+"/first"); err != nil {
			t.Fatal(err)
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, origin+"/second", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Idempotency-Key", "k")
		if resp, err := g.RoundTrip(r); err == nil {
			resp.Body.Close()
		}
		return requests("/second")
	}
	if n := try(); n != 1 {
		t.Errorf("it was sent %d times, want once", n)
	}
	if n := try(defence.SentOnce); n < 2 {
		t.Errorf("without the defence it was sent %d times, want twice", n)
	}
}

// What a name led to is told where nothing keeps it.
func TestAlikeDefence(t *testing.T) {
	t.Parallel()
	names := nameserver.Resolver(t, func(string, int) []string { return []string{"10.11.12.13"} })
	try := func(off ...defence.Defence) string {
		g := egress.NewWithContext(defence.Without(t.Context(), off...), egress.Config{Resolver: names})
		defer g.Close()
		_, _, err := get(t, t.Context(), g, "https://private.example")
		return err.Error()
	}
	if text := try(); strings.Contains(text, "10.11.12.13") {
		t.Errorf("%q tells where the name leads", text)
	}
	if text := try(defence.Alike); !strings.Contains(text, "10.11.12.13") {
		t.Errorf("without the defence it reads %q", text)
	}
}

// Net/http reads the environment's proxies once in a process, so each half has
// one of its own.
func TestUnproxiedDefence(t *testing.T) {
	if proxy := os.Getenv("PROXY_OF_THIS_TEST"); proxy != "" {
		off := []defence.Defence{}
		if os.Getenv("WITHOUT_DEFENCE") != "" {
			off = append(off, defence.Unproxied)
		}
		g := egress.NewWithContext(defence.Without(t.Context(), off...), egress.Config{AllowHTTP: true, Allow: loopback, Resolver: nameserver.Resolver(t, func(string, int) []string { return nil })})
		defer g.Close()
		get(t, t.Context(), g, "http://api.example.com/path")
		return
	}
	for _, without := range []string{"", "yes"} {
		l := listen(t)
		asked := make(chan string, 1)
		go func() {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			if r, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				asked <- r.RequestURI
			}
		}()
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestUnproxiedDefence$")
		cmd.Env = append(os.Environ(), "PROXY_OF_THIS_TEST=1", "WITHOUT_DEFENCE="+without, "HTTP_PROXY=http://"+l.Addr().String(), "NO_PROXY=")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		l.Close()
		var got string
		select {
		case got = <-asked:
		default:
		}
		if want := map[string]string{"": "", "yes": "http://api.example.com/path"}[without]; got != want {
			t.Errorf("without the defence: %q; the proxy was asked for %q, want %q", without, got, want)
		}
	}
}

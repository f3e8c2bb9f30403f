// SPDX-License-Identifier: Apache-2.0

package egress_test

import (
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/credhost/credhost/host/egress"
	"github.com/credhost/credhost/internal/defence"
	"github.com/credhost/credhost/internal/nameserver"
	"github.com/credhost/credhost/sdk"
)

// doors are what may be behind an address of this machine, by name. Each counts
// who knocks.
func doors(t *testing.T, knocks *atomic.Int32) map[string]string {
	t.Helper()
	open := func(answer func(conn net.Conn)) string {
		l := listen(t)
		var done sync.WaitGroup
		done.Go(func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				knocks.Add(1)
				answer(conn)
				conn.Close()
			}
		})
		t.Cleanup(func() { l.Close(); done.Wait() })
		return portOf(t, "http://"+l.Addr().String())
	}
	gone := listen(t)
	gone.Close()
	plain := serve(t, func(w http.ResponseWriter, _ *http.Request) { knocks.Add(1); io.WriteString(w, "there") })
	secure, _ := serveTLS(t, func(w http.ResponseWriter, _ *http.Request) { knocks.Add(1) }, nil)
	return map[string]string{
		"nothing":          portOf(t, "http://"+gone.Addr().String()),
		"a web server":     portOf(t, plain),
		"one with TLS":     portOf(t, "https://"+secure),
		"one that resets":  open(func(conn net.Conn) { conn.(*net.TCPConn).SetLinger(0) }),
		"a mail server":    open(func(conn net.Conn) { io.WriteString(conn, "220 mail.example ESMTP\r\n") }),
		"one that is slow": open(func(net.Conn) { time.Sleep(50 * time.Millisecond) }),
	}
}

// Whoever makes a host knock at addresses of its own network learns nothing of
// what is there: no word, no code and no delay of a refusal depends on it,
// since nobody knocks.
func TestNoOracle(t *testing.T) {
	t.Parallel()
	var knocks atomic.Int32
	ports := doors(t, &knocks)
	g := newGuard(t, egress.Config{AllowHTTP: true, Resolver: nameserver.Resolver(t, func(string, int) []string { return []string{"127.0.0.1", "::1"} })})
	w := newWay(t, g)
	said, took := map[string]string{}, map[string][]time.Duration{}
	for range 20 {
		for door, port := range ports {
			for _, origin := range []string{"http://127.0.0.1:" + port, "https://127.0.0.1:" + port, "http://name.example:" + port, "https://name.example:" + port, "tcp://name.example:" + port} {
				w.call(call1, origin)
				kind := strings.TrimSuffix(origin, port)
				for way, try := range map[string]func() error{
					"Check": func() error { return g.Check(origin) },
					"the host": func() error {
						_, _, err := get(t, t.Context(), g, origin)
						return err
					},
					"a plugin": func() error {
						if strings.HasPrefix(origin, "tcp:") {
							_, err := w.dial(t.Context(), call1, origin)
							return err
						}
						resp, err := w.client(call1).Get(origin)
						if err == nil {
							resp.Body.Close()
						}
						return err
					},
				} {
					named := strings.Contains(origin, "name.example")
					if way == "Check" && named || way == "the host" && strings.HasPrefix(origin, "tcp:") {
						continue
					}
					begin := time.Now()
					err := try()
					took[way+kind+"/"+door] = append(took[way+kind+"/"+door], time.Since(begin))
					var text string
					if refused(t, err, sdk.Invalid, "--allow-address"); err != nil {
						text = strings.ReplaceAll(err.Error(), port, "PORT")
					}
					if before, again := said[way+kind]; again && before != text {
						t.Errorf("%s, %s: at %s it reads %q, elsewhere %q", way, kind, door, text, before)
					}
					said[way+kind] = text
				}
			}
		}
	}
	if n := knocks.Load(); n > 0 {
		t.Errorf("%d connections were made", n)
	}
	classes := map[string][]time.Duration{}
	for key, all := range took {
		slices.Sort(all)
		kind := key[:strings.LastIndex(key, "/")]
		classes[kind] = append(classes[kind], all[len(all)/2])
	}
	for kind, medians := range classes {
		if fast, slow := slices.Min(medians), slices.Max(medians); slow > 20*fast+5*time.Millisecond {
			t.Errorf("%s: a refusal takes %v at one door and %v at another", kind, fast, slow)
		}
	}

	// Where the policy does not look, every door has its own voice.
	lax := egress.NewWithContext(defence.Without(t.Context(), defence.Addresses), egress.Config{AllowHTTP: true, ResponseHeaderTimeout: 20 * time.Millisecond})
	defer lax.Close()
	voices := map[string]bool{}
	for _, port := range ports {
		_, body, err := get(t, t.Context(), lax, "http://127.0.0.1:"+port)
		if err != nil {
			body = strings.ReplaceAll(err.Error(), port, "PORT")
		}
		voices[body] = true
	}
	if len(voices) < 2 || knocks.Load() == 0 {
		t.Errorf("without the defence, %d doors have %d voices and were knocked at %d times: this test proves nothing", len(ports), len(voices), knocks.Load())
	}
}

// None of the attempts to reach a name goes to an address that is refused,
// whatever stands beside it and in whichever order.
func TestNoAttemptAtARefusedAddress(t *testing.T) {
	t.Parallel()
	var knocks atomic.Int32
	good := serve(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "good") })
	port := portOf(t, good)
	for _, addr := range []string{"127.0.0.2:" + port, "127.0.0.3:" + port, "[::1]:" + port} {
		l, err := net.Listen("tcp", addr)
		if err != nil && strings.HasPrefix(addr, "[") {
			t.Logf("this machine has no IPv6: %v", err)
			continue
		} else if err != nil {
			t.Fatal(err)
		}
		var done sync.WaitGroup
		done.Go(func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				knocks.Add(1)
				conn.Close()
			}
		})
		t.Cleanup(func() { l.Close(); done.Wait() })
	}
	orders := [][]string{
		{"127.0.0.2", "127.0.0.1"}, {"127.0.0.1", "127.0.0.2"}, {"::1", "127.0.0.2", "127.0.0.3", "127.0.0.1"}, {"127.0.0.2", "::1", "127.0.0.3"}, {"::1"},
	}
	names := nameserver.Resolver(t, func(name string, _ int) []string { return orders[name[0]-'a'] })
	g := newGuard(t, egress.Config{Allow: loopback, AllowHTTP: true, Resolver: names})
	try := func(g *egress.Guard) {
		for i, order := range orders {
			url := "http://" + string(rune('a'+i)) + ".example:" + port
			_, body, err := get(t, t.Context(), g, url)
			if slices.Contains(order, "127.0.0.1") != (body == "good") {
				t.Errorf("%v: got %q, %v", order, body, err)
			}
			g.Close()
		}
	}
	try(g)
	if n := knocks.Load(); n > 0 {
		t.Errorf("%d connections were made to addresses that are refused", n)
	}
	lax := egress.NewWithContext(defence.Without(t.Context(), defence.EachAttempt), egress.Config{Allow: loopback, AllowHTTP: true, Resolver: names})
	defer lax.Close()
	get(t, t.Context(), lax, "http://d.example:"+port)
	if knocks.Load() == 0 {
		t.Error("without the defence, none is made either: this test proves nothing")
	}
}

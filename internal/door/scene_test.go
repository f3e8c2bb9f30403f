// SPDX-License-Identifier: Apache-2.0

package door_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/host/audit"
	"github.com/credhost/credhost/host/connectflow"
	"github.com/credhost/credhost/host/egress"
	"github.com/credhost/credhost/host/events"
	"github.com/credhost/credhost/host/httpapi"
	"github.com/credhost/credhost/host/memstore"
	"github.com/credhost/credhost/host/proxy"
	"github.com/credhost/credhost/host/sealer"
	"github.com/credhost/credhost/host/web"
	"github.com/credhost/credhost/internal/front"
	"github.com/credhost/credhost/internal/ground"
	"github.com/credhost/credhost/internal/hostile"
	"github.com/credhost/credhost/internal/nameserver"
	"github.com/credhost/credhost/sdk"
)

func TestMain(m *testing.M) { ground.Main(m) }

// other is a workspace beside [ground.Workspace], of somebody else.
const other = "globex"

// evil is the origin of a page of the attacker's.
const evil = "https://evil.example"

// A door is a host that is served.
type door struct {
	*ground.Ground
	at    string // host and port
	trail *audit.Trail
	log   *transcript

	mu    sync.Mutex
	shift time.Duration
}

// A transcript keeps what is logged.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements [io.Writer].
func (l *transcript) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String returns what was logged.
func (l *transcript) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (d *door) now() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return time.Now().Add(d.shift)
}

func (d *door) advance(by time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.shift += by
}

// open serves a host. One that is lax allows what operators can allow.
func open(t testing.TB, lax bool) *door {
	t.Helper()
	d := &door{log: new(transcript)}
	logger := slog.New(slog.NewTextHandler(d.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	d.at = l.Addr().String()
	store := memstore.New()
	t.Cleanup(func() { store.Close() })
	ring, err := sealer.NewKeyring()
	must(t, err)
	seals := sealer.New(ring)
	d.trail, err = audit.Open(context.Background(), audit.Config{Store: store, Sealer: seals, Now: d.now, Logger: logger})
	must(t, err)
	t.Cleanup(func() { d.trail.Close() })
	var feed *events.Feed
	d.Ground = ground.New(t, ground.Config{Store: store, Sealer: seals, Now: d.now,
		Host: func(c *host.Config) {
			c.CallbackURL, c.Audit, c.Fingerprint, c.Logger = d.url("/connect/callback"), d.trail.Record, d.trail.Fingerprint, logger
			c.Release = func(string, string) bool { return lax }
			feed = events.Listen(c)
		},
		Access: func(c *access.Config) {
			c.Logger, c.Rates = logger, access.Rates{Failures: access.Rate{PerSecond: 1e6}}
		},
	})
	d.Echo.Handler = http.HandlerFunc(answers)
	hooks := egress.Config{AllowHTTP: true, Resolver: nameserver.Resolver(t, func(_ string, n int) []string {
		if n == 1 {
			return []string{"192.0.2.1"}
		}
		return []string{"127.0.0.1"}
	})}
	if lax {
		hooks.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	}
	told, err := events.Open(context.Background(), events.Config{Host: d.Host, Feed: feed, Access: d.Access, Egress: hooks, Logger: logger})
	must(t, err)
	t.Cleanup(func() { told.Close() })
	flows, err := connectflow.Open(connectflow.Config{Host: d.Host, StartURL: d.url("/connect/start")})
	must(t, err)
	t.Cleanup(func() { flows.Close() })
	var pages []string
	rules := front.Rules{Names: front.NewNames(d.at)}
	if lax {
		pages = []string{evil}
		rules.Trust.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		rules.Names = front.NewNames(d.at, "evil.example")
	}
	api, err := httpapi.New(httpapi.Config{Host: d.Host, Access: d.Access, Audit: d.trail, Events: told, Connect: flows, Origins: pages, Page: d.url(""), Logger: logger})
	must(t, err)
	way, err := proxy.New(proxy.Config{Host: d.Host, Access: d.Access, Audit: d.trail, Origins: pages, Logger: logger, Limits: proxy.Limits{Recheck: 20 * time.Millisecond}})
	must(t, err)
	t.Cleanup(func() { way.Close() })
	page, err := web.New(web.Config{Host: d.Host, Access: d.Access, Audit: d.trail, Events: told, Flows: flows, Origin: d.url(""), Logger: logger})
	must(t, err)
	server := front.New(logger)
	server.Serve(l, nil, server.Receive(func() front.Rules { return rules }, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch { // as cmd/credhost does
		case proxy.Wants(r):
			way.ServeHTTP(w, r)
		case strings.HasPrefix(r.URL.Path, "/v1/"):
			api.ServeHTTP(w, r)
		default:
			page.ServeHTTP(w, r)
		}
	})))
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		server.Shutdown(ctx)
	})
	_, err = d.Access.CreateWorkspace(access.With(context.Background(), operator), other)
	must(t, err)
	return d
}

var operator = access.Caller{Actor: "os:test", Scopes: access.Scopes}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (d *door) url(path string) string { return "http://" + d.at + path }

// An attempt is a case's test.
type attempt struct {
	// run makes the attempt. It reports whether the attacker has got what they
	// wanted, and what they, or who is attacked, were told.
	run func(x *try) (won bool, told string)

	says string // a part of what is told when the attempt fails
}

// long are attempts that take their time: where they must succeed, they are made
// beside where they must not.
var long = map[string]bool{"a head that trickles": true}

// A try is an attempt that is made.
type try struct {
	*door
	t    testing.TB
	easy bool // it must succeed: see the case's contrast

	open *door // the lax one, for attempts that it, too, must stop
}

// tries makes all attempts of a list: first where they must succeed, and then
// where they must not. Each case of the list must have an attempt, and each
// attempt a case.
func tries(t *testing.T, all map[string]attempt) {
	t.Helper()
	strict, lax := open(t, false), open(t, true)
	for _, c := range hostile.Of("internal/door", t.Name()) {
		a, ok := all[c.Name]
		if !ok {
			t.Errorf("nobody tries %q", c.Name)
			continue
		}
		delete(all, c.Name)
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			var easy sync.WaitGroup
			easy.Go(func() {
				if won, told := a.run(&try{lax, t, true, lax}); !won {
					t.Errorf("the attempt fails where it is allowed, too: it proves nothing. What is told: %.2000s", told)
				}
			})
			defer easy.Wait()
			if !long[c.Name] {
				easy.Wait()
			}
			won, told := a.run(&try{strict, t, false, lax})
			if won {
				t.Errorf("the attempt succeeds. What is told: %.2000s", told)
			}
			if !strings.Contains(told, a.says) {
				t.Errorf("what is told is %.2000q, and should have %q in it", told, a.says)
			}
		})
	}
	for name := range all {
		t.Errorf("the attempt %q is of no case in the list", name)
	}
	t.Cleanup(func() { // when all have been made
		for _, d := range []*door{strict, lax} {
			for _, secret := range []string{ground.EchoKey, "chk_", "chd_", "chs_", "chl_"} {
				if i := strings.Index(d.log.String(), secret); i >= 0 {
					t.Errorf("the log holds %s…", d.log.String()[max(0, i-200):i])
				}
			}
		}
	})
}

// credential makes one in a workspace, at the echo or elsewhere.
func (x *try) credential(workspace string, at ...string) string {
	x.t.Helper()
	values := sdk.Values{"baseUrl": append(at, x.Echo.URL)[0], "apiKey": ground.EchoKey}
	id, err := x.Host.Workspace(workspace).Create(context.Background(), "acme", values)
	must(x.t, err)
	return id
}

// key makes a key of a workspace.
func (x *try) key(workspace string, scopes ...access.Scope) string {
	x.t.Helper()
	return x.KeyOf(access.NewKey{Workspace: workspace, Name: "door", Scopes: scopes})
}

// narrowed derives a key.
func (x *try) narrowed(of string, limits access.Limits) string {
	x.t.Helper()
	caller, err := x.Access.Caller(context.Background(), of)
	must(x.t, err)
	key, _, err := x.Access.Derive(access.With(context.Background(), caller), caller, nil, limits, 5*time.Minute)
	must(x.t, err)
	return key
}

// An answer is one that was read.
type answer struct {
	status int
	header http.Header
	body   string
}

// String is what an answer says.
func (a answer) String() string { return fmt.Sprint(a.status, " ", a.header, " ", a.body) }

var client = &http.Client{Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 10}, Timeout: 20 * time.Second,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// ask sends a request, whose headers are pairs.
func (x *try) ask(key, method, path, body string, headers ...string) answer {
	x.t.Helper()
	r, err := http.NewRequest(method, x.url(path), strings.NewReader(body))
	must(x.t, err)
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	return x.send(client, r)
}

func (x *try) send(c *http.Client, r *http.Request) answer {
	x.t.Helper()
	resp, err := c.Do(r)
	if err != nil {
		return answer{body: err.Error()}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 4<<20))
	if err != nil {
		body = append(body, err.Error()...)
	}
	for name, values := range resp.Trailer {
		resp.Header["Trailer: "+name] = values
	}
	return answer{resp.StatusCode, resp.Header, string(body)}
}

// raw sends bytes, and returns what comes back until nothing more does for half a
// second, or the connection ends.
func (x *try) raw(bytes string) string {
	x.t.Helper()
	conn, err := net.Dial("tcp", x.at)
	must(x.t, err)
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	io.WriteString(conn, strings.ReplaceAll(bytes, "@at", x.at))
	var all []byte
	for part := make([]byte, 64<<10); ; conn.SetReadDeadline(time.Now().Add(500 * time.Millisecond)) {
		n, err := conn.Read(part)
		all = append(all, part[:n]...)
		if err != nil {
			return string(all)
		}
	}
}

// arrived returns what the echo was sent for a path.
func (x *try) arrived(path string) (all []*http.Request) {
	for _, r := range x.Echo.Requests() {
		if strings.HasPrefix(r.RequestURI, path) {
			all = append(all, r)
		}
	}
	return all
}

// eventually waits for what comes soon.
func eventually(ok func() bool) bool {
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

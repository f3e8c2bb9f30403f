// SPDX-License-Identifier: Apache-2.0

package hostile_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/egress"
	"github.com/credhost/credhost/host/memstore"
	"github.com/credhost/credhost/host/sealer"
	"github.com/credhost/credhost/internal/defence"
	"github.com/credhost/credhost/sdk"
)

// programs is the folder with the plugin, and with what a host remembers of it.
var programs, remembered string

// programsEnv is where the programs are that another run of this test has
// built, for the user it has become, who builds none.
const programsEnv = "CREDHOST_HOSTILE_PROGRAMS"

func TestMain(m *testing.M) {
	if dir := os.Getenv(programsEnv); dir != "" {
		programs, remembered = filepath.Join(dir, "plugins"), filepath.Join(dir, "t", "cache")
		atOnce()
		os.Exit(m.Run())
	}
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "credhost-hostile")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		programs, remembered = filepath.Join(dir, "plugins"), filepath.Join(dir, "cache")
		build := exec.Command("go", "build", "-ldflags", "-s -w", "-o", filepath.Join(programs, "credhost-plugin-hostile"), "./credhost-plugin-hostile")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			panic(string(out))
		}
		defer closeHouses()
		atOnce()
		return m.Run()
	}())
}

// atOnce has more attempts be made at once than there are processors, unless a
// flag says how many: most wait for a process to start, to hang or to end.
func atOnce() {
	flag.Parse()
	said := false
	flag.Visit(func(f *flag.Flag) { said = said || f.Name == "test.parallel" })
	if !said {
		flag.Set("test.parallel", strconv.Itoa(2*runtime.GOMAXPROCS(0)))
	}
}

// The places of the world. Nobody but the tests serves them.
const (
	api   = "https://api.good.example"
	login = "https://login.good.example"
	evil  = "https://evil.example"
)

// canary is the secret of whoever is attacked. It must never be seen where it
// does not belong: no log, no error and no record of the audit may have it.
const canary = "EXAMPLE-canary-5f2c"

// A world is a host with real plugin processes, and the services that it can
// reach. It has its defences, or, when an attempt is made for the first time,
// it lacks those of the case. Services are added before the host is used for
// the first time.
type world struct {
	t   *testing.T
	ctx context.Context // of all that is done with the host; it lacks defences

	// easy says that this is the attempt that must succeed: the case's defences
	// are off. A case without any makes the same attempt where it is allowed.
	easy bool
	off  []defence.Defence // of the case, if they are

	// shares says that the world may use a host that others have used, as long as
	// it serves api and evil alone. See [world.alone].
	shares   bool
	handlers map[string]http.Handler // of a world that shares
	speaks   func(net.Conn)          // for api, in the place of a handler

	// change, if not nil, changes what the host is made of before it is opened.
	change func(*host.Config)

	log    *transcript
	audit  *transcript
	store  host.Store
	routes map[string]string

	mu     sync.Mutex
	offset time.Duration // of the host's clock
	seen   []arrival     // what came to the services, evil among them

	once   sync.Once
	opened *host.Host
}

// newWorld returns a world with a host of its own.
func newWorld(t *testing.T, easy bool, off []defence.Defence) *world {
	return begin(t, easy, false, off)
}

func begin(t *testing.T, easy, shares bool, off []defence.Defence) *world {
	w := &world{t: t, ctx: t.Context(), easy: easy, shares: shares, log: new(transcript), audit: new(transcript), store: memstore.New(),
		routes: map[string]string{}, handlers: map[string]http.Handler{}}
	if easy {
		w.off = off
		w.ctx = defence.Without(w.ctx, off...)
	}
	w.serve(evil, http.NotFoundHandler())
	return w
}

// patience is how long a request may take. Who waits longer hangs.
const patience = 30 * time.Second

// now is the host's clock, which runs, and which tests move.
func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.offset)
}

// alone gives the world a host of its own: for attempts that move its clock, or
// leave something behind. It comes before all else.
func (w *world) alone() {
	if len(w.handlers) > 1 {
		w.t.Fatal("the world has begun already")
	}
	w.shares = false
	w.serve(evil, http.NotFoundHandler())
}

func (w *world) advance(d time.Duration) {
	if w.shares {
		w.t.Fatal("the world shares its clock with others")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.offset += d
}

// serve has a handler answer for an origin, over plain HTTP: the host is told
// where the origin is really served.
func (w *world) serve(origin string, h http.Handler) {
	if w.shares {
		w.handlers[origin] = w.watch(origin, h)
		return
	}
	s := httptest.NewServer(w.watch(origin, h))
	w.t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	w.routes[origin] = s.URL
}

// An arrival is a request as it came to a service.
type arrival struct {
	origin, line, header, body string
}

// watch keeps what comes to a service; of bodies, what is short.
func (w *world) watch(origin string, h http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		a := arrival{origin: origin, line: r.Method + " " + r.RequestURI, header: fmt.Sprint(r.Host, r.Header, r.TransferEncoding, r.Trailer)}
		if 0 < r.ContentLength && r.ContentLength < 1<<20 {
			body, _ := io.ReadAll(r.Body)
			a.body, r.Body = string(body), io.NopCloser(bytes.NewReader(body))
		}
		w.mu.Lock()
		w.seen = append(w.seen, a)
		w.mu.Unlock()
		h.ServeHTTP(rw, r)
	})
}

// arrivals returns what came to an origin.
func (w *world) arrivals(origin string) []arrival {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(w.seen), func(a arrival) bool { return a.origin != origin })
}

// got reports whether something that came to an origin holds text.
func (w *world) got(origin, text string) bool {
	return slices.ContainsFunc(w.arrivals(origin), func(a arrival) bool { return strings.Contains(a.line+a.header+a.body, text) })
}

// listen has f speak for an origin on each connection, byte by byte: it is
// closed when f returns.
func (w *world) listen(origin string, f func(net.Conn)) {
	if w.shares && origin == api {
		w.speaks = f
		return
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				f(conn)
			}()
		}
	}()
	w.routes[origin] = "http://" + l.Addr().String()
}

// evilGot reports whether something that came to the attacker holds text.
func (w *world) evilGot(text string) bool { return w.got(evil, text) }

// host opens the host, once.
func (w *world) host() *host.Host {
	w.t.Helper()
	w.once.Do(func() {
		w.settle()
		if !w.shares {
			w.opened = w.open()
			return
		}
		h := w.borrow()
		w.opened, w.store, w.routes = h.host, h.store, h.routes
	})
	return w.opened
}

// settle gives up sharing where the world is not like others.
func (w *world) settle() {
	others := len(w.routes) > 0
	for origin := range w.handlers {
		others = others || origin != api && origin != evil
	}
	if !w.shares || w.change == nil && !others {
		return
	}
	w.shares = false
	for origin, h := range w.handlers {
		if w.routes[origin] == "" {
			s := httptest.NewServer(h)
			w.t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
			w.routes[origin] = s.URL
		}
	}
	if w.speaks != nil {
		w.listen(api, w.speaks)
	}
}

// open opens a host on the world's store.
func (w *world) open() *host.Host {
	w.t.Helper()
	cfg := host.Config{
		Plugins: []string{programs}, Lock: filepath.Join(w.t.TempDir(), "lock"), Cache: remembered, Dev: true,
		Store: w.store, Sealer: sealer.New(keyring(w.t)),
		Egress:      egress.Config{Routes: maps.Clone(w.routes)},
		CallbackURL: "https://host.example/callback",
		Logger:      slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Audit:       func(_ context.Context, e host.Event) error { return json.NewEncoder(w.audit).Encode(e) },
		Now:         w.now,
	}
	if w.change != nil {
		w.change(&cfg)
	}
	h, err := host.Open(w.ctx, cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { h.Close() })
	return h
}

// keyring is the one of all worlds: to make one takes a while.
var keyring = func() func(t *testing.T) *sealer.Keyring {
	made := sync.OnceValues(sealer.NewKeyring)
	return func(t *testing.T) *sealer.Keyring {
		keys, err := made()
		if err != nil {
			t.Fatal(err)
		}
		return keys
	}
}()

// acme is the tenant who is attacked, or who attacks.
func (w *world) acme() *host.Workspace { return w.host().Workspace("acme") }

// create makes a credential at api with the canary for a secret.
func (w *world) create(typ string, more sdk.Values) string {
	w.t.Helper()
	id, err := w.acme().Create(w.ctx, typ, w.answers(more))
	if err != nil {
		w.t.Fatalf("Create(%s): %v\n%s", typ, err, w.log)
	}
	return id
}

func (w *world) answers(more sdk.Values) sdk.Values {
	values := sdk.Values{"baseUrl": api, "secret": canary}
	maps.Copy(values, more)
	return values
}

// get sends a GET with a credential, and returns the answer with all of its
// body, of which a megabyte is kept.
func (w *world) get(id, address string) (*http.Response, string, error) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.ctx, http.MethodGet, address, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.do(id, r)
}

// do sends a request with a credential as get does. Nothing takes longer than
// patience.
func (w *world) do(id string, r *http.Request) (*http.Response, string, error) {
	client := w.acme().Client(id)
	client.Timeout = patience
	resp, err := client.Do(r)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return resp, string(body), err
}

// test has the host test a credential, and returns why it does not work.
func (w *world) test(id string) error {
	w.t.Helper()
	v, err := w.acme().Test(w.ctx, id)
	if err == nil && !v.OK() {
		err = fmt.Errorf("%s: %s", v.Code, v.Message)
	}
	return err
}

// told reports whether text is in what people see: the log, the audit, or err.
func (w *world) told(text string, err error) bool {
	return strings.Contains(w.log.String()+w.audit.String()+fmt.Sprint(err), text)
}

// A transcript keeps what is written.
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

// String returns what was written.
func (l *transcript) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// SPDX-License-Identifier: Apache-2.0

package attack_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/egress"
	"github.com/credhost/credhost/host/memstore"
	"github.com/credhost/credhost/host/sealer"
	"github.com/credhost/credhost/internal/defence"
	"github.com/credhost/credhost/internal/hostile"
	"github.com/credhost/credhost/sdk"
)

// plugins is the folder with the malicious plugin.
var plugins string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "credhost-attack")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		plugins = dir
		build := exec.Command("go", "build", "-o", filepath.Join(dir, "credhost-plugin-mallory"), "./credhost-plugin-mallory")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			panic(string(out))
		}
		return m.Run()
	}())
}

// A scene is a host, the engine that embeds it, two services, and the browsers
// of anna, the victim, and of eve, the attacker. Both act in the workspace acme.
type scene struct {
	t    *testing.T
	host *host.Host
	ws   *host.Workspace
	off  []defence.Defence // for all that the engine does

	good, bad, evil *service
	anna, eve       *browser

	store  *memstore.Store
	shared bool // all who use the engine are one actor: a desk, say

	mu     sync.Mutex
	now    time.Time
	visits map[string]host.Flow // by credential, the last that was begun
	last   error                // what Finish said last
	done   host.Connected
}

func newScene(t *testing.T, off ...defence.Defence) *scene {
	t.Helper()
	s := &scene{t: t, off: off, good: newService(good), bad: newService(bad), evil: newService(evil),
		store: memstore.New(), now: time.Now().UTC(), visits: map[string]host.Flow{}}
	keys, err := sealer.NewKeyring()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	routes := map[string]string{}
	for _, origin := range []string{good, bad, evil} {
		routes[origin] = server.URL
	}
	s.host, err = host.Open(t.Context(), host.Config{
		Plugins: []string{plugins}, Lock: filepath.Join(t.TempDir(), "lock"), Dev: true,
		Store: s.store, Sealer: sealer.New(keys), Egress: egress.Config{Routes: routes},
		CallbackURL: ours + "/callback", Returns: map[string]string{"settings": ours + "/settings"},
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), Now: s.clock,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.host.Close() })
	s.ws = s.host.Workspace("acme")
	s.anna, s.eve = newBrowser(t, s, "anna"), newBrowser(t, s, "eve")
	return s
}

func (s *scene) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *scene) advance(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

// ServeHTTP is the whole internet.
func (s *scene) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch "https://" + r.Host {
	case good:
		s.good.ServeHTTP(w, r)
	case bad:
		s.bad.ServeHTTP(w, r)
	case evil:
		s.evil.ServeHTTP(w, r)
	case ours:
		s.engine(w, r)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// actor is who has signed in at the engine, in this browser.
func (s *scene) actor(r *http.Request) host.Actor {
	k, err := r.Cookie("session")
	switch {
	case err != nil:
		return ""
	case s.shared:
		return "desk"
	}
	return host.Actor(k.Value)
}

// engine is what an embedder writes: /connect?id=… sends a person to the
// service, and all below /callback/ finishes.
func (s *scene) engine(w http.ResponseWriter, r *http.Request) {
	ctx := defence.Without(r.Context(), s.off...)
	switch {
	case r.URL.Path == "/connect":
		q := r.URL.Query()
		flow, err := s.ws.Begin(ctx, host.Visit{Credential: q.Get("id"), Actor: s.actor(r), Return: q.Get("return")})
		if err != nil {
			s.note(host.Connected{}, err)
			w.WriteHeader(http.StatusConflict)
			return
		}
		s.mu.Lock()
		s.visits[q.Get("id")] = flow
		s.mu.Unlock()
		http.SetCookie(w, flow.Cookie)
		http.Redirect(w, r, flow.URL, http.StatusSeeOther)
	case strings.HasPrefix(r.URL.Path, "/callback/"):
		done, err := s.ws.Finish(r.WithContext(ctx), s.actor(r))
		s.note(done, err)
		switch {
		case err != nil:
			w.WriteHeader(http.StatusForbidden)
		case done.Return != "":
			http.Redirect(w, r, done.Return, http.StatusSeeOther)
		}
	}
}

func (s *scene) note(done host.Connected, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done, s.last = done, err
}

// finished returns what the engine learnt last.
func (s *scene) finished() (host.Connected, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.done, s.last
}

// flow returns the visit that was begun last for a credential.
func (s *scene) flow(id string) host.Flow {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.visits[id]
}

// credential makes a credential of a type at a service, with a trick or none.
func (s *scene) credential(typ, issuer, trick string) string {
	s.t.Helper()
	values := sdk.Values{"issuer": issuer}
	if trick != "" {
		values["trick"] = trick
	}
	if trick == "secret" {
		values["clientSecret"] = "EXAMPLE-secret"
	}
	id, err := s.ws.Create(s.t.Context(), typ, values)
	if err != nil {
		s.t.Fatal(err)
	}
	return id
}

// account returns whose a credential is; "" before it was connected.
func (s *scene) account(id string) string {
	s.t.Helper()
	c, err := s.ws.Show(s.t.Context(), id)
	if err != nil {
		s.t.Fatal(err)
	}
	return c.Account
}

func connect(id string) string { return ours + "/connect?id=" + id }

// back has a browser approve, and returns the address that it would come back
// to, which it does not visit.
func (s *scene) back(b *browser, id string) page {
	s.t.Helper()
	p := b.visit(connect(id), ours+"/callback/", evil)
	return p
}

// An attack reports whether the attacker has got what they wanted.
type attack struct {
	name string
	off  []defence.Defence
	run  func(s *scene) bool
}

// try shows that an attack succeeds with its defence off, and fails with all
// on; and that an honest visit works then. All attacks of a test, and no others,
// are cases of package hostile.
func try(t *testing.T, attacks []attack) {
	cases := map[string][]defence.Defence{}
	for _, c := range hostile.Of("internal/attack", t.Name()) {
		cases[c.Name] = c.Defences
	}
	for _, a := range attacks {
		if off, ok := cases[a.name]; !ok || !slices.Equal(off, a.off) {
			t.Errorf("in the table of package hostile, %q has the defences %q, and not %q", a.name, off, a.off)
		}
		delete(cases, a.name)
	}
	for name := range cases {
		t.Errorf("nobody tries %q", name)
	}
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			if s := newScene(t, a.off...); !a.run(s) {
				_, err := s.finished()
				t.Errorf("the attack fails without its defence, too (%v): it proves nothing", err)
			}
			s := newScene(t)
			if a.run(s) {
				t.Error("the attack succeeds")
			}
			s.honest()
		})
	}
}

// honest has anna connect a credential of hers.
func (s *scene) honest() {
	s.t.Helper()
	s.shared = false
	for _, one := range []*service{s.good, s.bad} {
		one.set(func(x *service) { x.silent, x.passesTo = false, "" })
	}
	id := s.credential("strict", good, "")
	anna := newBrowser(s.t, s, "anna")
	if anna.visit(connect(id)); s.account(id) != "anna@"+good {
		_, err := s.finished()
		s.t.Errorf("after the attack an honest visit fails: %v", err)
	}
}

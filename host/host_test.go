// SPDX-License-Identifier: Apache-2.0

package host_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/egress"
	"github.com/credhost/credhost/host/memstore"
	"github.com/credhost/credhost/host/sealer"
	"github.com/credhost/credhost/internal/testplugin"
	"github.com/credhost/credhost/sdk"
)

// plugins is the folder with the test plugin's program, old the one with its
// last release.
var plugins, old string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "credhost-test")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		plugins, old = filepath.Join(dir, "plugins"), filepath.Join(dir, "old")
		for _, d := range []string{plugins, old} {
			if err := os.Mkdir(d, 0o755); err != nil {
				panic(err)
			}
			if _, err := testplugin.Build(d, d == old); err != nil {
				panic(err)
			}
		}
		return m.Run()
	}())
}

// A house is a host with all that it needs, and the services that it reaches.
type house struct {
	*host.Host
	*host.Workspace
	t        testing.TB
	cfg      host.Config
	services *testplugin.Standins
	clock    *clock
	log      *lines
}

// clock is a clock that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// lines keeps what is logged.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// open opens a host; change may change its configuration.
func open(t testing.TB, change func(*host.Config)) *house {
	t.Helper()
	keys, err := sealer.NewKeyring()
	if err != nil {
		t.Fatal(err)
	}
	services := testplugin.NewStandins()
	server := httptest.NewServer(services)
	t.Cleanup(server.Close)
	h := &house{t: t, services: services, clock: &clock{now: time.Now().UTC()}, log: &lines{}}
	h.cfg = host.Config{
		Plugins: []string{plugins}, Lock: filepath.Join(t.TempDir(), "lock"), Dev: true,
		Store: memstore.New(), Sealer: sealer.New(keys),
		Egress:      egress.Config{Routes: services.Routes(server.URL)},
		CallbackURL: "https://host.example/callback",
		Logger:      slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Now:         h.clock.Now,
	}
	if change != nil {
		change(&h.cfg)
	}
	h.Host = h.another()
	h.Workspace = h.Host.Workspace("acme")
	t.Cleanup(func() {
		for _, secret := range testplugin.Secrets() {
			if strings.Contains(h.log.String(), secret) {
				t.Errorf("the log holds the secret %q", secret)
			}
		}
	})
	return h
}

// another opens a second host on the same store.
func (h *house) another() *host.Host {
	h.t.Helper()
	other, err := host.Open(h.t.Context(), h.cfg)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() {
		if err := other.Close(); err != nil {
			h.t.Errorf("Close: %v", err)
		}
	})
	return other
}

// create creates a credential with good answers, changed by patch.
func (h *house) create(typ string, patch sdk.Values) string {
	h.t.Helper()
	answers := testplugin.Answers(typ)
	for name, v := range patch {
		answers[name] = v
	}
	id, err := h.Create(h.t.Context(), typ, answers)
	if err != nil {
		h.t.Fatalf("Create(%s): %v", typ, err)
	}
	return id
}

// get sends a GET with a credential and returns the status.
func (h *house) get(id, url string) int {
	h.t.Helper()
	resp, err := h.Client(id).Get(url)
	if err != nil {
		h.t.Fatalf("GET %s: %v", url, err)
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// refused reports an error unless err is an *sdk.Error with the code and field.
func refused(t testing.TB, err error, code sdk.Code, field string) {
	t.Helper()
	var e *sdk.Error
	if !errors.As(err, &e) || e.Code != code || e.Field != field {
		t.Errorf("got error %v, want code %v for field %q", err, code, field)
	}
	for _, secret := range testplugin.Secrets() {
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("error quotes the secret %q", secret)
		}
	}
}

func TestTheMainJob(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	id := h.create("placed", nil)
	v, err := h.Test(t.Context(), id)
	if err != nil || v.Outcome != host.Works {
		t.Errorf("Test = %+v, %v; want works", v, err)
	}
	if got := h.get(id, "https://placed.example/me"); got != http.StatusOK {
		t.Errorf("status %d, want 200", got)
	}
	c, err := h.Show(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(c.Answers["apiKey"]); got != `{"set":true}` {
		t.Errorf("secret shown as %s", got)
	}
	if c.Status != host.StatusReady || c.Tested == nil || c.Tested.Outcome != host.Works {
		t.Errorf("Show = %+v; want it ready and tested", c)
	}
	if err := h.Delete(t.Context(), id); err != nil {
		t.Error(err)
	}
	if _, err := h.Client(id).Get("https://placed.example/me"); !errors.Is(err, host.ErrNotFound) {
		t.Errorf("request with a deleted credential: %v, want ErrNotFound", err)
	}
}

func TestWrongAnswers(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	for name, test := range map[string]struct {
		values sdk.Values
		field  string
	}{
		"missing":   {sdk.Values{"place": "header"}, "apiKey"},
		"option":    {sdk.Values{"place": "nowhere", "apiKey": "k"}, "place"},
		"unknown":   {sdk.Values{"apiKey": "k", "extra": "x"}, "extra"},
		"two lines": {sdk.Values{"apiKey": "k\r\nX-Evil: 1"}, "apiKey"},
	} {
		_, err := h.Create(t.Context(), "placed", test.values)
		if refused(t, err, sdk.Invalid, test.field); t.Failed() {
			t.Fatal(name)
		}
	}
	if all, err := h.List(t.Context(), host.Page{}); err != nil || len(all) != 0 {
		t.Errorf("List = %v, %v; want nothing saved", all, err)
	}
	_, err := h.Create(t.Context(), "nonesuch", nil)
	refused(t, err, sdk.Invalid, "")
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	for place, url := range map[string]string{
		"header": "https://placed.example/me?a=%2F&b=c+d",
		"query":  "https://placed.example/me?a=%2F&key=mine&b=c+d",
		"path":   "https://placed.example/key-{key}/me",
		"cookie": "https://placed.example/me",
	} {
		id := h.create("placed", sdk.Values{"place": place})
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		r.Header.Set("Cookie", "session=mine; lang=de")
		resp, err := h.Client(id).Do(r)
		if err != nil {
			t.Fatalf("%s: %v", place, err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s: status %d, want 200", place, resp.StatusCode)
		}
		if resp.Request.URL.String() != r.URL.String() || resp.Request.Header.Get("Cookie") != "session=mine; lang=de" || resp.Request.Header.Get("X-Api-Key") != "" {
			t.Errorf("%s: the response's request shows what was attached", place)
		}
		if place == "cookie" && (len(resp.Cookies()) != 1 || resp.Cookies()[0].Name != "theme") {
			t.Errorf("cookies that came back: %v; want only the one that is not the grant's", resp.Cookies())
		}
	}
}

func TestWorkspaces(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	id := h.create("placed", nil)
	other := h.Host.Workspace("other")
	_, showErr := other.Show(t.Context(), id)
	_, testErr := other.Test(t.Context(), id)
	_, getErr := other.Client(id).Get("https://placed.example/me")
	_, releaseErr := other.Release(t.Context(), id)
	_, revokeErr := other.Revoke(t.Context(), id)
	for what, err := range map[string]error{
		"Show": showErr, "Test": testErr, "GET": getErr, "Release": releaseErr,
		"Update": other.Update(t.Context(), id, host.Patch{}), "Delete": other.Delete(t.Context(), id),
		"Revoke": revokeErr, "Forget": other.Forget(t.Context(), id),
	} {
		if !errors.Is(err, host.ErrNotFound) {
			t.Errorf("%s in another workspace: %v, want ErrNotFound", what, err)
		}
	}
	for _, name := range []string{"", "a/b", "..", strings.Repeat("a", 65), "a b"} {
		if _, err := h.Host.Workspace(name).List(t.Context(), host.Page{}); err == nil {
			t.Errorf("workspace %q was taken", name)
		}
	}
}

func TestOtherAddresses(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	id := h.create("placed", nil)
	for _, url := range []string{
		"https://evil.example/me", "http://placed.example/me", "https://placed.example:8443/me",
		"https://placed.example.evil.example/", "https://sub.placed.example/me", "https://placed.example@evil.example/me",
	} {
		_, err := h.Client(id).Get(url)
		refused(t, err, sdk.Invalid, "")
	}
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://placed.example/me", nil)
	r.Host = "evil.example"
	_, err := h.Client(id).Do(r)
	refused(t, err, sdk.Invalid, "")
	connected := h.create("homed", nil)
	h.connect(connected)
	_, err = h.another().Workspace("acme").Client(connected).Get("https://evil.example/")
	if refused(t, err, sdk.Invalid, ""); h.services.Homed.TokenRequests() != 1 {
		t.Error("a grant was obtained for a request that goes elsewhere")
	}
	if n := h.services.Requests("placed.example"); n != 0 {
		t.Errorf("%d requests arrived", n)
	}
	for _, url := range []string{"https://PLACED.example/me", "https://placed.example:443/me"} {
		if got := h.get(id, url); got != http.StatusOK && got != http.StatusMisdirectedRequest {
			t.Errorf("%s: status %d", url, got)
		}
	}
}

func TestAuthenticate(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	id := h.create("placed", nil)
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://placed.example/me", nil)
	if err := h.Authenticate(t.Context(), id, r); err != nil {
		t.Fatal(err)
	}
	if r.Header.Get("X-Api-Key") == "" {
		t.Error("nothing was attached")
	}
	r.Header["X-Api-Key"][0] = "changed by the caller"
	again, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://placed.example/me", nil)
	if err := h.Authenticate(t.Context(), id, again); err != nil || again.Header.Get("X-Api-Key") == "changed by the caller" {
		t.Errorf("a caller can change the cached grant (%v)", err)
	}
	elsewhere, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://evil.example/me", nil)
	refused(t, h.Authenticate(t.Context(), id, elsewhere), sdk.Invalid, "")
	if elsewhere.Header.Get("X-Api-Key") != "" {
		t.Error("a request to another address was given the key")
	}
}

func TestClose(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	id := h.create("placed", nil)
	second := h.another()
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := second.Workspace("acme").Client(id).Get("https://placed.example/me"); err == nil {
		t.Error("a closed host served a credential that it had not cached")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := host.Open(ctx, h.cfg); err == nil {
		t.Error("Open ignored its context")
	}
}

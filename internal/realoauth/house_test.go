// SPDX-License-Identifier: Apache-2.0

package realoauth_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/egress"
	"github.com/credhost/credhost/host/memstore"
	"github.com/credhost/credhost/host/sealer"
	"github.com/credhost/credhost/sdk"
)

const callback = "https://host.example/callback"

// A house is a host, a provider, and a credential of the type oidc.
type house struct {
	*host.Host
	*host.Workspace
	t     *testing.T
	cfg   host.Config
	front *front
	clock *clock
	log   *lines
	id    string
}

// clock is a clock that tests move.
type clock struct {
	mu  sync.Mutex
	off time.Duration
}

// Now returns the time, as far off as the test wants.
func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.off)
}

// lines keeps what is logged.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write implements [io.Writer].
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String returns all that was written.
func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

// formKey is for the form of a request, in its context.
type formKey struct{}

func withForm(ctx context.Context, form url.Values) context.Context {
	return context.WithValue(ctx, formKey{}, form)
}

func formOf(ctx context.Context) url.Values {
	form, _ := ctx.Value(formKey{}).(url.Values)
	return form
}

// open starts a provider and a host, and saves a credential; change may change
// the host's configuration, and answers those of the credential.
func open(t *testing.T, p provider, change func(*host.Config), answers sdk.Values) *house {
	t.Helper()
	keys, err := sealer.NewKeyring()
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, clock: &clock{}, log: &lines{}}
	h.cfg = host.Config{
		Plugins: []string{plugins}, Lock: filepath.Join(t.TempDir(), "lock"), Dev: true,
		Store: memstore.New(), Sealer: sealer.New(keys), CallbackURL: callback, Now: h.clock.Now,
		Logger: slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if change != nil {
		change(&h.cfg)
	}
	h.front = p.start(t, h.cfg.CallbackURL+"/acme/oidc")
	trusted := x509.NewCertPool()
	trusted.AddCert(h.front.Certificate())
	h.cfg.Egress = egress.Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, RootCAs: trusted}
	h.Host = h.another()
	h.Workspace = h.Host.Workspace("acme")
	all := sdk.Values{"issuer": h.front.URL, "clientId": "web:app", "clientSecret": secret}
	for name, v := range answers {
		all[name] = v
	}
	if h.id, err = h.Create(t.Context(), "oidc", all); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.searchLog)
	return h
}

// searchLog looks for secrets in what was logged.
func (h *house) searchLog() {
	canaries := []string{secret}
	for _, p := range h.front.Passed("") {
		canaries = append(canaries, p.Answer.Access, p.Answer.Refresh, p.Form.Get("code"), p.Form.Get("code_verifier"), p.Form.Get("refresh_token"))
	}
	for _, c := range canaries {
		if c != "" && strings.Contains(h.log.String(), c) {
			h.t.Error("the log holds a secret")
		}
	}
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

// Advance moves the host's clock. The providers' stand still: what they give
// from now on lives for as much longer, which is what a host sees that waits.
func (h *house) Advance(d time.Duration) {
	h.t.Helper()
	h.clock.mu.Lock()
	h.clock.off += d
	life := h.clock.off + 10*time.Minute
	h.clock.mu.Unlock()
	h.front.Operate(h.t, "lifetime?seconds="+strconv.Itoa(int(life/time.Second)))
}

// Begin begins to connect the credential.
func (h *house) Begin() host.Flow {
	h.t.Helper()
	flow, err := h.Connect(h.t.Context(), h.id, "anna")
	if err != nil {
		h.t.Fatalf("Connect: %v", err)
	}
	return flow
}

// Connected connects the credential, as a person with this login at the provider.
func (h *house) Connected(login string) host.Connected {
	h.t.Helper()
	done, err := h.Finish(h.visit(h.Begin(), login), "anna")
	if err != nil {
		h.t.Fatalf("Finish: %v", err)
	}
	return done
}

// visit goes where the flow leads, and returns the request that comes back.
func (h *house) visit(flow host.Flow, login string) *http.Request {
	h.t.Helper()
	back, err := newPerson(h.front, login).approve(flow.URL, h.cfg.CallbackURL)
	if err != nil {
		h.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(h.t.Context(), http.MethodGet, back.String(), nil)
	if err != nil {
		h.t.Fatal(err)
	}
	r.AddCookie(flow.Cookie)
	return r
}

// Me sends a request with the credential, and returns whom the provider takes
// it for: who holds the grant, or else the error or the status.
func (h *house) Me(ws *host.Workspace) (string, error) {
	resp, err := ws.Client(h.id).Get(h.front.Endpoint(h.t, "userinfo_endpoint"))
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	var person struct {
		Subject string `json:"sub"`
	}
	if resp.StatusCode != http.StatusOK {
		return "", errors.New(resp.Status)
	}
	return person.Subject, json.NewDecoder(resp.Body).Decode(&person)
}

// Works demands that a request with the credential is the person's.
func (h *house) Works(login string) {
	h.t.Helper()
	if who, err := h.Me(h.Workspace); err != nil || who != login {
		h.t.Fatalf("a request with the credential is %q's, %v; want %q", who, err, login)
	}
}

// Refused demands that the credential cannot be used, and that this is its status.
func (h *house) Refused(want host.Status) {
	h.t.Helper()
	before := len(h.front.Passed(""))
	for range 3 {
		if _, err := h.Me(h.Workspace); !errors.Is(err, sdk.Denied) {
			h.t.Fatalf("a request with the credential: %v, want %v", err, sdk.Denied)
		}
		h.Advance(time.Hour)
	}
	if n := len(h.front.Passed("")) - before; n > 1 {
		h.t.Errorf("the provider was asked %d times for a token that it refuses", n)
	}
	c, err := h.Show(h.t.Context(), h.id)
	if err != nil || c.Status != want || c.Reason == "" {
		h.t.Errorf("the status is %q for the reason %q, %v; want %q", c.Status, c.Reason, err, want)
	}
	if want == host.StatusAgain && (c.Since == nil || c.Since.After(h.clock.Now())) {
		h.t.Errorf("it is so since %v", c.Since)
	}
}

// move moves the clock, and nobody is told.
func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.off += d
}

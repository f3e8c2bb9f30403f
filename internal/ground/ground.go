// SPDX-License-Identifier: Apache-2.0

// Package ground gives the tests of what is built around a host the ground that
// they stand on: a host with real plugin processes, which reaches stand-ins of
// the three services and an echo, and whose callers have keys.
//
//	func TestMain(m *testing.M) { ground.Main(m) }
//
//	g := ground.New(t, ground.Config{})
//	id := g.Create("halopsa")
//	token := g.Key(access.Read, access.Use)
package ground

import (
	"context"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/host/egress"
	"github.com/credhost/credhost/host/memstore"
	"github.com/credhost/credhost/host/sealer"
	"github.com/credhost/credhost/internal/standin"
	"github.com/credhost/credhost/sdk"
)

// Workspace is the one that everything is in, unless a test says otherwise.
const Workspace = "default"

// The plugins, by the folder of this module that each is in. The type of the
// last is "acme": a key in X-Api-Key for the echo.
var plugins = map[string]string{
	"halopsa": "plugins/halopsa", "hellocloud": "plugins/hellocloud", "faxplus": "plugins/faxplus", "acme": "examples/apikey",
}

// Config says what ground there is to be. The zero value works.
type Config struct {
	// Types are those that there are plugins for; nil: "acme" alone, which is
	// the fastest. All are "halopsa", "hellocloud", "faxplus" and "acme".
	Types []string

	Store  host.Store  // a memstore if nil; the test closes it otherwise
	Sealer host.Sealer // of a new key if nil

	Now func() time.Time // the clock of the host and of the services; nil: time.Now

	Host   func(*host.Config)   // changes the host's configuration, if not nil
	Access func(*access.Config) // changes that of the access to it, if not nil
}

// A Ground is a host and what is around it. It ends with its test.
type Ground struct {
	Host   *host.Host
	Access *access.Access

	Echo            *Echo // the service of type "acme"
	OnPremise, Halo *standin.Halo
	Cloud           *standin.HelloCloud
	Fax             *standin.FaxPlus

	OnPremiseURL, HaloURL, CloudURL, FaxURL string // where each is reached

	t testing.TB
}

// New returns the ground for a test.
func New(t testing.TB, cfg Config) *Ground {
	t.Helper()
	g := &Ground{
		t: t, Echo: NewEcho(t),
		OnPremise: standin.NewHalo(standin.HaloConfig{Now: cfg.Now, Behaviour: standin.HaloBehaviour{OnPremise: true}}),
		Halo:      standin.NewHalo(standin.HaloConfig{Now: cfg.Now}),
		Cloud:     standin.NewHelloCloud(standin.HelloCloudConfig{Now: cfg.Now}),
		Fax:       standin.NewFaxPlus(standin.FaxPlusConfig{Now: cfg.Now, Behaviour: standin.FaxPlusBehaviour{Rotate: true, RevokeOnReuse: true}}),
	}
	for one, url := range map[standin.Service]*string{g.OnPremise: &g.OnPremiseURL, g.Halo: &g.HaloURL, g.Cloud: &g.CloudURL, g.Fax: &g.FaxURL} {
		srv := httptest.NewServer(one)
		t.Cleanup(srv.Close)
		*url = srv.URL
	}
	g.open(cfg)
	return g
}

// open opens the host, trusts the plugins and lets callers in.
func (g *Ground) open(cfg Config) {
	t := g.t
	t.Helper()
	ctx := context.Background()          // the host is closed after the test's own context has ended
	folder, err := os.MkdirTemp("", "g") // short: sockets lie below it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	hc := host.Config{
		Plugins: []string{programs(t, cfg.Types)}, Lock: filepath.Join(folder, "credhost.lock"), Runtime: filepath.Join(folder, "run"),
		Store: cfg.Store, Sealer: cfg.Sealer, Now: cfg.Now, CallbackURL: "http://127.0.0.1:8686/connect/callback", Dumpable: true,
		Egress: egress.Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
			Routes: map[string]string{"https://" + standin.FaxPlusAccountsHost: g.FaxURL, "https://" + standin.FaxPlusAPIHost: g.FaxURL}},
		Logger: Logger(t),
	}
	if hc.Store == nil {
		hc.Store = memstore.New()
		t.Cleanup(func() { hc.Store.Close() })
	}
	if hc.Sealer == nil {
		ring, err := sealer.NewKeyring()
		if err != nil {
			t.Fatal(err)
		}
		hc.Sealer = sealer.New(ring)
	}
	if cfg.Host != nil {
		cfg.Host(&hc)
	}
	if g.Host, err = host.Open(ctx, hc); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Host.Close() })
	for _, p := range g.Host.Registry().Programs() {
		offer, err := g.Host.Registry().Inspect(ctx, p.Name)
		if err == nil {
			err = g.Host.Registry().Trust(ctx, offer)
		}
		if err != nil {
			t.Fatalf("trusting %s: %v", p.Name, err)
		}
	}
	ac := access.Config{Host: g.Host}
	if cfg.Access != nil {
		cfg.Access(&ac)
	}
	if g.Access, err = access.Open(ctx, ac); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Access.Close() })
}

// Values returns answers that work for a type.
func (g *Ground) Values(typ string) sdk.Values {
	switch typ {
	case "acme":
		return sdk.Values{"baseUrl": g.Echo.URL, "apiKey": EchoKey}
	case "halopsa":
		return sdk.Values{"hostingType": "hostedHalo", "authUrl": g.HaloURL + "/auth", "resourceUrl": g.HaloURL + "/api",
			"tenant": standin.HaloTenant, "clientId": standin.HaloClientID, "clientSecret": standin.HaloClientSecret}
	case "hellocloud":
		return sdk.Values{"baseUrl": g.CloudURL, "clientId": standin.HelloCloudClientID, "clientSecret": standin.HelloCloudClientSecret}
	case "faxplus":
		return sdk.Values{"personalAccessToken": standin.FaxPlusToken}
	}
	g.t.Helper()
	g.t.Fatalf("no answers are known for the type %q", typ)
	return nil
}

// Create makes a credential of a type, in [Workspace], and returns its ID.
func (g *Ground) Create(typ string) string {
	g.t.Helper()
	id, err := g.Host.Workspace(Workspace).Create(g.t.Context(), typ, g.Values(typ))
	if err != nil {
		g.t.Fatal(err)
	}
	return id
}

// Key makes a key of [Workspace] with these scopes, and returns its token.
func (g *Ground) Key(scopes ...access.Scope) string {
	return g.KeyOf(access.NewKey{Workspace: Workspace, Name: "test", Scopes: scopes})
}

// Operator makes a key of the host's own, with all scopes.
func (g *Ground) Operator() string {
	return g.KeyOf(access.NewKey{Name: "operator", Scopes: access.Scopes})
}

// KeyOf makes a key, as an operator does.
func (g *Ground) KeyOf(n access.NewKey) (token string) {
	g.t.Helper()
	operator := access.Caller{Actor: "os:test", Scopes: access.Scopes}
	_, token, err := g.Access.CreateKey(access.With(g.t.Context(), operator), n)
	if err != nil {
		g.t.Fatal(err)
	}
	return token
}

var built = struct {
	sync.Mutex
	folder string
	have   map[string]bool
}{have: map[string]bool{}}

// Main runs the tests of a package that uses this one, and removes what was
// built for them.
func Main(m *testing.M) {
	code := m.Run()
	os.RemoveAll(built.folder)
	os.Exit(code)
}

// programs builds the plugins of some types, each once, and returns a folder
// with them alone.
func programs(t testing.TB, types []string) string {
	t.Helper()
	built.Lock()
	defer built.Unlock()
	if built.folder == "" {
		dir, err := os.MkdirTemp("", "credhost-ground")
		if err != nil {
			t.Fatal(err)
		}
		built.folder = dir
	}
	if types == nil {
		types = []string{"acme"}
	}
	here := t.TempDir()
	for _, typ := range types {
		program := filepath.Join(built.folder, "credhost-plugin-"+typ)
		if !built.have[typ] {
			build := exec.Command("go", "build", "-ldflags", "-s -w", "-o", program, "github.com/credhost/credhost/"+plugins[typ])
			build.Env = append(os.Environ(), "CGO_ENABLED=0")
			if text, err := build.CombinedOutput(); err != nil {
				t.Fatalf("building the plugin of %s: %v\n%s", typ, err, text)
			}
			built.have[typ] = true
		}
		if err := os.Link(program, filepath.Join(here, filepath.Base(program))); err != nil {
			t.Fatal(err)
		}
	}
	return here
}

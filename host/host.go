// SPDX-License-Identifier: Apache-2.0

// Package host keeps the credentials of an automation engine. Embed it:
//
//	h, err := host.Open(ctx, host.Config{Plugins: []string{"plugins"}, Store: store, Sealer: sealer})
//	ws := h.Workspace("acme")
//	id, err := ws.Create(ctx, "halopsa", answers)
//	verdict, err := ws.Test(ctx, id)
//	resp, err := ws.Client(id).Get("https://acme.halopsa.com/api/tickets")
//
// A [Host] finds credential plugins, which are programs, and calls them when
// it needs to. A [Workspace] is a tenant's part of it: it takes answers, keeps
// them sealed in a [Store], obtains and renews grants, and puts them on
// requests. Read this file first, then workspace.go, grant.go and transport.go.
//
// # Secrets
//
// No method returns a secret. Secrets leave a host in two directions only: to
// the plugin of their type, and to the origins that were frozen when the
// answers were saved. The exceptions are explicit: [Workspace.Authenticate]
// puts a grant on a request that the caller sends, and [Workspace.Release],
// which is off unless [Config.Release] allows it.
//
// # Errors
//
// An error that somebody can act on is an [*sdk.Error]: its Code says who, and
// its Field which answer is wrong. [ErrNotFound] is for a credential that is
// not there, or that is another workspace's.
package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/credhost/credhost/host/egress"
	"github.com/credhost/credhost/host/registry"
	"github.com/credhost/credhost/host/sandbox"
	"github.com/credhost/credhost/sdk"
)

// Config says what a [Host] is made of. Store and Sealer are required; the
// zero value of everything else works.
type Config struct {
	// Plugins are folders in which to look for programs, the first before the
	// others. Lock is the file that says which are trusted; if it is empty,
	// "credhost.lock" in the first folder. Cache is a folder for descriptions
	// of plugins, so that they need not be started to be listed; if it is
	// empty, there is no cache. Dev trusts every program, and reloads one that
	// changes: for the machine of a plugin's author only.
	Plugins []string
	Lock    string
	Cache   string
	Dev     bool

	// Runtime is a folder for the sockets of plugins, which must be this
	// user's alone; its path must be short. If it is empty, "credhost" in
	// $XDG_RUNTIME_DIR, or else a folder among the temporary files.
	Runtime string

	// Sandbox says what to do where plugins cannot run in a full sandbox: to
	// take the best there is, by default, to require it, or to do without.
	// Limits bound each plugin process; zero values have defaults.
	Sandbox sandbox.Mode
	Limits  sandbox.Bounds
	Cgroup  string // a control group that was delegated to this host: see [sandbox.OpenCgroup]

	Store  Store
	Sealer Sealer

	// Egress says which addresses may be reached besides the public ones.
	Egress egress.Config

	// CallbackURL is where providers send people back to, without what
	// [Workspace.RedirectURL] adds. Without it nothing can be connected.
	CallbackURL string

	// Returns are the addresses to which people may be sent when they have
	// connected a credential, by names that [Visit.Return] uses: https, or http
	// on this machine.
	Returns map[string]string

	// Release says for which workspaces and types [Workspace.Release] is
	// allowed. Nil: for none.
	Release func(workspace, typ string) bool

	// Resolve returns the secret that a reference stands for, such as
	// "env:HALO_SECRET". Nil: references are refused. See [Resolver].
	Resolve func(ctx context.Context, workspace, reference string) (string, error)

	// Audit is called for everything that was done, before the caller learns
	// of it, and for what is dangerous also before it is done: then an error
	// prevents it. A release counts as done when it is handed out, so an error
	// prevents that, too. It must be safe for concurrent use. Package audit
	// has one that keeps a trail.
	Audit func(ctx context.Context, e Event) error

	// Fingerprint returns a keyed hash of a secret answer, for events to show
	// that it has changed, or is again what it was. Nil: events show only that
	// it was given.
	Fingerprint func(workspace, credential, field, answer string) string

	// Warn is called when a person should do something before a credential
	// dies, or because it has died. It is called once for each, by one of the
	// hosts that share the store. It must be safe for concurrent use, and
	// return soon.
	Warn func(ctx context.Context, w Warning)

	// WarnAhead is how long before a credential dies people are warned. Zero:
	// 7 days, or a quarter of its life if that is shorter.
	WarnAhead time.Duration

	// Notice is called when a plugin was put into quarantine in a workspace, and
	// when it has recovered. Each host tells of its own processes, one call
	// after the other for each plugin and workspace. It may take its time, and
	// must return when ctx ends.
	Notice func(ctx context.Context, n Notice)

	// Traces and Metrics are where what the host does is traced and counted, as
	// OpenTelemetry has it; nil: nowhere. What is traced continues the trace of
	// the caller's ctx. Services are told of the trace (W3C Trace Context) only
	// if Propagate says so: it lets them see which requests belong together.
	// What is counted is listed in docs/metrics.md. Neither is told a secret, a
	// path, or what a query or header holds.
	Traces    trace.TracerProvider
	Metrics   metric.MeterProvider
	Propagate bool

	Logger *slog.Logger // slog.Default() if nil; never told a secret

	// Dumpable leaves the process as it is: debuggers can attach to it, and a
	// crash may write its memory to disk. Otherwise Open forbids both, for the
	// whole process and for good; see [ProtectMemory]. For who debugs an engine.
	Dumpable bool

	// MaxSpool is the largest body, in bytes, of a request that must be
	// digested before it is sent. Zero: 8 MiB.
	MaxSpool int64

	// Now is the clock. Nil: time.Now.
	Now func() time.Time
}

// A Type is a kind of credential that the host can keep.
type Type = registry.Type

// A Host is safe for concurrent use. Any number of hosts, in any number of
// processes, may share a [Store].
type Host struct {
	cfg      Config
	store    Store
	registry *registry.Registry
	plugins  plugins // those of registry
	guard    *egress.Guard
	out      http.RoundTripper // guard
	measure  measure
	log      *slog.Logger
	now      func() time.Time
	lax      lax // what tests have switched off
	chance   func(below time.Duration) time.Duration
	wait     func(context.Context, time.Duration) error // sleep

	watching sync.Mutex
	watchers []*watcher

	workspaces sync.Map     // name → *Workspace
	endpoints  sync.Map     // URL → *endpoint, of those that fail
	seen       atomic.Int64 // when the store's changes were last read, in Unix nanoseconds

	open context.Context // ends as Close begins; for what goes on as long as the host is open
	shut context.CancelFunc
	ctx  context.Context // ends as Close gives up; for work that outlives a caller
	stop context.CancelFunc
	mu   sync.Mutex // held while something begins in the background, or stops
	busy sync.WaitGroup
}

// plugins are what a host needs of its [registry.Registry].
type plugins interface {
	Types() []Type
	Type(name string) (Type, error)
	Plugin(workspace, typ string) (sdk.Plugin, error)
	Close() error
}

// Open finds the plugins that cfg names. It starts none of those whose
// descriptions are cached. The caller must Close the host, and after it the
// store.
func Open(ctx context.Context, cfg Config) (*Host, error) {
	if cfg.Store == nil || cfg.Sealer == nil {
		return nil, errors.New("host: Config needs a Store and a Sealer")
	}
	if err := errors.Join(cfg.checkAddresses(), cfg.Egress.Check()); err != nil {
		return nil, err
	}
	h := newHost(cfg)
	h.lax = laxIn(ctx)
	if err := h.protect(); err != nil {
		return nil, err
	}
	_, since, err := h.store.Changes(ctx, 0)
	if err != nil {
		return nil, fmt.Errorf("host: reading the store: %w", err)
	}
	h.seen.Store(h.now().UnixNano())
	h.guard = egress.NewWithContext(ctx, h.egress())
	h.registry, err = registry.Open(ctx, registry.Config{
		Dirs: cfg.Plugins, Lock: cfg.Lock, Cache: cfg.Cache, Dev: cfg.Dev, Runtime: cfg.Runtime,
		Guard: h.guard, Logger: registry.Logger(h.log), Sandbox: cfg.Sandbox, Limits: cfg.Limits, Cgroup: cfg.Cgroup,
		Notice: cfg.Notice, Traces: cfg.Traces, Metrics: cfg.Metrics,
	})
	if err != nil {
		h.guard.Close()
		return nil, fmt.Errorf("host: finding plugins: %w", err)
	}
	h.plugins, h.out = h.registry, h.guard
	h.start(ctx, since)
	return h, nil
}

// newHost returns a host that has no plugins and no way out yet.
func newHost(cfg Config) *Host {
	h := &Host{cfg: cfg, store: cfg.Store, log: cfg.Logger, now: cfg.Now, chance: rand.N[time.Duration], wait: sleep}
	if h.log == nil {
		h.log = slog.Default()
	}
	if h.now == nil {
		h.now = time.Now
	}
	h.measure = newMeasure(h)
	if cfg.Metrics != nil {
		t := timed{Store: cfg.Store, sealer: cfg.Sealer, m: &h.measure}
		h.store, h.cfg.Sealer = t, t
	}
	if h.cfg.MaxSpool == 0 {
		h.cfg.MaxSpool = 8 << 20
	}
	return h
}

// start begins what goes on in the background.
func (h *Host) start(ctx context.Context, since uint64) {
	h.ctx, h.stop = context.WithCancel(context.WithoutCancel(ctx))
	h.open, h.shut = context.WithCancel(h.ctx)
	h.background(func() { h.follow(since) })
	h.background(h.renewAhead)
	h.background(h.watch)
}

// closeTime is how long Close lets renewals come to their end. What they have
// spent, they cannot get back.
const closeTime = 5 * time.Second

// Close waits for what is under way, for some seconds, and stops the plugins.
// Requests that are being sent go on.
func (h *Host) Close() error {
	h.mu.Lock() // nothing begins any more
	h.shut()
	h.mu.Unlock()
	late := time.AfterFunc(closeTime, h.stop)
	h.busy.Wait()
	late.Stop()
	h.stop()
	h.measure.stop()
	err := h.plugins.Close()
	h.guard.Close()
	return err
}

// background runs f, for Close to wait for. It reports false after Close.
func (h *Host) background(f func()) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.open.Err() != nil {
		return false
	}
	h.busy.Go(f)
	return true
}

// outliving returns a context with the values of ctx that ends with the host, or
// when d has passed, whatever becomes of ctx.
func (h *Host) outliving(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithTimeout(context.WithoutCancel(ctx), d)
	stop := context.AfterFunc(h.ctx, cancel)
	return longer, func() { stop(); cancel() }
}

// errClosed is for calls that come after Close.
var errClosed = errors.New("host: closed")

// Types returns the types of credential that the host can keep, by name.
func (h *Host) Types() []Type { return h.plugins.Types() }

// Type returns the type with the given name. The error is an [*sdk.Error].
func (h *Host) Type(name string) (Type, error) { return h.plugins.Type(name) }

// Registry returns the programs behind the types: which there are, which are
// trusted, and how they fare.
func (h *Host) Registry() *registry.Registry { return h.registry }

// Workspace returns a tenant's part of the host. Names have up to 64 letters,
// digits, hyphens, underscores and dots; a workspace needs no creation, and
// every method of one with another name reports an error.
func (h *Host) Workspace(name string) *Workspace {
	if w, ok := h.workspaces.Load(name); ok {
		return w.(*Workspace)
	}
	if len(name) > 64 || !workspaceName.MatchString(name) {
		return &Workspace{h: h, name: name, err: sdk.Errorf(sdk.Invalid, "a workspace's name has up to 64 letters, digits, hyphens, underscores and dots")}
	}
	w, _ := h.workspaces.LoadOrStore(name, &Workspace{h: h, name: name})
	return w.(*Workspace)
}

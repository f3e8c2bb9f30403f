// SPDX-License-Identifier: Apache-2.0

// Package registry finds plugin programs, holds them to what was trusted, and
// runs them.
//
// A [Registry] looks for programs named credhost-plugin-NAME in the folders of
// its [Config]. A program is used once it is trusted: [Registry.Inspect] runs
// it, with nothing within its reach, and returns an [Offer] of what it serves
// and where it wants to send secrets; [Registry.Trust] pins exactly that in the
// lock file. What is executed later has that digest, from the very bytes that
// were hashed, and must say of itself what it said then.
//
// [Registry.Plugin] returns a plugin like any other, an [sdk.Plugin]. Behind it
// is a process for each program and workspace, which the first call starts and
// an idle while stops; see slot.go for how it is supervised, process.go for how
// it is started and ended, runner.go for what it is given and how it is heard.
//
// Plugins are not believed: what they print is cut, slowed down and cleared of
// secrets, what they answer is checked, and none can hurt another, or this
// process, by anything that it does or leaves undone.
package registry

import (
	"context"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/credhost/credhost/host/egress"
	"github.com/credhost/credhost/host/sandbox"
	"github.com/credhost/credhost/internal/defence"
)

// Config says where programs are, and how they are run. Its zero value works:
// it finds none.
type Config struct {
	// Dirs are the folders to look in. Of two programs with one name, that in
	// the earlier folder is used.
	Dirs []string

	// Lock is the path of the lock file, which says what is trusted. Empty:
	// "credhost.lock" in the first of Dirs.
	Lock string

	// Cache is a folder for what programs say of themselves, so that they need
	// not be started to be listed. Empty: every [Open] starts each of them.
	Cache string

	// Dev uses programs that nobody trusted, and runs them anew when they
	// change: for the machine of a plugin's author alone.
	Dev bool

	// Guard is how plugins reach the network. Nil: they do not.
	Guard *egress.Guard

	// Logger gets what plugins write, under their names, and what becomes of
	// them. Nil: nobody does.
	Logger hclog.Logger

	// Runtime is a folder for sockets, which must be this user's alone. Its
	// path must be short. Empty: "credhost" in $RUNTIME_DIRECTORY or in
	// $XDG_RUNTIME_DIR, or else a folder of this user's among the temporary
	// files.
	Runtime string

	// Env is added to the environment of every plugin, as "NAME=value". Of the
	// host's own environment a plugin gets nothing. A plugin runs with
	// GOMAXPROCS=1, which is faster for what plugins do, unless Env says
	// otherwise.
	Env []string

	// Sandbox says what to do where plugins cannot run in a full cell; zero: to
	// take the best there is. Limits bound a process in its cell; see the type
	// for their defaults.
	Sandbox sandbox.Mode
	Limits  sandbox.Bounds

	// Cgroup is a control group that was delegated to this host, in which each
	// cell gets its own; see [sandbox.OpenCgroup]. Empty: there is none, and
	// the limits are those of processes.
	Cgroup string

	StartTimeout time.Duration // from the start of a process until it has described itself; zero: 10 s
	CallTimeout  time.Duration // the most that a call may take; zero: 30 s
	IdleTimeout  time.Duration // after the last call a process is stopped; zero: 1 min
	WatchTime    time.Duration // between two looks for what has changed; zero: 2 s, or half a second if Dev

	MaxCalls int // under way in one process; zero: 64
	MaxQueue int // that wait beyond those; zero: 256

	// A program that crashes MaxCrashes times within CrashWindow is not
	// started again for the time of Quarantine. Zero: 5 times, 10 min, 10 min.
	MaxCrashes  int
	CrashWindow time.Duration
	Quarantine  time.Duration

	// Notice is told what becomes of a program: see [Notice]. It may take its
	// time, and must return when its ctx ends. Nil: nobody is told.
	Notice func(context.Context, Notice)

	// Traces and Metrics are where calls and processes are traced and counted, as
	// OpenTelemetry has it; nil: nowhere. Calls go on with the trace of their
	// ctx, and so do the requests that plugins make in them.
	Traces  trace.TracerProvider
	Metrics metric.MeterProvider

	now    func() time.Time // the clock of all that is not a timer; tests set it
	chance func() float64   // in [0,1); tests set it
}

func (c Config) withDefaults() Config {
	if c.Lock == "" && len(c.Dirs) > 0 {
		c.Lock = filepath.Join(c.Dirs[0], "credhost.lock")
	}
	if c.Dev && c.WatchTime <= 0 {
		c.WatchTime = 500 * time.Millisecond
	}
	if c.Logger == nil {
		c.Logger = hclog.NewNullLogger()
	}
	for _, d := range []struct {
		v   *time.Duration
		def time.Duration
	}{
		{&c.StartTimeout, 10 * time.Second}, {&c.CallTimeout, 30 * time.Second}, {&c.IdleTimeout, time.Minute},
		{&c.WatchTime, 2 * time.Second}, {&c.CrashWindow, 10 * time.Minute}, {&c.Quarantine, 10 * time.Minute},
	} {
		if *d.v <= 0 {
			*d.v = d.def
		}
	}
	for _, d := range []struct {
		v   *int
		def int
	}{{&c.MaxCalls, 64}, {&c.MaxQueue, 256}, {&c.MaxCrashes, 5}} {
		if *d.v <= 0 {
			*d.v = d.def
		}
	}
	if c.now == nil {
		c.now = time.Now
	}
	if c.chance == nil {
		c.chance = rand.Float64
	}
	return c
}

// env is the environment of a plugin, but for what it needs to be one.
func (c Config) env() []string { return append([]string{"GOMAXPROCS=1"}, c.Env...) }

// A Registry is safe for concurrent use.
type Registry struct {
	cfg   Config
	log   hclog.Logger
	run   *rundir
	forks *forks
	album *album

	measure     measure
	stopMeasure func()

	cgroup  *sandbox.Cgroup // nil: there is none
	probing sync.Once
	report  sandbox.Report // after probing

	catalog  atomic.Pointer[catalog]
	scanning sync.Mutex // held while a catalog is made
	seen     []stamp    // what the catalog was made of; scanning guards it

	mu       sync.Mutex
	slots    map[slotKey]*slot
	restarts sync.Map // of programs → *atomic.Int64

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	life   sync.Mutex // guards closed, and tasks against being waited for too early
	closed bool
	tasks  sync.WaitGroup
}

type slotKey struct{ name, workspace string }

// Open finds the programs. It starts those whose descriptions are not cached,
// and no others. The caller must Close the registry.
//
// It removes what hosts that were killed have left in the runtime folder.
func Open(ctx context.Context, cfg Config) (*Registry, error) {
	cfg = cfg.withDefaults().without(ctx)
	run, cleaned, err := openRundir(cfg.Runtime)
	if err != nil {
		return nil, err
	}
	r := &Registry{
		cfg: cfg, log: cfg.Logger, run: run, forks: newForks(), album: newAlbum(filepath.Join(run.path, "images")),
		slots: map[slotKey]*slot{}, measure: newMeasure(cfg),
	}
	r.stopMeasure = r.watchProcesses(cfg.Metrics)
	r.ctx, r.cancel = context.WithCancel(context.WithoutCancel(ctx))
	r.album.inexact, r.album.large, r.album.hides = r.off(defence.Exact), r.large, !r.off(defence.Undumpable)
	if cleaned > 0 {
		r.log.Info("removed what hosts left that were killed", "hosts", cleaned)
	}
	if cfg.Dev {
		r.log.Warn("development mode: every program in the plugin folders is run, trusted or not", "folders", cfg.Dirs)
	}
	if err := r.openSandbox(); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	if err := r.scan(ctx); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	r.spawn(r.follow)
	return r, nil
}

// spawn runs f, which Close waits for. After Close it reports false instead.
func (r *Registry) spawn(f func()) bool {
	r.life.Lock()
	defer r.life.Unlock()
	if r.closed {
		return false
	}
	r.tasks.Go(f)
	return true
}

// closeTime is how long calls under way may take once the registry is closed.
const closeTime = 2 * time.Second

// Close stops the plugins: those that are idle at once, the others when their
// calls have ended, or 2 s later. Nothing of them is left when it returns.
func (r *Registry) Close() error {
	r.life.Lock()
	if r.closed {
		r.life.Unlock()
		return nil
	}
	r.closed = true
	r.life.Unlock()
	r.cancel()
	r.stopMeasure()
	late := make(chan struct{})
	timer := time.AfterFunc(closeTime, func() { close(late) })
	defer timer.Stop()
	r.mu.Lock()
	slots := make([]*slot, 0, len(r.slots))
	for _, s := range r.slots {
		slots = append(slots, s)
	}
	r.mu.Unlock()
	var wg sync.WaitGroup
	for _, s := range slots {
		wg.Go(func() { s.close(late) })
	}
	wg.Wait()
	r.tasks.Wait()
	r.forks.close()
	r.album.forget(func(*image) bool { return true })
	return r.run.close()
}

// slot returns the slot of a program and a workspace; see leave.
func (r *Registry) slot(name, workspace string) *slot {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.off(defence.Apart) {
		workspace = ""
	}
	key := slotKey{name, workspace}
	s := r.slots[key]
	if s == nil {
		s = &slot{r: r, name: name, workspace: workspace, room: make(chan struct{}, r.cfg.MaxCalls)}
		r.slots[key] = s
	}
	s.users++
	return s
}

// leave gives a slot back.
func (r *Registry) leave(s *slot) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.users--
}

// tidy forgets a slot that has nothing to remember.
func (r *Registry) tidy(s *slot) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	key := slotKey{s.name, s.workspace}
	if r.slots[key] == s && s.users == 0 && s.process == nil && s.starting == nil && len(s.retired) == 0 && !s.rested && s.breaker.clean(r.cfg.now(), r.cfg) {
		delete(r.slots, key)
	}
}

// restarted returns the count of a program's starts after crashes.
func (r *Registry) restarted(name string) *atomic.Int64 {
	n, _ := r.restarts.LoadOrStore(name, new(atomic.Int64))
	return n.(*atomic.Int64)
}

// Reset lets a program be started again that crashed, in all workspaces.
func (r *Registry) Reset(name string) {
	for _, s := range r.slotsOf(name) {
		s.reset()
	}
}

// slotsOf returns the slots of one program, or of all if name is empty.
func (r *Registry) slotsOf(name string) []*slot {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []*slot
	for key, s := range r.slots {
		if name == "" || key.name == name {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b *slot) int { return strings.Compare(a.workspace, b.workspace) })
	return all
}

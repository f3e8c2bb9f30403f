// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"errors"
	"hash/maphash"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/credhost/credhost/host"
)

// Config says what an [Access] is made of. Host is required; the zero value of
// everything else works.
type Config struct {
	Host *host.Host

	// Providers are where people sign in, besides with links. Client sends
	// requests to them, and should go out through a guard such as package
	// egress has; it is required if there are any.
	Providers []Provider
	Client    *http.Client

	// A session ends SessionLife after the person has signed in (zero: 12
	// hours), and when it was not used for SessionIdle (zero: 1 hour).
	SessionLife, SessionIdle time.Duration

	Rates Rates

	Logger *slog.Logger // slog.Default() if nil; never told a secret
}

// An Access knows the callers of a host. It is safe for concurrent use, and any
// number of hosts may share what it keeps.
type Access struct {
	h   *host.Host
	log *slog.Logger

	keys, sessions, links, spaces, rings, spent *host.Shelf

	settings atomic.Pointer[settings]
	known    cache[key]     // by ID, without the kind
	signedIn cache[session] // by ID
	exist    cache[space]   // by name
	signing  cache[ring]    // under ringID
	derived  derivedMemo
	buckets  sync.Map // what is counted → *bucket, of keys, sessions and workspaces that exist
	failures strangers
	roll     roll
	reread   atomic.Int64 // the second in which the signing keys were last read for one that was not there
	mu       sync.Mutex   // held while something begins in the background, or stops
	tending  sync.Mutex   // held while something is done that is done from time to time
	ended    time.Time    // when what has ended was last looked for

	unwatch func()
	ctx     context.Context // ends as Close begins
	stop    context.CancelFunc
	busy    sync.WaitGroup
}

// settings are what [Access.Reload] changes.
type settings struct {
	life, idle               time.Duration
	key, workspace, failures pace
	providers                []*provider
}

// Open returns the access to a host. It reads nothing yet, and a provider that
// is down keeps it from nothing. The caller must Close it before the host.
func Open(_ context.Context, cfg Config) (*Access, error) {
	if cfg.Host == nil {
		return nil, errors.New("access: Config needs a Host")
	}
	a := &Access{h: cfg.Host, log: cfg.Logger,
		keys: cfg.Host.Shelf(KindKey), sessions: cfg.Host.Shelf(KindSession), links: cfg.Host.Shelf(KindLink),
		spaces: cfg.Host.Shelf(KindWorkspace), rings: cfg.Host.Shelf(KindRing), spent: cfg.Host.Shelf(KindSpent)}
	if a.log == nil {
		a.log = slog.Default()
	}
	a.failures.seed, a.roll.seed = maphash.MakeSeed(), maphash.MakeSeed()
	a.known.sees, a.signedIn.sees, a.exist.sees, a.signing.sees = a.h.Sees, a.h.Sees, a.h.Sees, a.h.Sees
	if err := a.Reload(cfg); err != nil {
		return nil, err
	}
	a.ctx, a.stop = context.WithCancel(context.Background())
	a.unwatch = a.h.Watch(a.changed)
	a.busy.Go(func() { a.tendEvery(a.ctx, 30*time.Second) })
	return a, nil
}

// Reload takes over a changed configuration, but for its Host and its Logger: for
// requests and sign-ins that come after it. People who have signed in stay so,
// with what they were given. After an error nothing has changed.
func (a *Access) Reload(cfg Config) error {
	s := &settings{
		life: orElse(cfg.SessionLife, 12*time.Hour), idle: orElse(cfg.SessionIdle, time.Hour),
		key:       cfg.Rates.Key.pace(Rate{PerSecond: 500}),
		workspace: cfg.Rates.Workspace.pace(Rate{PerSecond: 2000}),
		failures:  cfg.Rates.Failures.pace(Rate{PerSecond: 0.5, Burst: 20}),
	}
	var err error
	if s.providers, err = a.openProviders(cfg); err != nil {
		return err
	}
	a.settings.Store(s)
	return nil
}

func orElse(d, def time.Duration) time.Duration {
	if d <= 0 {
		return def
	}
	return d
}

// Close ends what goes on in the background, and writes down when keys were last
// shown.
func (a *Access) Close() error {
	a.unwatch()
	a.mu.Lock() // nothing begins any more
	a.stop()
	a.mu.Unlock()
	a.busy.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), lookTime)
	defer cancel()
	a.noteUses(ctx)
	a.noteSeen(ctx)
	return nil
}

// changed forgets what was read of a record that has changed.
func (a *Access) changed(workspace, id string) {
	switch kind, rest, _ := strings.Cut(id, "-"); {
	case workspace == "" && id == "":
		a.roll.forget()
		a.known.forgetAll()
		a.signedIn.forgetAll()
		a.exist.forgetAll()
		a.signing.forgetAll()
	case workspace != "":
	case kind == "k":
		a.known.forget(rest)
		a.roll.add(id)
	case kind == "s":
		a.signedIn.forget(id)
		a.roll.add(id)
	case kind == "l":
		a.roll.add(id)
	case kind == "w":
		a.exist.forget(rest)
	case id == ringID:
		a.signing.forget(id)
	}
}

// tendEvery does what is to be done from time to time.
func (a *Access) tendEvery(ctx context.Context, d time.Duration) {
	tick := time.NewTicker(d)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			a.tending.Lock()
			a.tend(ctx)
			a.tending.Unlock()
		}
	}
}

// budgetOf returns what the requests of a key or a session are counted in. A
// record that is read again goes on with the same.
func (a *Access) budgetOf(id, workspace string) *budget {
	return &budget{key: a.bucketOf("i " + id), workspace: a.bucketOf("w " + workspace)}
}

func (a *Access) bucketOf(what string) *bucket {
	if b, ok := a.buckets.Load(what); ok {
		return b.(*bucket)
	}
	b, _ := a.buckets.LoadOrStore(what, new(bucket))
	return b.(*bucket)
}

// blocked returns an error if the source of ctx has shown too much that is
// nothing, and must not cause a look into the store.
func (a *Access) blocked(ctx context.Context) error {
	wait := a.failures.blocked(a.settings.Load().failures, host.SourceOf(ctx).Address, a.h.Now().UnixNano())
	if wait > 0 {
		return tooOften(wait, "too many attempts from this address have failed: wait as long as Retry-After says")
	}
	return nil
}

// failed counts that the source of ctx has shown something that is nothing, and
// returns what to tell it. An error that says nothing of it is passed on.
func (a *Access) failed(ctx context.Context, err error) error {
	if !slices.ContainsFunc([]error{errUnknown, errMistyped, errLink, errVisit}, func(guess error) bool { return err == guess }) {
		return err
	}
	wait := a.failures.failed(a.settings.Load().failures, host.SourceOf(ctx).Address, a.h.Now().UnixNano())
	if wait > 0 {
		return tooOften(wait, "too many attempts from this address have failed: wait as long as Retry-After says")
	}
	return err
}

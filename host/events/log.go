// SPDX-License-Identifier: Apache-2.0

package events

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/egress"
	"github.com/credhost/credhost/sdk"
)

// KindBatch is the kind of record that events are kept as: some that were
// published at once. KindLog is that of a record for each log that there is.
const (
	KindBatch host.Kind = "events"
	KindLog   host.Kind = "event log"
)

// A batch is what one record holds. Its number is that of its first event, and
// those of a log are counted from 1. A store takes each number once: so there are
// no gaps, and none appears below one that somebody has read.
type batch struct {
	n uint64

	Mark   string  `json:"mark"` // tells it from one of that number in another history, before a restore, say
	Events []Event `json:"events"`
}

// next is the number of the batch that follows.
func (b *batch) next() uint64 { return b.n + uint64(len(b.Events)) }

// maxBatch is how many events a batch has at most.
const maxBatch = 100

func batchID(n uint64) string { return fmt.Sprintf("ev-%012x", n) }

// A place is that of an event in a log: in which batch, and where in that. The
// zero place is before all others.
type place struct {
	n    uint64
	i    int
	mark string
}

// next is the number of the event that follows.
func (p place) next() uint64 { return p.n + uint64(p.i) + 1 }

func (p place) String() string { return fmt.Sprintf("%012x-%02x-%s", p.n, p.i, p.mark) }

// parsePlace parses the ID of an event.
func parsePlace(id string) (p place, ok bool) {
	n, rest, ok := strings.Cut(id, "-")
	i, mark, ok2 := strings.Cut(rest, "-")
	if !ok || !ok2 || len(n) != 12 || len(i) != 2 || len(mark) != markSize {
		return place{}, false
	}
	number, err := strconv.ParseUint(n, 16, 48)
	index, err2 := strconv.ParseUint(i, 16, 8)
	p = place{number, int(index), mark}
	return p, err == nil && err2 == nil && p.String() == id
}

const markSize = 6

func newMark() string { return strings.ToLower(rand.Text()[:markSize]) }

// Open returns the events of a host. The caller must Close it before the host.
func Open(ctx context.Context, cfg Config) (*Events, error) { return open(ctx, cfg, nil) }

func open(ctx context.Context, cfg Config, tweak func(*Events)) (*Events, error) {
	if cfg.Host == nil {
		return nil, errors.New("events: Config needs a Host")
	}
	if err := cfg.Egress.Check(); err != nil {
		return nil, err
	}
	e := &Events{h: cfg.Host, cfg: cfg.withDefaults(), owner: newMark() + newMark(), now: cfg.Host.Now, sleep: sleep, chance: chance, peek: peekEvery}
	e.agenda.called = make(chan struct{}, 1)
	e.log, e.measure = e.cfg.Logger, newMeasure(cfg.Host.Metrics())
	e.guard = egress.NewWithContext(ctx, e.cfg.Egress)
	e.batches, e.index = cfg.Host.Shelf(KindBatch), cfg.Host.Shelf(KindLog)
	e.hooks, e.desks = cfg.Host.Shelf(KindHook), cfg.Host.Shelf(KindDesk)
	e.told = cfg.Host.Shelf(KindTold)
	e.ctx, e.cancel = context.WithCancel(context.WithoutCancel(ctx))
	e.stopWatch = cfg.Host.Watch(e.changed)
	if tweak != nil {
		tweak(e)
	}
	e.begin(e.sweep)
	e.begin(e.deliver)
	cfg.Feed.to(e)
	return e, nil
}

func (c Config) withDefaults() Config {
	if c.Keep <= 0 {
		c.Keep = 24 * time.Hour
	}
	if c.MaxKept <= 0 {
		c.MaxKept = 10_000
	}
	if c.MaxHooks <= 0 {
		c.MaxHooks = 20
	}
	if c.MaxStreams <= 0 {
		c.MaxStreams = 1000
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c
}

// begin runs f, which Close waits for. After Close it reports false.
func (e *Events) begin(f func()) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ctx.Err() != nil {
		return false
	}
	e.tasks.Go(f)
	return true
}

// Close ends streams, and what goes on in the background: what is not delivered
// yet, another host delivers, or this one when it is opened again.
func (e *Events) Close() error {
	e.mu.Lock()
	e.cancel()
	e.mu.Unlock()
	e.stopWatch()
	e.tasks.Wait()
	return e.guard.Close()
}

// changed is told of every change in the store.
func (e *Events) changed(workspace, id string) {
	switch {
	case id == "":
		e.logs.Range(func(_, v any) bool { v.(*log).stir(0); return true })
		e.wake("", true)
	case strings.HasPrefix(id, "ev-"):
		if v, ok := e.logs.Load(workspace); ok {
			v.(*log).stir(numberOf(id))
		}
		e.wake(workspace, false)
	case strings.HasPrefix(id, "wh-"):
		e.wake(workspace, true)
	}
}

// logOf returns the log of a workspace.
func (e *Events) logOf(workspace string) *log {
	if v, ok := e.logs.Load(workspace); ok {
		return v.(*log)
	}
	v, _ := e.logs.LoadOrStore(workspace, &log{e: e, workspace: workspace, moved: make(chan struct{})})
	return v.(*log)
}

// Publish appends an event to the log of its workspace, with the time of the
// host's clock if it has none, and returns it with its ID. When it returns, the
// event is in the store: every host will see it, and webhooks will be sent it.
func (e *Events) Publish(ctx context.Context, ev Event) (Event, error) {
	if ev.Type == "" || ev.Type == HookTest {
		return Event{}, sdk.Errorf(sdk.Invalid, "an event needs a type of its own")
	}
	if ev.Time.IsZero() {
		ev.Time = e.now()
	}
	ev.Time = ev.Time.UTC()
	return e.logOf(ev.Workspace).append(ctx, ev)
}

// Since returns the events of a workspace after the one with the given ID, the
// oldest first, at most limit; 0: 100. After "" and [Oldest] it returns those
// that are kept, from the oldest on. The error is [ErrBehind] if some that came
// after the ID are not kept any more.
func (e *Events) Since(ctx context.Context, workspace, after string, limit int) ([]Event, error) {
	if limit <= 0 {
		limit = 100
	}
	l := e.logOf(workspace)
	from, err := l.from(ctx, after)
	if err != nil {
		return nil, err
	}
	var all []Event
	for len(all) < limit {
		some, err := l.read(ctx, from)
		if err != nil || len(some) == 0 {
			return all, err
		}
		some = some[:min(len(some), limit-len(all))]
		all = append(all, some...)
		from, _ = parsePlace(some[len(some)-1].ID)
	}
	return all, nil
}

// Last returns the ID of the newest event of a workspace: what is read after it
// is new. [Oldest] if there was none yet.
func (e *Events) Last(ctx context.Context, workspace string) (string, error) {
	l := e.logOf(workspace)
	if err := l.look(ctx); err != nil {
		return "", err
	}
	b, err := l.newest(ctx)
	if err != nil || b == nil {
		return Oldest, err
	}
	return b.Events[len(b.Events)-1].ID, nil
}

// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/credhost/credhost/host"
)

// recordTime is how long it may take to write entries, whatever becomes of who
// waits for it: what was done was done, even if nobody is there any more.
const recordTime = 15 * time.Second

// mostAtOnce is how many entries are added in one step.
const mostAtOnce = 200

// A head is the newest entry, as far as this process knows.
type head struct {
	known bool
	seq   uint64
	hash  []byte
}

// waiting is an event that somebody waits for.
type waiting struct {
	event host.Event
	done  chan error
}

var errClosed = errors.New("audit: the trail is closed")

// Record adds an event, and returns when it is kept. It is what
// [host.Config.Audit] wants. Without a time, the event is of now; the actor and
// the source are those of ctx, unless it names others. Texts longer than 512
// bytes are cut. That ctx ends does not keep it from being recorded, and it
// takes no longer than 15 s. After an error the event may be on record or not.
func (t *Trail) Record(ctx context.Context, e host.Event) error {
	e = e.From(ctx)
	if e.Time.IsZero() {
		e.Time = t.now()
	}
	e.Time = storable(e.Time)
	w := &waiting{clean(e), make(chan error, 1)}
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return errClosed
	}
	t.waiting = append(t.waiting, w)
	t.signal()
	t.mu.Unlock()
	return <-w.done
}

// signal has the goroutine that writes look for something to write. It is called
// with mu held and the trail open.
func (t *Trail) signal() {
	select {
	case t.wake <- struct{}{}:
	default: // it will look
	}
}

// write writes until the trail is closed. What comes while it writes is written
// together.
func (t *Trail) write() {
	defer close(t.done)
	count := time.NewTicker(t.cfg.CountEvery)
	defer count.Stop()
	trim := time.NewTicker(trimEvery)
	defer trim.Stop()
	for open := true; open; {
		select {
		case _, open = <-t.wake:
		case <-count.C:
			t.uses.dueAll()
		case <-trim.C:
			t.trimOld()
		}
		if !open {
			t.uses.dueAll()
		}
		for t.writeSome() {
		}
	}
}

// writeSome adds what waits, and reports whether there may be more.
func (t *Trail) writeSome() bool {
	t.mu.Lock()
	n := min(len(t.waiting), mostAtOnce)
	batch := t.waiting[:n:n]
	t.waiting = t.waiting[n:]
	t.mu.Unlock()
	counted := t.uses.take(mostAtOnce-n, t.now())
	if n+len(counted) == 0 {
		return false
	}
	events := make([]host.Event, 0, n+len(counted))
	for _, w := range batch {
		events = append(events, w.event)
	}
	for _, c := range counted {
		events = append(events, clean(c.event))
	}
	ctx, cancel := context.WithTimeout(context.Background(), recordTime)
	defer cancel()
	began := time.Now()
	err := t.append(ctx, events)
	t.measure.wrote(ctx, began, err)
	if err != nil {
		t.log.ErrorContext(ctx, "the audit trail cannot be written", "events", len(events), "err", err)
		t.uses.giveBack(counted)
	}
	for _, w := range batch {
		w.done <- err
	}
	return err == nil || n > 0
}

// append adds events after whatever is the newest entry. Other hosts do so too,
// and one who is slower looks again.
func (t *Trail) append(ctx context.Context, events []host.Event) error {
	for try := 1; ; try++ {
		if !t.head.known {
			if err := t.look(ctx); err != nil {
				return err
			}
		}
		entries, err := t.chain(events)
		if err != nil {
			return err
		}
		last := entries[len(entries)-1]
		err = t.store.AppendTrail(ctx, t.head.seq, t.head.hash, entries)
		switch {
		case err == nil:
		case errors.Is(err, host.ErrConflict):
			changed, err := t.overtaken(ctx)
			if err != nil {
				return err
			}
			if changed != nil {
				events = append([]host.Event{*changed}, events...)
			}
			if err := pause(ctx, try); err != nil {
				return err
			}
			continue
		case !t.arrived(ctx, last): // nobody knows what the store did, but it shows
			t.head = head{}
			return err
		}
		t.head = head{true, last.Seq, last.Hash}
		return nil
	}
}

// chain returns events as entries after the head.
func (t *Trail) chain(events []host.Event) ([]host.TrailEntry, error) {
	k, at := t.keys.Load(), t.head
	entries := make([]host.TrailEntry, len(events))
	for i, e := range events {
		var err error
		if entries[i], err = k.entry(at, e); err != nil {
			return nil, err
		}
		at = head{true, entries[i].Seq, entries[i].Hash}
	}
	return entries, nil
}

// look reads the head.
func (t *Trail) look(ctx context.Context) error {
	newest, err := t.newest(ctx)
	if err == nil {
		t.head = head{true, newest.Seq, newest.Hash}
	}
	return err
}

// newest returns the newest entry; the zero entry if there is none.
func (t *Trail) newest(ctx context.Context) (host.TrailEntry, error) {
	page, err := t.store.Trail(ctx, host.TrailQuery{Newest: true, Limit: 1})
	if err != nil || len(page) == 0 {
		return host.TrailEntry{}, err
	}
	return page[0], nil
}

// at returns the entry with a number, if it is there.
func (t *Trail) at(ctx context.Context, seq uint64) (host.TrailEntry, bool, error) {
	if seq == 0 {
		return host.TrailEntry{}, true, nil
	}
	page, err := t.store.Trail(ctx, host.TrailQuery{After: seq - 1, Limit: 1})
	if err != nil || len(page) == 0 || page[0].Seq != seq {
		return host.TrailEntry{}, false, err
	}
	return page[0], true, nil
}

// arrived reports whether an entry is there that was to be the last of those
// added.
func (t *Trail) arrived(ctx context.Context, last host.TrailEntry) bool {
	e, there, err := t.at(ctx, last.Seq)
	return err == nil && there && bytes.Equal(e.Hash, last.Hash)
}

// overtaken reads the head after another host has added entries. If that is not
// what has happened, since what was the head is there no longer, it returns an
// event that says so.
func (t *Trail) overtaken(ctx context.Context) (*host.Event, error) {
	was := t.head
	e, there, err := t.at(ctx, was.seq)
	if err != nil {
		return nil, err
	}
	if err := t.look(ctx); err != nil {
		return nil, err
	}
	if there && bytes.Equal(e.Hash, was.hash) {
		return nil, nil
	}
	if m, err := t.mark(ctx); err == nil && m.UpTo >= was.seq { // another host has trimmed it
		return nil, nil
	}
	// A restored store may have another trail, and another key.
	if err := t.loadKeys(ctx, t.head.seq == 0); err != nil {
		return nil, err
	}
	t.log.ErrorContext(ctx, "the audit trail was changed by somebody else: entries are missing that this host has seen",
		"seen", was.seq, "hash", hex.EncodeToString(was.hash), "now", t.head.seq)
	return &host.Event{Time: t.now().UTC(), Action: ActionChanged, Outcome: "altered", Detail: map[string]string{
		"seen": fmt.Sprintf("%d:%x", was.seq, was.hash), "found": fmt.Sprintf("%d:%x", t.head.seq, t.head.hash),
	}}, nil
}

// ActionChanged is the action of the event that a host adds when it finds that
// entries are gone, or are others, which it has seen: somebody has changed the
// trail, or has put back an older copy of the store. Its Detail has the number
// and the hash of the entry that the host had seen last, and of that which was
// the newest when it noticed.
const ActionChanged = "trail changed"

// pause waits a moment, by chance, so that hosts that are in each other's way
// are not so again.
func pause(ctx context.Context, try int) error {
	if try < 3 {
		return ctx.Err()
	}
	timer := time.NewTimer(rand.N(time.Duration(min(try, 20)) * time.Millisecond))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

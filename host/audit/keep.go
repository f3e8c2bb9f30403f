// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/credhost/credhost/host"
)

// trimEvery is how often a host looks for entries that are older than
// [Config.Keep].
const trimEvery = time.Hour

// trimStep is how many entries are removed in one step, so that nobody waits for
// long.
const trimStep = 2000

// A mark stands for the entries that were trimmed. It is sealed, and so neither
// forged nor moved.
type mark struct {
	UpTo uint64    `json:"upTo"` // number of the last of them
	Hash []byte    `json:"hash"` // of that
	At   time.Time `json:"at"`
}

// mark returns the mark; the zero mark if nothing was ever trimmed.
func (t *Trail) mark(ctx context.Context) (m mark, err error) {
	_, err = t.shelf.Get(ctx, "", markID, &m)
	if errors.Is(err, host.ErrNotFound) {
		return mark{}, nil
	}
	if err != nil {
		err = fmt.Errorf("audit: the mark of what was trimmed: %w", err)
	}
	return m, err
}

// ActionTrim is the action of the event that says that entries were trimmed. Its
// Detail has the number and the hash of the last of them.
const ActionTrim = "trim trail"

// Trim removes the entries from before a time, but for the newest, and returns
// how many. Entries are in the order in which they were added; those that were
// added after one that is not old stay, however old they are.
func (t *Trail) Trim(ctx context.Context, before time.Time) (removed uint64, err error) {
	was, err := t.mark(ctx)
	if err != nil {
		return 0, err
	}
	last, err := t.lastBefore(ctx, before)
	if err != nil || last.Seq <= was.UpTo {
		return 0, errors.Join(err, t.sweep(ctx, was.UpTo)) // what one that was killed has left
	}
	if err := t.setMark(ctx, mark{last.Seq, last.Hash, t.now().UTC()}); err != nil {
		return 0, err
	}
	err = t.Record(ctx, host.Event{Action: ActionTrim, Outcome: "ok", Detail: map[string]string{
		"upTo": fmt.Sprintf("%d:%x", last.Seq, last.Hash), "entries": strconv.FormatUint(last.Seq-was.UpTo, 10),
	}})
	if err != nil { // it is not on record, but the mark is there: what it stands for goes with the next one
		return 0, err
	}
	return last.Seq - was.UpTo, t.sweep(ctx, last.Seq)
}

// lastBefore returns the last of the entries to trim.
func (t *Trail) lastBefore(ctx context.Context, before time.Time) (host.TrailEntry, error) {
	first, err := t.store.Trail(ctx, host.TrailQuery{Since: before, Limit: 1})
	if err != nil {
		return host.TrailEntry{}, err
	}
	var upTo uint64
	if len(first) > 0 {
		upTo = first[0].Seq - 1
	} else {
		newest, err := t.newest(ctx)
		if err != nil || newest.Seq == 0 {
			return host.TrailEntry{}, err
		}
		upTo = newest.Seq - 1
	}
	e, there, err := t.at(ctx, upTo)
	if !there {
		return host.TrailEntry{}, err
	}
	return e, err
}

// setMark writes the mark, unless another host is faster.
func (t *Trail) setMark(ctx context.Context, m mark) error {
	var was mark
	item, err := t.shelf.Get(ctx, "", markID, &was)
	if errors.Is(err, host.ErrNotFound) {
		_, err = t.shelf.Create(ctx, host.Item{ID: markID}, m)
		return err
	}
	if err == nil && was.UpTo < m.UpTo {
		_, err = t.shelf.Save(ctx, item, m)
	}
	return err
}

// sweep removes the entries that the mark stands for.
func (t *Trail) sweep(ctx context.Context, upTo uint64) error {
	for upTo > 0 {
		page, err := t.store.Trail(ctx, host.TrailQuery{Limit: 1})
		if err != nil || len(page) == 0 || page[0].Seq > upTo {
			return err
		}
		if err := t.store.TrimTrail(ctx, min(upTo, page[0].Seq+trimStep-1)); err != nil {
			return err
		}
	}
	return nil
}

// trimOld trims what is older than Config.Keep. It is called by the goroutine
// that writes, and so must not wait for it.
func (t *Trail) trimOld() {
	if t.cfg.Keep <= 0 {
		return
	}
	t.busy.Go(func() {
		ctx, cancel := context.WithTimeout(t.open, trimEvery/2)
		defer cancel()
		n, err := t.Trim(ctx, t.now().Add(-t.cfg.Keep))
		switch {
		case errors.Is(err, host.ErrConflict), t.open.Err() != nil: // another host does it, or will
		case err != nil:
			t.log.ErrorContext(ctx, "old entries of the audit trail could not be removed", "err", err)
		case n > 0:
			t.log.InfoContext(ctx, "old entries of the audit trail were removed", "entries", n)
		}
	})
}

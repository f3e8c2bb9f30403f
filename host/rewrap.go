// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"fmt"
)

// A Rewrapper is a [Sealer] with several keys, of which one seals from now on.
// Package sealer has one.
type Rewrapper interface {
	Sealer

	// Rewrap seals anew what another key than that one has sealed, and reports
	// whether it did.
	Rewrap(ctx context.Context, sealed, associated []byte) (out []byte, changed bool, err error)
}

// Rewrapped says how far [Rewrap] is.
type Rewrapped struct {
	Seen    int      `json:"seen"`    // records that were looked at, in this pass
	Changed int      `json:"changed"` // records that were sealed anew, in all passes
	Pass    int      `json:"pass"`    // from 1; the last finds nothing to do
	Failed  []string `json:"failed"`  // those that cannot be opened, as WORKSPACE/ID: they keep the key that they need
}

// rewrapPage is how many records Rewrap reads at once.
const rewrapPage = 100

// Rewrap has everything in a store sealed by the key that seals from now on:
// records of whatever kind, with what is noted beside them. Hosts may use the
// store meanwhile; no record changes for them. It may end anywhere, and then be
// called again: what was done is done. When it returns without an error, nothing
// needs another key any more, but for what hosts write that have not heard of
// the new one yet. Records that cannot be opened are an error, in the end.
// Progress, if not nil, is called after each page.
func Rewrap(ctx context.Context, store WholeStore, s Rewrapper, progress func(Rewrapped)) (Rewrapped, error) {
	var r Rewrapped
	for again := true; again; { // what was made meanwhile may lie before what was looked at last
		before := r.Changed
		r.Pass++
		r.Seen, r.Failed = 0, nil
		err := eachRecord(ctx, store, func(rec Record) error {
			r.Seen++
			changed, err := rewrapOne(ctx, store, s, rec)
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case errors.Is(err, errUnopened):
				r.Failed = append(r.Failed, rec.Workspace+"/"+rec.ID)
			case err != nil:
				return err
			case changed:
				r.Changed++
			}
			if progress != nil && r.Seen%rewrapPage == 0 {
				progress(r)
			}
			return nil
		})
		if err != nil {
			return r, err
		}
		again = r.Changed > before
	}
	if progress != nil {
		progress(r)
	}
	if r.Failed != nil {
		return r, fmt.Errorf("host: %d records cannot be opened, such as %s: restore them from a backup, or delete them; all others are done", len(r.Failed), r.Failed[0])
	}
	return r, nil
}

// eachRecord calls f for every record of a store.
func eachRecord(ctx context.Context, store WholeStore, f func(Record) error) error {
	var workspace, id string
	for {
		page, err := store.All(ctx, workspace, id, rewrapPage)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, rec := range page {
			if err := f(rec); err != nil {
				return err
			}
		}
		last := page[len(page)-1]
		workspace, id = last.Workspace, last.ID
	}
}

var errUnopened = errors.New("host: the record cannot be opened")

// rewrapOne seals one record anew, however often it changes meanwhile.
func rewrapOne(ctx context.Context, store WholeStore, s Rewrapper, rec Record) (changed bool, err error) {
	for {
		now, changed, err := rewrapped(ctx, s, rec)
		if err != nil || !changed {
			return false, err
		}
		err = store.Reseal(ctx, rec, now)
		switch {
		case errors.Is(err, ErrConflict):
			if rec, err = store.Get(ctx, rec.Workspace, rec.ID); err == nil {
				continue
			}
		case err == nil:
			return true, nil
		}
		if errors.Is(err, ErrNotFound) { // it is gone, and needs no key
			return false, nil
		}
		return false, err
	}
}

// rewrapped returns a record as it is to be.
func rewrapped(ctx context.Context, s Rewrapper, rec Record) (now Record, changed bool, err error) {
	now = rec
	if now.Sealed, changed, err = s.Rewrap(ctx, rec.Sealed, rec.binding()); err != nil {
		return now, false, unopened(rec, err)
	}
	if rec.Intent != nil {
		var also bool
		if now.Intent, also, err = s.Rewrap(ctx, rec.Intent, rec.noteBinding()); err != nil {
			return now, false, unopened(rec, err)
		}
		changed = changed || also
	}
	return now, changed, nil
}

func unopened(rec Record, err error) error {
	return fmt.Errorf("%w: %s: %w", errUnopened, rec.ID, err)
}

// KeysInUse counts the records of a store that need each key: keyOf names that
// which has sealed something, as sealer.KeyID does. A record beside which
// something is noted that another key has sealed counts for both.
func KeysInUse(ctx context.Context, store WholeStore, keyOf func(sealed []byte) (string, error)) (map[string]int, error) {
	count := make(map[string]int)
	return count, eachRecord(ctx, store, func(rec Record) error {
		key, err := keyOf(rec.Sealed)
		if err != nil {
			return fmt.Errorf("host: %s/%s: %w", rec.Workspace, rec.ID, err)
		}
		count[key]++
		if rec.Intent == nil {
			return nil
		}
		noted, err := keyOf(rec.Intent)
		if err == nil && noted != key {
			count[noted]++
		}
		return err
	})
}

// CheckOpens reports whether a sealer opens a record, and what is noted beside
// it: for who has it from elsewhere.
func CheckOpens(ctx context.Context, s Sealer, rec Record) error {
	plain, err := s.Open(ctx, rec.Sealed, rec.binding())
	clear(plain)
	if err == nil && rec.Intent != nil {
		plain, err = s.Open(ctx, rec.Intent, rec.noteBinding())
		clear(plain)
	}
	return err
}

// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/credhost/credhost/host"
)

// A Query says which entries to list: the newest first. What is zero restricts
// nothing.
type Query struct {
	Workspace  string // empty: of all, and of the host itself
	Credential string
	Actor      host.Actor
	Action     string
	Since      time.Time // not before
	Until      time.Time // before
	Before     uint64    // only those with a lower Seq
	After      uint64    // only those with a higher Seq; then the oldest first
	Limit      int       // 0: 100; at most 1000
}

func (q Query) stored() host.TrailQuery {
	return host.TrailQuery{Workspace: q.Workspace, Credential: q.Credential, Actor: string(q.Actor), Action: q.Action,
		Since: storable(q.Since), Until: storable(q.Until), Before: q.Before, After: q.After, Newest: q.After == 0, Limit: min(q.Limit, 1000)}
}

// The years that every store can keep, whatever people ask for.
var (
	earliest = time.Date(1700, 1, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(2260, 1, 1, 0, 0, 0, 0, time.UTC)
)

func storable(t time.Time) time.Time {
	switch {
	case t.IsZero():
		return t
	case t.Before(earliest):
		return earliest
	case t.After(latest):
		return latest
	}
	return t
}

// List returns a page of entries. It does not verify them: see [Trail.Verify].
// The next page has for Before, or for After, the Seq of the last one of this.
func (t *Trail) List(ctx context.Context, q Query) ([]Entry, error) {
	page, err := t.store.Trail(ctx, q.stored())
	if err != nil {
		return nil, err
	}
	entries := make([]Entry, len(page))
	for i, stored := range page {
		if entries[i], err = decode(stored); err != nil {
			return nil, fmt.Errorf("audit: the entry %d cannot be read; see audit verify", stored.Seq)
		}
	}
	return entries, nil
}

func decode(stored host.TrailEntry) (e Entry, err error) {
	e.Seq, e.Hash = stored.Seq, hex.EncodeToString(stored.Hash)
	return e, json.Unmarshal(stored.Event, &e.Event)
}

// followEvery is how often Follow looks.
const followEvery = time.Second

// Follow calls each for the entries that q asks for as they are added, those
// after q.After, or those that come from now on; until ctx ends, or each returns
// an error, which it returns.
func (t *Trail) Follow(ctx context.Context, q Query, each func(Entry) error) error {
	if q.After == 0 {
		newest, err := t.newest(ctx)
		if err != nil {
			return err
		}
		q.After = newest.Seq
	}
	stored := q.stored()
	stored.Newest = false // of an empty trail, After is 0
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		page, err := t.store.Trail(ctx, stored)
		if err != nil {
			return err
		}
		for _, one := range page {
			e, err := decode(one)
			if err == nil {
				err = each(e)
			}
			if err != nil {
				return err
			}
			stored.After = one.Seq
		}
		if len(page) > 0 {
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package memstore

import (
	"bytes"
	"context"
	"slices"

	"github.com/credhost/credhost/host"
)

// AppendTrail adds entries, as [host.TrailStore] says.
func (s *Store) AppendTrail(ctx context.Context, after uint64, hash []byte, entries []host.TrailEntry) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var last uint64
	var newest []byte
	if n := len(s.trail); n > 0 {
		last, newest = s.trail[n-1].Seq, s.trail[n-1].Hash
	}
	if last != after || !bytes.Equal(newest, hash) {
		return host.ErrConflict
	}
	for i, e := range entries {
		if e.Seq != after+uint64(i)+1 {
			return errNumbers
		}
	}
	for _, e := range entries {
		s.trail = append(s.trail, cloneEntry(e))
	}
	return nil
}

// Trail returns entries, as [host.TrailStore] says. It looks at all of them.
func (s *Store) Trail(ctx context.Context, q host.TrailQuery) ([]host.TrailEntry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	all := s.trail // which is never written to, only added to
	s.mu.Unlock()
	limit := q.Limit
	if limit <= 0 {
		limit = 100
	}
	var page []host.TrailEntry
	for i := range all {
		e := all[i]
		if q.Newest {
			e = all[len(all)-1-i]
		}
		if matchesEntry(q, e) {
			if page = append(page, cloneEntry(e)); len(page) == limit {
				break
			}
		}
	}
	return page, nil
}

func matchesEntry(q host.TrailQuery, e host.TrailEntry) bool {
	return (q.Workspace == "" || q.Workspace == e.Workspace) &&
		(q.Credential == "" || q.Credential == e.Credential) &&
		(q.Actor == "" || q.Actor == e.Actor) &&
		(q.Action == "" || q.Action == e.Action) &&
		(q.Since.IsZero() || !e.Time.Before(q.Since)) &&
		(q.Until.IsZero() || e.Time.Before(q.Until)) &&
		e.Seq > q.After && (q.Before == 0 || e.Seq < q.Before)
}

// TrimTrail removes the oldest entries, as [host.TrailStore] says.
func (s *Store) TrimTrail(ctx context.Context, upTo uint64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.trail)
	if n == 0 || upTo >= s.trail[n-1].Seq {
		return host.ErrConflict
	}
	at, _ := slices.BinarySearchFunc(s.trail, upTo+1, func(e host.TrailEntry, seq uint64) int {
		return int(int64(e.Seq) - int64(seq))
	})
	s.trail = slices.Clone(s.trail[at:])
	return nil
}

func cloneEntry(e host.TrailEntry) host.TrailEntry {
	e.Event, e.Hash = bytes.Clone(e.Event), bytes.Clone(e.Hash)
	e.Time = e.Time.Round(0).UTC()
	return e
}

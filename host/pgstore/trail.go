// SPDX-License-Identifier: Apache-2.0

package pgstore

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/internal/sqlrow"
)

var errNumbers = errors.New("pgstore: entries of the trail must be numbered without a gap")

// AppendTrail adds entries, as [host.TrailStore] says.
func (s *Store) AppendTrail(ctx context.Context, after uint64, hash []byte, entries []host.TrailEntry) error {
	n := len(entries)
	times := make([]int64, n)
	workspaces, credentials, actors, actions := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	events, hashes := make([][]byte, n), make([][]byte, n)
	for i, e := range entries {
		if e.Seq != after+uint64(i)+1 {
			return errNumbers
		}
		var err error
		if times[i], err = sqlrow.Nanoseconds("pgstore", e.Time); err != nil {
			return err
		}
		workspaces[i], credentials[i], actors[i], actions[i] = e.Workspace, e.Credential, e.Actor, e.Action
		events[i], hashes[i] = sqlrow.OrEmpty(e.Event), sqlrow.OrEmpty(e.Hash)
	}
	_, err := s.write(ctx, host.ErrConflict, s.sql.appendTrail, int64(after), hash,
		times, workspaces, credentials, actors, actions, events, hashes)
	return err
}

// Trail returns entries, as [host.TrailStore] says.
func (s *Store) Trail(ctx context.Context, q host.TrailQuery) (page []host.TrailEntry, err error) {
	query, args, err := sqlrow.SelectEntries("pgstore", s.sql.trail, q)
	if err != nil {
		return nil, err
	}
	err = s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		page, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (host.TrailEntry, error) { return scanEntry(row) })
		return err
	})
	return page, err
}

func scanEntry(row pgx.Row) (host.TrailEntry, error) { return sqlrow.ScanEntry(row) }

// TrimTrail removes the oldest entries, as [host.TrailStore] says.
func (s *Store) TrimTrail(ctx context.Context, upTo uint64) error {
	_, err := s.write(ctx, host.ErrConflict, s.sql.trimTrail, int64(upTo))
	return err
}

// SPDX-License-Identifier: Apache-2.0

package sqlitestore

import (
	"bytes"
	"context"
	"database/sql"
	"errors"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/internal/sqlrow"
)

const (
	trailHead   = `SELECT seq, hash FROM trail ORDER BY seq DESC LIMIT 1`
	appendEntry = `INSERT INTO trail (` + sqlrow.EntryColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`
	trimTrail   = `DELETE FROM trail WHERE seq <= $1`
	clearTrail  = `DELETE FROM trail`
	snapTrail   = `SELECT ` + sqlrow.EntryColumns + ` FROM trail ORDER BY seq`
)

var errNumbers = errors.New("sqlitestore: entries of the trail must be numbered without a gap")

// AppendTrail adds entries, as [host.TrailStore] says.
func (s *Store) AppendTrail(ctx context.Context, after uint64, hash []byte, entries []host.TrailEntry) error {
	return s.write(ctx, func(ctx context.Context, t transaction) error {
		last, newest, err := t.trailHead(ctx)
		if err != nil {
			return err
		}
		if last != after || !bytes.Equal(newest, hash) {
			return host.ErrConflict
		}
		for i, e := range entries {
			if e.Seq != after+uint64(i)+1 {
				return errNumbers
			}
			if err := t.appendEntry(ctx, e); err != nil {
				return err
			}
		}
		return nil
	})
}

// trailHead returns the number and the hash of the newest entry.
func (t transaction) trailHead(ctx context.Context) (seq uint64, hash []byte, err error) {
	err = t.stmt(ctx, trailHead).QueryRowContext(ctx).Scan(&seq, &hash)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil, nil
	}
	return seq, hash, err
}

func (t transaction) appendEntry(ctx context.Context, e host.TrailEntry) error {
	at, err := sqlrow.Nanoseconds("sqlitestore", e.Time)
	if err != nil {
		return err
	}
	_, err = t.changed(ctx, appendEntry, int64(e.Seq), at, e.Workspace, e.Credential, e.Actor, e.Action, sqlrow.OrEmpty(e.Event), sqlrow.OrEmpty(e.Hash))
	return err
}

// Trail returns entries, as [host.TrailStore] says.
func (s *Store) Trail(ctx context.Context, q host.TrailQuery) (page []host.TrailEntry, err error) {
	query, args, err := sqlrow.SelectEntries("sqlitestore", "trail", q)
	if err != nil {
		return nil, err
	}
	err = s.read(ctx, func(ctx context.Context) error {
		rows, err := s.readers.QueryContext(ctx, query, args...)
		if err != nil {
			return err
		}
		page, err = collect(rows, sqlrow.ScanEntry)
		return err
	})
	return page, err
}

// TrimTrail removes the oldest entries, as [host.TrailStore] says.
func (s *Store) TrimTrail(ctx context.Context, upTo uint64) error {
	return s.write(ctx, func(ctx context.Context, t transaction) error {
		last, _, err := t.trailHead(ctx)
		if err == nil && upTo >= last {
			err = host.ErrConflict
		}
		if err != nil {
			return err
		}
		_, err = t.changed(ctx, trimTrail, int64(upTo))
		return err
	})
}

// SPDX-License-Identifier: Apache-2.0

package sqlitestore

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/credhost/credhost/host"
)

const (
	entryColumns = `seq, time, workspace, credential, actor, action, event, hash`

	trailHead   = `SELECT seq, hash FROM trail ORDER BY seq DESC LIMIT 1`
	appendEntry = `INSERT INTO trail (` + entryColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`
	trimTrail   = `DELETE FROM trail WHERE seq <= $1`
	clearTrail  = `DELETE FROM trail`
	snapTrail   = `SELECT ` + entryColumns + ` FROM trail ORDER BY seq`
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
	at, err := nanoseconds(e.Time)
	if err != nil {
		return err
	}
	_, err = t.changed(ctx, appendEntry, int64(e.Seq), at, e.Workspace, e.Credential, e.Actor, e.Action, orEmpty(e.Event), orEmpty(e.Hash))
	return err
}

// orEmpty keeps nothing from being NULL.
func orEmpty(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// Trail returns entries, as [host.TrailStore] says.
func (s *Store) Trail(ctx context.Context, q host.TrailQuery) (page []host.TrailEntry, err error) {
	query, args, err := trailQuery(q)
	if err != nil {
		return nil, err
	}
	err = s.read(ctx, func(ctx context.Context) error {
		rows, err := s.readers.QueryContext(ctx, query, args...)
		if err != nil {
			return err
		}
		page, err = collect(rows, scanEntry)
		return err
	})
	return page, err
}

// trailQuery says only what q restricts, so that SQLite finds the index for it.
func trailQuery(q host.TrailQuery) (query string, args []any, err error) {
	var where []string
	only := func(condition string, arg any) {
		where, args = append(where, condition), append(args, arg)
	}
	for _, c := range []struct{ column, value string }{
		{"credential", q.Credential}, {"workspace", q.Workspace}, {"actor", q.Actor}, {"action", q.Action},
	} {
		if c.value != "" {
			only(c.column+" = ?", c.value)
		}
	}
	if q.Credential != "" {
		where = append(where, "credential <> ''") // which the index demands
	}
	if !q.Since.IsZero() {
		at, err := nanoseconds(q.Since)
		if err != nil {
			return "", nil, err
		}
		only("time >= ?", at)
	}
	if !q.Until.IsZero() {
		at, err := nanoseconds(q.Until)
		if err != nil {
			return "", nil, err
		}
		only("time < ?", at)
	}
	only("seq > ?", int64(q.After))
	if q.Before > 0 {
		only("seq < ?", int64(q.Before))
	}
	order := " ORDER BY seq LIMIT ?"
	if q.Newest {
		order = " ORDER BY seq DESC LIMIT ?"
	}
	limit := 100
	if q.Limit > 0 {
		limit = q.Limit
	}
	return `SELECT ` + entryColumns + ` FROM trail WHERE ` + strings.Join(where, " AND ") + order, append(args, limit), nil
}

func scanEntry(row interface{ Scan(...any) error }) (e host.TrailEntry, err error) {
	var at int64
	err = row.Scan(&e.Seq, &at, &e.Workspace, &e.Credential, &e.Actor, &e.Action, &e.Event, &e.Hash)
	e.Time = instant(at)
	return e, err
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

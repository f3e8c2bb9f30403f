// SPDX-License-Identifier: Apache-2.0

package pgstore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/credhost/credhost/host"
)

const entryColumns = `seq, time, workspace, credential, actor, action, event, hash`

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
		if times[i], err = nanoseconds(e.Time); err != nil {
			return err
		}
		workspaces[i], credentials[i], actors[i], actions[i] = e.Workspace, e.Credential, e.Actor, e.Action
		events[i], hashes[i] = orEmpty(e.Event), orEmpty(e.Hash)
	}
	_, err := s.write(ctx, host.ErrConflict, s.sql.appendTrail, int64(after), hash,
		times, workspaces, credentials, actors, actions, events, hashes)
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
	query, args, err := s.trailQuery(q)
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

// trailQuery says only what q restricts, so that the server finds the index for
// it.
func (s *Store) trailQuery(q host.TrailQuery) (query string, args []any, err error) {
	var where []string
	only := func(condition string, arg any) {
		args = append(args, arg)
		where = append(where, fmt.Sprintf("%s $%d", condition, len(args)))
	}
	for _, c := range []struct{ column, value string }{
		{"credential", q.Credential}, {"workspace", q.Workspace}, {"actor", q.Actor}, {"action", q.Action},
	} {
		if c.value != "" {
			only(c.column+" =", c.value)
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
		only("time >=", at)
	}
	if !q.Until.IsZero() {
		at, err := nanoseconds(q.Until)
		if err != nil {
			return "", nil, err
		}
		only("time <", at)
	}
	only("seq >", int64(q.After))
	if q.Before > 0 {
		only("seq <", int64(q.Before))
	}
	order := " ORDER BY seq"
	if q.Newest {
		order += " DESC"
	}
	limit := 100
	if q.Limit > 0 {
		limit = q.Limit
	}
	return s.sql.trail + strings.Join(where, " AND ") + order + fmt.Sprintf(" LIMIT %d", limit), args, nil
}

func scanEntry(row pgx.Row) (e host.TrailEntry, err error) {
	var seq, at int64
	err = row.Scan(&seq, &at, &e.Workspace, &e.Credential, &e.Actor, &e.Action, &e.Event, &e.Hash)
	e.Seq, e.Time = uint64(seq), instant(at)
	return e, err
}

// TrimTrail removes the oldest entries, as [host.TrailStore] says.
func (s *Store) TrimTrail(ctx context.Context, upTo uint64) error {
	_, err := s.write(ctx, host.ErrConflict, s.sql.trimTrail, int64(upTo))
	return err
}

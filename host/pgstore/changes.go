// SPDX-License-Identifier: Apache-2.0

package pgstore

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/credhost/credhost/host"
)

const (
	changesPage = 1000          // changes that one call returns
	remember    = 2 * time.Hour // how long a deletion is kept, at least
)

// Changes returns what has changed, as [host.Store] says.
func (s *Store) Changes(ctx context.Context, since uint64) (changes []host.Change, next uint64, err error) {
	from := int64(min(since, math.MaxInt64)) // which no store reaches
	err = s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		changes = nil
		at, err := s.position(ctx, conn, from)
		if err == nil && from > 0 && from != at.last && !at.forgot(from) { // mostly, nothing has changed
			changes, at, err = s.changesSince(ctx, conn, from, at)
		}
		if err != nil {
			return err
		}
		next = uint64(at.last)
		switch {
		case from > 0 && at.forgot(from):
			changes = nil
			return host.ErrBehind
		case len(changes) == changesPage:
			next = changes[changesPage-1].Seq
		}
		return nil
	})
	return changes, next, err
}

// A position is how far changes go: to the newest, from the one after the
// newest that is forgotten.
type position struct{ last, forgotten int64 }

func (p position) forgot(since int64) bool { return since < p.forgotten || since > p.last }

func (s *Store) position(ctx context.Context, conn *pgx.Conn, since int64) (p position, err error) {
	err = conn.QueryRow(ctx, s.sql.position, since).Scan(&p.last, &p.forgotten)
	if errors.Is(err, pgx.ErrNoRows) {
		err = errForeign
	}
	return p, err
}

// changesSince returns changes, and the position at the moment that it sees.
// Without a change, that is still the one that was seen before: nothing was
// forgotten since, as only a deletion forgets, and that is a change.
func (s *Store) changesSince(ctx context.Context, conn *pgx.Conn, since int64, at position) ([]host.Change, position, error) {
	rows, err := conn.Query(ctx, s.sql.changes, since, changesPage)
	if err != nil {
		return nil, at, err
	}
	changes, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c host.Change, err error) {
		var seq, generation int64
		err = row.Scan(&at.last, &at.forgotten, &seq, &c.Workspace, &c.ID, &generation)
		c.Seq, c.Generation = uint64(seq), uint64(generation)
		return c, err
	})
	return changes, at, err
}

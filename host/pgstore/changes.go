// SPDX-License-Identifier: Apache-2.0

package pgstore

import (
	"context"
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
		rows, err := conn.Query(ctx, s.sql.changes, from, changesPage)
		if err != nil {
			return err
		}
		changes, next, err = collect(rows, uint64(from))
		return err
	})
	return changes, next, err
}

// collect reads rows that all begin with the store's position. There is one at
// least; without a change, the rest of it is NULL.
func collect(rows pgx.Rows, since uint64) (changes []host.Change, next uint64, err error) {
	defer rows.Close()
	var last, forgotten int64
	for rows.Next() {
		var seq, generation *int64
		var workspace, id *string
		if err := rows.Scan(&last, &forgotten, &seq, &workspace, &id, &generation); err != nil {
			return nil, 0, err
		}
		if seq != nil {
			changes = append(changes, host.Change{Seq: uint64(*seq), Workspace: *workspace, ID: *id, Generation: uint64(*generation)})
		}
	}
	switch err := rows.Err(); {
	case err != nil:
		return nil, 0, err
	case last == 0:
		return nil, 0, errForeign
	case since > 0 && (since < uint64(forgotten) || since > uint64(last)):
		return nil, uint64(last), host.ErrBehind
	case len(changes) == changesPage:
		return changes, changes[changesPage-1].Seq, nil
	}
	return changes, uint64(last), nil
}

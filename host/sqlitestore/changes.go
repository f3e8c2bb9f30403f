// SPDX-License-Identifier: Apache-2.0

package sqlitestore

import (
	"context"
	"database/sql"
	"time"

	"github.com/credhost/credhost/host"
)

const (
	changesPage = 1000          // changes that one call returns
	remember    = 2 * time.Hour // how long a deletion is kept, at least

	position = `SELECT last, forgotten FROM sequence`

	// A record has the number of its newest change, so changes need no table
	// that grows: only deletions do.
	listChanges = `SELECT seq, workspace, id, generation FROM records WHERE seq > $1
		UNION ALL
		SELECT seq, workspace, id, 0 FROM deletions WHERE seq > $1
		ORDER BY seq LIMIT $2`

	recordDeletion = `INSERT INTO deletions (seq, workspace, id, deleted) VALUES ($1, $2, $3, ` + now + `)`

	// Each deletion forgets a few old ones, more than it adds; it looks at no
	// more than those, however many there are.
	forgetDeletions = `DELETE FROM deletions
		WHERE seq IN (SELECT seq FROM deletions ORDER BY seq LIMIT 10) AND deleted < ` + now + ` - $1
		RETURNING seq`

	recordForgotten = `UPDATE sequence SET forgotten = max(forgotten, $1)`
)

// Changes returns what has changed, as [host.Store] says. It also erases what
// a Delete could not, because another process was reading.
func (s *Store) Changes(ctx context.Context, since uint64) (changes []host.Change, next uint64, err error) {
	err = s.read(ctx, func(ctx context.Context) error {
		tx, err := s.readers.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }()
		changes, next, err = s.changes(ctx, tx, since)
		return err
	})
	if err == nil {
		_ = s.erase(ctx)
	}
	return changes, next, err
}

func (s *Store) changes(ctx context.Context, tx *sql.Tx, since uint64) ([]host.Change, uint64, error) {
	var last, forgotten uint64
	if err := tx.StmtContext(ctx, s.prepped[position]).QueryRowContext(ctx).Scan(&last, &forgotten); err != nil {
		return nil, 0, err
	}
	switch {
	case since == 0 || since == last:
		return nil, last, nil
	case since < forgotten, since > last:
		return nil, last, host.ErrBehind
	}
	rows, err := tx.StmtContext(ctx, s.prepped[listChanges]).QueryContext(ctx, int64(since), changesPage)
	if err != nil {
		return nil, 0, err
	}
	changes, err := collect(rows, func(row interface{ Scan(...any) error }) (c host.Change, err error) {
		err = row.Scan(&c.Seq, &c.Workspace, &c.ID, &c.Generation)
		return c, err
	})
	if len(changes) == changesPage {
		last = changes[changesPage-1].Seq
	}
	return changes, last, err
}

// recordDeletion numbers a deletion, and forgets old ones.
func (t transaction) recordDeletion(ctx context.Context, workspace, id string) error {
	seq, err := t.next(ctx)
	if err != nil {
		return err
	}
	if _, err := t.changed(ctx, recordDeletion, seq, workspace, id); err != nil {
		return err
	}
	rows, err := t.stmt(ctx, forgetDeletions).QueryContext(ctx, remember.Milliseconds())
	if err != nil {
		return err
	}
	forgotten, err := collect(rows, func(row interface{ Scan(...any) error }) (seq int64, err error) {
		err = row.Scan(&seq)
		return seq, err
	})
	for _, seq := range forgotten {
		if _, err := t.changed(ctx, recordForgotten, seq); err != nil {
			return err
		}
	}
	return err
}

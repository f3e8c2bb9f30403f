// SPDX-License-Identifier: Apache-2.0

package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/internal/sqlrow"
)

var _ host.WholeStore = (*Store)(nil)

const (
	wholeRecords = `SELECT ` + columns + `, sealed.data, intent, intents.data
		FROM records JOIN sealed USING (record) LEFT JOIN intents USING (record)`

	allRecords  = wholeRecords + ` WHERE (workspace, id) > ($1, $2) ORDER BY workspace, id LIMIT $3`
	snapRecords = wholeRecords + ` ORDER BY workspace, id`

	// What is there may be no longer what the caller saw.
	findSealed = `SELECT record, size, sealed.data, intent, intents.data
		FROM records JOIN sealed USING (record) LEFT JOIN intents USING (record)
		WHERE workspace = $1 AND id = $2`
	setSizes = `UPDATE records SET size = $2, intent = $3 WHERE record = $1`

	countAll       = `SELECT (SELECT count(*) FROM records) + (SELECT count(*) FROM trail)`
	clearRecords   = `DELETE FROM records`
	clearSealed    = `DELETE FROM sealed`
	clearIntents   = `DELETE FROM intents`
	clearDeletions = `DELETE FROM deletions`
	forgetAll      = `UPDATE sequence SET last = last + 1, forgotten = last + 1`
)

// All returns records, as [host.WholeStore] says.
func (s *Store) All(ctx context.Context, workspace, id string, limit int) (page []host.Record, err error) {
	err = s.read(ctx, func(ctx context.Context) error {
		rows, err := s.prepped[allRecords].QueryContext(ctx, workspace, id, max(limit, 0))
		if err != nil {
			return err
		}
		page, err = collect(rows, scanWhole)
		return err
	})
	return page, err
}

// Reseal replaces what is sealed, as [host.WholeStore] says. What was sealed
// before is erased as what a Save replaces.
func (s *Store) Reseal(ctx context.Context, was, now host.Record) error {
	return s.write(ctx, func(ctx context.Context, t transaction) error {
		record, sealed, intent, err := t.sealed(ctx, was.Workspace, was.ID)
		switch {
		case err != nil:
			return notFound(err)
		case string(sealed) != string(was.Sealed), (intent == nil) != (was.Intent == nil), string(intent) != string(was.Intent):
			return host.ErrConflict
		}
		size := sql.NullInt64{Int64: int64(len(now.Intent)), Valid: now.Intent != nil}
		if _, err := t.changed(ctx, setSizes, record, len(now.Sealed), size); err != nil {
			return err
		}
		if _, err := t.changed(ctx, saveSealed, record, pad(now.Sealed, s.page)); err != nil {
			return err
		}
		if now.Intent == nil {
			_, err = t.changed(ctx, deleteIntent, record)
		} else {
			_, err = t.changed(ctx, saveIntent, record, pad(now.Intent, s.page))
		}
		return err
	})
}

// sealed returns what a record has sealed, and its intent.
func (t transaction) sealed(ctx context.Context, workspace, id string) (record int64, sealed, intent []byte, err error) {
	var size int
	var intentSize sql.NullInt64
	err = t.stmt(ctx, findSealed).QueryRowContext(ctx, workspace, id).Scan(&record, &size, &sealed, &intentSize, &intent)
	if err != nil {
		return 0, nil, nil, err
	}
	if sealed, err = unpad(sealed, size); err != nil || !intentSize.Valid {
		return record, sealed, nil, err
	}
	intent, err = unpad(intent, int(intentSize.Int64))
	return record, sealed, intent, err
}

// Snapshot hands over all, as [host.WholeStore] says. It has a connection of
// its own, and what is written meanwhile stays in the log until it has ended.
func (s *Store) Snapshot(ctx context.Context, record func(host.Record) error, entry func(host.TrailEntry) error) error {
	own, err := pool(s.path, 1, readerParams)
	if err != nil {
		return err
	}
	defer func() { _ = own.Close() }()
	tx, err := own.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return s.explain(err)
	}
	defer func() { _ = tx.Rollback() }()
	if err := each(ctx, s, tx, snapRecords, scanWhole, record); err != nil {
		return err
	}
	return each(ctx, s, tx, snapTrail, sqlrow.ScanEntry, entry)
}

// each hands over the rows of a query, one by one. An error of f is returned as
// it is.
func each[T any](ctx context.Context, s *Store, tx *sql.Tx, query string, scan func(interface{ Scan(...any) error }) (T, error), f func(T) error) error {
	rows, err := tx.QueryContext(ctx, query)
	if err != nil {
		return s.explain(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return s.explain(err)
		}
		if err := f(one); err != nil {
			return err
		}
	}
	return s.explain(rows.Err())
}

// Restore fills the store, as [host.WholeStore] says. Nobody else can write
// meanwhile.
func (s *Store) Restore(ctx context.Context, replace bool, fill func(context.Context, host.Filling) error) error {
	var filled error // is returned as it is
	err := s.write(ctx, func(inner context.Context, t transaction) error {
		there, err := t.number(inner, countAll)
		switch {
		case err != nil:
			return err
		case there > 0 && !replace:
			return host.ErrConflict
		}
		for _, query := range []string{clearRecords, clearSealed, clearIntents, clearDeletions, clearTrail, forgetAll} {
			if _, err := t.changed(inner, query); err != nil {
				return err
			}
		}
		filled = fill(ctx, &filling{transaction: t, ctx: inner, page: s.page})
		return filled
	})
	if filled != nil {
		return filled
	}
	if err == nil {
		s.deletions.Add(1)
		_ = s.erase(ctx) // as after a Delete
	}
	return err
}

// A filling writes into an empty store.
type filling struct {
	transaction
	ctx  context.Context // that does not end while a statement runs: see retry
	page int
	last uint64 // number of the last entry
}

// Record implements [host.Filling].
func (f *filling) Record(ctx context.Context, r host.Record) error {
	row, err := values(r)
	if err := errors.Join(err, ctx.Err()); err != nil {
		return err
	}
	seq, err := f.next(f.ctx)
	if err != nil {
		return err
	}
	record, err := f.number(f.ctx, createRecord, append(row, seq)...)
	if errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("the record %s is there twice: %w", r.ID, host.ErrConflict)
	}
	if err != nil {
		return err
	}
	if _, err := f.changed(f.ctx, createSealed, record, pad(r.Sealed, f.page)); err != nil || r.Intent == nil {
		return err
	}
	if _, err := f.changed(f.ctx, setSizes, record, len(r.Sealed), len(r.Intent)); err != nil {
		return err
	}
	_, err = f.changed(f.ctx, saveIntent, record, pad(r.Intent, f.page))
	return err
}

// Entry implements [host.Filling].
func (f *filling) Entry(ctx context.Context, e host.TrailEntry) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if f.last > 0 && e.Seq != f.last+1 {
		return errNumbers
	}
	f.last = e.Seq
	return f.appendEntry(f.ctx, e)
}

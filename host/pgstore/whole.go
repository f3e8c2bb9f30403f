// SPDX-License-Identifier: Apache-2.0

package pgstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/internal/sqlrow"
)

var _ host.WholeStore = (*Store)(nil)

// All returns records, as [host.WholeStore] says.
func (s *Store) All(ctx context.Context, workspace, id string, limit int) ([]host.Record, error) {
	return s.records(ctx, s.sql.all, workspace, id, max(limit, 0))
}

// Reseal replaces what is sealed, as [host.WholeStore] says. What was sealed
// before is left behind as the comment of this package says.
func (s *Store) Reseal(ctx context.Context, was, now host.Record) error {
	_, err := s.write(ctx, host.ErrConflict, s.sql.reseal,
		was.Workspace, was.ID, sqlrow.OrEmpty(was.Sealed), sqlrow.OrEmpty(now.Sealed), was.Intent, now.Intent)
	return err
}

// Snapshot hands over all, as [host.WholeStore] says. It is one transaction, on
// one connection.
func (s *Store) Snapshot(ctx context.Context, record func(host.Record) error, entry func(host.TrailEntry) error) error {
	var told error // by record or entry, and returned as it is
	err := s.try(ctx, once, func(_ context.Context, conn *pgx.Conn) error {
		options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
		return pgx.BeginTxFunc(ctx, conn, options, func(tx pgx.Tx) error {
			if told = each(ctx, tx, s.sql.snapRecords, scan, record); told != nil {
				return told
			}
			told = each(ctx, tx, s.sql.snapTrail, scanEntry, entry)
			return told
		})
	})
	var f fault
	if errors.As(told, &f) {
		return s.explain(f.error)
	}
	if told != nil {
		return told
	}
	return s.explain(err)
}

// A fault is an error of the database, among those of a callback.
type fault struct{ error }

// each hands over the rows of a query, one by one.
func each[T any](ctx context.Context, tx pgx.Tx, query string, scan func(pgx.Row) (T, error), f func(T) error) error {
	rows, err := tx.Query(ctx, query)
	if err != nil {
		return fault{err}
	}
	defer rows.Close()
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return fault{err}
		}
		if err := f(one); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fault{err}
	}
	return nil
}

// Restore fills the store, as [host.WholeStore] says. Nobody else can write
// meanwhile. It is one transaction, on one connection; if this process dies, the
// server undoes it.
func (s *Store) Restore(ctx context.Context, replace bool, fill func(context.Context, host.Filling) error) error {
	var told error // by fill, and returned as it is
	err := s.try(ctx, once, func(_ context.Context, conn *pgx.Conn) error {
		return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			var there int64
			err := tx.QueryRow(ctx, s.sql.clearAll, int64(newest), replace).Scan(&there)
			switch {
			case err != nil:
				return err
			case there == -2:
				return errNewer
			case there > 0:
				return host.ErrConflict
			}
			f := &filling{s: s, tx: tx}
			if told = fill(ctx, f); told == nil {
				told = f.flush(ctx)
			}
			return told
		})
	})
	var f fault
	if errors.As(told, &f) {
		return s.explain(f.error)
	}
	if told != nil {
		return told
	}
	return s.explain(err)
}

// A filling writes into an empty store, some at a time.
type filling struct {
	s    *Store
	tx   pgx.Tx
	last uint64 // number of the last entry

	batch pgx.Batch
	size  int // of the batch, in bytes
}

// Record implements [host.Filling].
func (f *filling) Record(ctx context.Context, r host.Record) error {
	row, err := values(r)
	if err != nil {
		return err
	}
	return f.queue(ctx, len(r.Sealed)+len(r.Intent), f.s.sql.fillRecord, append(row, r.Intent)...)
}

// Entry implements [host.Filling].
func (f *filling) Entry(ctx context.Context, e host.TrailEntry) error {
	if f.last > 0 && e.Seq != f.last+1 {
		return errNumbers
	}
	f.last = e.Seq
	at, err := sqlrow.Nanoseconds("pgstore", e.Time)
	if err != nil {
		return err
	}
	return f.queue(ctx, len(e.Event), f.s.sql.fillEntry,
		int64(e.Seq), at, e.Workspace, e.Credential, e.Actor, e.Action, sqlrow.OrEmpty(e.Event), sqlrow.OrEmpty(e.Hash))
}

// What is sent at once.
const (
	mostQueued  = 200
	batchMemory = 1 << 20 // bytes of what is sealed
)

func (f *filling) queue(ctx context.Context, size int, query string, args ...any) error {
	f.batch.Queue(query, args...)
	f.size += size
	if f.batch.Len() < mostQueued && f.size < batchMemory {
		return nil
	}
	return f.flush(ctx)
}

func (f *filling) flush(ctx context.Context) error {
	if f.batch.Len() == 0 {
		return nil
	}
	err := f.tx.SendBatch(ctx, &f.batch).Close()
	f.batch, f.size = pgx.Batch{}, 0
	if code(err) == "23505" { // unique_violation
		return fmt.Errorf("a record or an entry is there twice: %w", host.ErrConflict)
	}
	if err != nil {
		return fault{err}
	}
	return nil
}

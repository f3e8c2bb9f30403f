// SPDX-License-Identifier: Apache-2.0

package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"time"

	"github.com/credhost/credhost/host"
)

// A transaction runs prepared statements on the writer.
type transaction struct {
	*sql.Tx
	prepped map[string]*sql.Stmt
}

func (t transaction) stmt(ctx context.Context, query string) *sql.Stmt {
	return t.StmtContext(ctx, t.prepped[query])
}

// changed runs a statement and tells whether it changed a row.
func (t transaction) changed(ctx context.Context, query string, args ...any) (bool, error) {
	result, err := t.stmt(ctx, query).ExecContext(ctx, args...)
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

// number runs a statement and returns the one number that it answers, or
// sql.ErrNoRows.
func (t transaction) number(ctx context.Context, query string, args ...any) (n int64, err error) {
	err = t.stmt(ctx, query).QueryRowContext(ctx, args...).Scan(&n)
	return n, err
}

// next draws a number from the sequence.
func (t transaction) next(ctx context.Context) (int64, error) { return t.number(ctx, nextNumber) }

// orNotFound returns ErrNotFound, or err if the record exists.
func (t transaction) orNotFound(ctx context.Context, workspace, id string, err error) error {
	if _, missing := t.number(ctx, recordExists, workspace, id); missing != nil {
		return notFound(missing)
	}
	return err
}

const (
	nextNumber   = `UPDATE sequence SET last = last + 1 RETURNING last`
	recordExists = `SELECT 1 FROM records WHERE workspace = $1 AND id = $2`
	version      = `PRAGMA user_version`
)

// read calls f, which reads. F may be called again.
func (s *Store) read(ctx context.Context, f func(context.Context) error) error {
	return s.explain(s.retry(ctx, f))
}

// write runs f in a transaction, which ends before it returns: kept if f
// returns nil, else undone. F may be called again.
func (s *Store) write(ctx context.Context, f func(context.Context, transaction) error) error {
	return s.explain(s.withWriter(ctx, func(ctx context.Context, conn *sql.Conn) error {
		tx, err := conn.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }()
		t := transaction{tx, s.prepped}
		if err := s.unchanged(ctx, t); err != nil {
			return err
		}
		if err := f(ctx, t); err != nil {
			return err
		}
		return tx.Commit()
	}))
}

// unchanged tells whether the file is still the one that was opened, and of
// the version that the statements are for.
func (s *Store) unchanged(ctx context.Context, t transaction) error {
	info, err := os.Stat(s.path)
	if err != nil || !os.SameFile(info, s.file) {
		return errReplaced
	}
	v, err := t.number(ctx, version)
	if err == nil && v != int64(s.version) {
		err = errNewer
	}
	return err
}

// withWriter runs f on the only connection that writes. F may be called again.
func (s *Store) withWriter(ctx context.Context, f func(context.Context, *sql.Conn) error) error {
	return s.retry(ctx, func(inner context.Context) error {
		conn, err := s.writer.Conn(ctx)
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close() }()
		return f(inner, conn)
	})
}

// retry calls f until no lock is in its way, or Config.Wait has passed, or ctx
// has ended.
//
// The ctx that f gets does not end: statements are short, SQLite waits for a
// lock no longer than busyTimeout, and a statement that is interrupted would
// leave it open whether its transaction still holds.
func (s *Store) retry(ctx context.Context, f func(context.Context) error) error {
	for start := time.Now(); ; {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := f(context.WithoutCancel(ctx))
		if !busy(err) || time.Since(start) > s.wait {
			return err
		}
		pause := time.NewTimer(5 * time.Millisecond)
		select {
		case <-ctx.Done():
			pause.Stop()
		case <-pause.C:
		}
	}
}

// notFound returns ErrNotFound for what a query that found no row reports.
func notFound(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return host.ErrNotFound
	}
	return err
}

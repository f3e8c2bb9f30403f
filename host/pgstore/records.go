// SPDX-License-Identifier: Apache-2.0

package pgstore

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/internal/sqlrow"
)

// Get returns a record, as [host.Store] says.
func (s *Store) Get(ctx context.Context, workspace, id string) (r host.Record, err error) {
	err = s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		r, err = scan(conn.QueryRow(ctx, s.sql.get, workspace, id))
		return err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return r, host.ErrNotFound
	}
	return r, err
}

// List returns records, as [host.Store] says.
func (s *Store) List(ctx context.Context, q host.Query) ([]host.Record, error) {
	before, limit := int64(math.MaxInt64), 100
	if !q.Before.IsZero() {
		var err error
		if before, err = sqlrow.Nanoseconds("pgstore", q.Before); err != nil {
			return nil, err
		}
	}
	if q.Limit > 0 {
		limit = q.Limit
	}
	return s.records(ctx, s.sql.list, q.Workspace, string(q.Kind), q.After, q.Type, before, limit)
}

// Due returns the records that are due, as [host.Store] says.
func (s *Store) Due(ctx context.Context, until time.Time, limit int) ([]host.Record, error) {
	last, err := sqlrow.Nanoseconds("pgstore", until)
	if err != nil {
		return nil, err
	}
	return s.records(ctx, s.sql.due, last, max(limit, 0))
}

func (s *Store) records(ctx context.Context, sql string, args ...any) (page []host.Record, err error) {
	err = s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		page, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (host.Record, error) { return scan(row) })
		return err
	})
	return page, err
}

// Create stores a new record, as [host.Store] says.
func (s *Store) Create(ctx context.Context, r host.Record) error {
	if r.Generation != 1 {
		return fmt.Errorf("pgstore: a new record must have the generation 1, not %d", r.Generation)
	}
	row, err := values(r)
	if err != nil {
		return err
	}
	_, err = s.write(ctx, host.ErrConflict, s.sql.create, row...)
	return err
}

// Save replaces a record, as [host.Store] says.
func (s *Store) Save(ctx context.Context, r host.Record, lease *host.Lease) error {
	row, err := values(r)
	if err != nil {
		return err
	}
	l := sqlrow.LeaseOf(r.Workspace, r.ID, lease)
	_, err = s.write(ctx, host.ErrConflict, s.sql.save, append(row, lease != nil, l.Owner, int64(l.Epoch))...)
	return err
}

// Delete removes a record, as [host.Store] says, and as far as the comment of
// this package says.
func (s *Store) Delete(ctx context.Context, workspace, id string, generation uint64, lease *host.Lease) error {
	l := sqlrow.LeaseOf(workspace, id, lease)
	_, err := s.write(ctx, host.ErrConflict, s.sql.remove, workspace, id, int64(generation), lease != nil, l.Owner, int64(l.Epoch), remember.Microseconds())
	return err
}

// values returns the columns of a record.
func values(r host.Record) ([]any, error) {
	created, err := sqlrow.Nanoseconds("pgstore", r.Created)
	if err != nil {
		return nil, err
	}
	updated, err := sqlrow.Nanoseconds("pgstore", r.Updated)
	if err != nil {
		return nil, err
	}
	var due *int64
	if !r.Due.IsZero() {
		n, err := sqlrow.Nanoseconds("pgstore", r.Due)
		if err != nil {
			return nil, err
		}
		due = &n
	}
	sealed := r.Sealed
	if sealed == nil {
		sealed = []byte{} // nil is NULL
	}
	generation := int64(r.Generation) // the highest become negative, which no record has
	return []any{r.Workspace, r.ID, string(r.Kind), r.Type, r.Name, generation, created, updated, due, sealed}, nil
}

// scan reads the columns of a record.
func scan(row pgx.Row) (r host.Record, err error) {
	var generation, created, updated int64
	var due *int64
	err = row.Scan(&r.Workspace, &r.ID, &r.Kind, &r.Type, &r.Name, &generation, &created, &updated, &due, &r.Sealed, &r.Intent)
	if err != nil {
		return r, err
	}
	r.Generation, r.Created, r.Updated = uint64(generation), sqlrow.Instant(created), sqlrow.Instant(updated)
	if due != nil {
		r.Due = sqlrow.Instant(*due)
	}
	return r, nil
}

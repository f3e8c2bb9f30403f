// SPDX-License-Identifier: Apache-2.0

package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/internal/sqlrow"
)

// The statements of both pools; prepare parses them.
var (
	reads  = []string{getRecord, listRecords, listDue, listChanges, position, allRecords}
	writes = []string{
		nextNumber, recordExists, version,
		createRecord, createSealed, saveRecord, saveSealed, deleteRecord, deleteSealed, recordDeletion, forgetDeletions, recordForgotten,
		takeLease, extendLease, endLease, noteIntent, saveIntent, deleteIntent,
		trailHead, appendEntry, trimTrail, findSealed, setSizes,
		countAll, clearRecords, clearSealed, clearIntents, clearDeletions, clearTrail, forgetAll,
	}
)

const (
	finding = `workspace, id, kind, type, name, generation, created, updated, due`
	columns = finding + `, size`

	getRecord = `SELECT ` + columns + `, sealed.data, intent, intents.data
		FROM records JOIN sealed USING (record) LEFT JOIN intents USING (record)
		WHERE workspace = $1 AND id = $2`

	listRecords = `SELECT ` + columns + `, data FROM records JOIN sealed USING (record)
		WHERE workspace = $1 AND kind = $2 AND id > $3 AND ($4 = '' OR type = $4) AND updated < $5
		ORDER BY id LIMIT $6`

	// What is not due has NULL there, which is in no index and not before until.
	listDue = `SELECT ` + finding + `, 0, NULL FROM records
		WHERE due <= $1
		ORDER BY due, workspace, id LIMIT $2`

	createRecord = `INSERT INTO records (` + columns + `, seq)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
		ON CONFLICT (workspace, id) DO NOTHING
		RETURNING record`
	createSealed = `INSERT INTO sealed (record, data) VALUES ($1, $2)`

	// $12 says whether there is a lease to look at, and to end.
	saveRecord = `UPDATE records
		SET kind = $3, type = $4, name = $5, generation = $6, created = $7, updated = $8, due = $9, size = $10, seq = $11,
			lease_until = CASE WHEN $12 THEN 0 ELSE lease_until END,
			intent = CASE WHEN $12 THEN NULL ELSE intent END
		WHERE workspace = $1 AND id = $2 AND generation = $6 - 1
			AND (NOT $12 OR lease_owner = $13 AND lease_epoch = $14 AND lease_until > ` + now + `)
		RETURNING record`
	saveSealed = `UPDATE sealed SET data = $2 WHERE record = $1`

	// $3 is 0, or the generation; $4 says whether there is a lease to look at.
	deleteRecord = `DELETE FROM records
		WHERE workspace = $1 AND id = $2 AND ($3 = 0 OR generation = $3)
			AND (NOT $4 OR lease_owner = $5 AND lease_epoch = $6 AND lease_until > ` + now + `)
		RETURNING record`
	deleteSealed = `DELETE FROM sealed WHERE record = $1`
)

// Get returns a record, as [host.Store] says.
func (s *Store) Get(ctx context.Context, workspace, id string) (r host.Record, err error) {
	err = s.read(ctx, func(ctx context.Context) error {
		r, err = scanWhole(s.prepped[getRecord].QueryRowContext(ctx, workspace, id))
		return notFound(err)
	})
	return r, err
}

// List returns records, as [host.Store] says.
func (s *Store) List(ctx context.Context, q host.Query) (page []host.Record, err error) {
	before, limit := int64(math.MaxInt64), 100
	if !q.Before.IsZero() {
		if before, err = sqlrow.Nanoseconds("sqlitestore", q.Before); err != nil {
			return nil, err
		}
	}
	if q.Limit > 0 {
		limit = q.Limit
	}
	err = s.read(ctx, func(ctx context.Context) error {
		rows, err := s.prepped[listRecords].QueryContext(ctx, q.Workspace, q.Kind, q.After, q.Type, before, limit)
		if err != nil {
			return err
		}
		page, err = collect(rows, scan)
		return err
	})
	return page, err
}

// Due returns the records that are due, as [host.Store] says.
func (s *Store) Due(ctx context.Context, until time.Time, limit int) (due []host.Record, err error) {
	last, err := sqlrow.Nanoseconds("sqlitestore", until)
	if err != nil {
		return nil, err
	}
	err = s.read(ctx, func(ctx context.Context) error {
		rows, err := s.prepped[listDue].QueryContext(ctx, last, max(limit, 0))
		if err != nil {
			return err
		}
		due, err = collect(rows, scan)
		return err
	})
	return due, err
}

// Create stores a new record, as [host.Store] says.
func (s *Store) Create(ctx context.Context, r host.Record) error {
	if r.Generation != 1 {
		return fmt.Errorf("sqlitestore: a new record must have the generation 1, not %d", r.Generation)
	}
	row, err := values(r)
	if err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, t transaction) error {
		seq, err := t.next(ctx)
		if err != nil {
			return err
		}
		record, err := t.number(ctx, createRecord, append(row, seq)...)
		if errors.Is(err, sql.ErrNoRows) {
			return host.ErrConflict
		}
		if err != nil {
			return err
		}
		_, err = t.changed(ctx, createSealed, record, pad(r.Sealed, s.page))
		return err
	})
}

// Save replaces a record, as [host.Store] says.
func (s *Store) Save(ctx context.Context, r host.Record, lease *host.Lease) error {
	row, err := values(r)
	if err != nil {
		return err
	}
	l := sqlrow.LeaseOf(r.Workspace, r.ID, lease)
	return s.write(ctx, func(ctx context.Context, t transaction) error {
		seq, err := t.next(ctx)
		if err != nil {
			return err
		}
		record, err := t.number(ctx, saveRecord, append(row, seq, lease != nil, l.Owner, int64(l.Epoch))...)
		if errors.Is(err, sql.ErrNoRows) {
			return t.orNotFound(ctx, r.Workspace, r.ID, host.ErrConflict)
		}
		if err != nil {
			return err
		}
		if lease != nil {
			if _, err := t.changed(ctx, deleteIntent, record); err != nil {
				return err
			}
		}
		_, err = t.changed(ctx, saveSealed, record, pad(r.Sealed, s.page))
		return err
	})
}

// Delete removes a record and what is left of its ciphertext in the file, as
// [host.Store] and the comment of this package say.
func (s *Store) Delete(ctx context.Context, workspace, id string, generation uint64, lease *host.Lease) error {
	l := sqlrow.LeaseOf(workspace, id, lease)
	err := s.write(ctx, func(ctx context.Context, t transaction) error {
		record, err := t.number(ctx, deleteRecord, workspace, id, int64(generation), lease != nil, l.Owner, int64(l.Epoch))
		if errors.Is(err, sql.ErrNoRows) {
			return t.orNotFound(ctx, workspace, id, host.ErrConflict)
		}
		if err != nil {
			return err
		}
		for _, query := range []string{deleteSealed, deleteIntent} {
			if _, err := t.changed(ctx, query, record); err != nil {
				return err
			}
		}
		return t.recordDeletion(ctx, workspace, id)
	})
	if err != nil {
		return err
	}
	s.deletions.Add(1)
	_ = s.erase(ctx) // the record is deleted; Changes and Close try again
	return nil
}

// values returns the columns of a record.
func values(r host.Record) ([]any, error) {
	created, err := sqlrow.Nanoseconds("sqlitestore", r.Created)
	if err != nil {
		return nil, err
	}
	updated, err := sqlrow.Nanoseconds("sqlitestore", r.Updated)
	if err != nil {
		return nil, err
	}
	due, err := sqlrow.Nanoseconds("sqlitestore", r.Due)
	if err != nil {
		return nil, err
	}
	generation := int64(r.Generation) // the highest become negative, which no record has
	return []any{
		r.Workspace, r.ID, string(r.Kind), r.Type, r.Name, generation, created, updated,
		sql.NullInt64{Int64: due, Valid: !r.Due.IsZero()}, len(r.Sealed),
	}, nil
}

// scan reads the columns of a record.
func scan(row interface{ Scan(...any) error }) (host.Record, error) { return scanWith(row) }

// scanWith reads the columns of a record, and then more.
func scanWith(row interface{ Scan(...any) error }, more ...any) (r host.Record, err error) {
	var created, updated int64
	var due sql.NullInt64
	var size int
	var data []byte
	into := []any{&r.Workspace, &r.ID, &r.Kind, &r.Type, &r.Name, &r.Generation, &created, &updated, &due, &size, &data}
	if err = row.Scan(append(into, more...)...); err != nil {
		return r, err
	}
	r.Created, r.Updated = sqlrow.Instant(created), sqlrow.Instant(updated)
	if due.Valid {
		r.Due = sqlrow.Instant(due.Int64)
	}
	r.Sealed, err = unpad(data, size)
	return r, err
}

// scanWhole reads a record with its intent.
func scanWhole(row interface{ Scan(...any) error }) (host.Record, error) {
	var size sql.NullInt64
	var data []byte
	r, err := scanWith(row, &size, &data)
	if err == nil && size.Valid {
		r.Intent, err = unpad(data, int(size.Int64))
	}
	return r, err
}

// collect reads all rows.
func collect[T any](rows *sql.Rows, scan func(interface{ Scan(...any) error }) (T, error)) (all []T, err error) {
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}

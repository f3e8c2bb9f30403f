// SPDX-License-Identifier: Apache-2.0

package pgstore

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"hash/fnv"

	"github.com/jackc/pgx/v5"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migrations returns the statements that make each version of the schema from
// the one before, from 1; their number is the version this package writes.
// One that has been released never changes.
func migrations() []string {
	var all []string
	for {
		text, err := migrationFiles.ReadFile(fmt.Sprintf("migrations/%d.sql", len(all)+1))
		if err != nil {
			return all
		}
		all = append(all, string(text))
	}
}

// newest is the version that this package writes.
var newest = len(migrations())

var (
	errForeign  = errors.New("the schema holds something else: set Config.Schema to another, or empty it")
	errNewer    = errors.New("was written by a newer version of this program: use that one, or restore a backup that is older")
	errEncoding = errors.New("keeps no Unicode text: make one with ENCODING 'UTF8'")
)

func (s *Store) open(ctx context.Context) error {
	version, err := s.version(ctx)
	switch {
	case err != nil:
		return err
	case version > newest:
		return errNewer
	case version == newest:
		return nil
	}
	return s.migrate(ctx, migrations())
}

// version returns the version of the schema, or 0 if there are no tables yet.
// A server that cannot be reached is not waited for: that is for stores that
// are in use.
func (s *Store) version(ctx context.Context) (version int, err error) {
	return version, s.try(ctx, once, func(ctx context.Context, conn *pgx.Conn) error {
		version, _, err = s.look(ctx, conn)
		return err
	})
}

// querier is a connection or a transaction.
type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// look returns the version, and whether the schema is there.
func (s *Store) look(ctx context.Context, q querier) (version int, schema bool, err error) {
	var tables bool
	var encoding string
	err = q.QueryRow(ctx, s.sql.there, s.schema).Scan(&schema, &tables, &encoding)
	if err == nil && encoding != "UTF8" {
		err = errEncoding
	}
	if err != nil || !tables {
		return 0, schema, err
	}
	err = q.QueryRow(ctx, s.sql.version, s.schema).Scan(&version)
	if errors.Is(err, pgx.ErrNoRows) || code(err) == "42703" { // there is no such column
		err = errForeign
	}
	return version, schema, err
}

// migrate brings the schema to the newest version, in one transaction: all or
// nothing. A lock that ends with the transaction, which a pooler keeps in one
// session, lets one host in at a time; and the lock of the table, which every
// write reads first, lets none of an older version write afterwards.
func (s *Store) migrate(ctx context.Context, migrations []string) error {
	return s.try(ctx, untilWait, func(ctx context.Context, conn *pgx.Conn) error {
		return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			// If this host dies, the server ends the transaction, and with it the lock.
			_, err := tx.Exec(ctx, `SELECT set_config('idle_in_transaction_session_timeout', '60s', true), pg_advisory_xact_lock($1)`, lockOf(s.schema))
			if err != nil {
				return err
			}
			version, schema, err := s.look(ctx, tx) // another host may have been faster
			if err != nil || version >= len(migrations) {
				return err
			}
			if !schema {
				if _, err := tx.Exec(ctx, s.sql.makeSchema); err != nil {
					return err
				}
			}
			return s.upgrade(ctx, tx, version, migrations)
		})
	})
}

func (s *Store) upgrade(ctx context.Context, tx pgx.Tx, version int, migrations []string) error {
	if version > 0 {
		if _, err := tx.Exec(ctx, s.sql.lock); err != nil {
			return err
		}
	}
	for ; version < len(migrations); version++ {
		if _, err := tx.Exec(ctx, rename(migrations[version], s.schema)); err != nil {
			return fmt.Errorf("making version %d of the tables: %w", version+1, err)
		}
	}
	_, err := tx.Exec(ctx, s.sql.setVersion, version)
	return err
}

// lockOf returns the number of the advisory lock of a schema. Locks are those
// of one database; who else uses them has hardly the same number.
func lockOf(schema string) int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte("credhost pgstore " + schema))
	return int64(h.Sum64())
}

// SPDX-License-Identifier: Apache-2.0

package sqlitestore

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
)

// applicationID, "cred", tells our files from other programs' SQLite files.
const applicationID = 0x63726564

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migrations returns the statements that make each version of the file from
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

// settings are those of a file, which it keeps. Its pages have a size from
// when the first is written.
var settings = fmt.Sprintf("PRAGMA page_size = %d; PRAGMA journal_mode = WAL", pageSize)

var (
	errForeign = errors.New("holds another program's data: name another file")
	errNewer   = errors.New("was written by a newer version of this program: use that one, or restore a backup that is older")
)

// migrate brings the file to the newest version. Many processes may do so at
// once; one that has the file open already fails from then on to write to it,
// if it does not know the version.
func (s *Store) migrate(ctx context.Context, migrations []string) error {
	return s.withWriter(ctx, func(ctx context.Context, conn *sql.Conn) error {
		version, err := fileVersion(ctx, conn)
		if err != nil {
			return err
		}
		if version > len(migrations) {
			return errNewer
		}
		// These cannot be made in a transaction. They change the file, so they
		// come after it was found to be ours.
		if _, err := conn.ExecContext(ctx, settings); err != nil {
			return err
		}
		if err := conn.QueryRowContext(ctx, "PRAGMA page_size").Scan(&s.page); err != nil {
			return err
		}
		if version == len(migrations) {
			return nil
		}
		return upgrade(ctx, conn, migrations)
	})
}

func upgrade(ctx context.Context, conn *sql.Conn, migrations []string) error {
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	version, err := fileVersion(ctx, tx) // another process may have been faster
	if err != nil {
		return err
	}
	for ; version < len(migrations); version++ {
		if _, err := tx.ExecContext(ctx, migrations[version]); err != nil {
			return fmt.Errorf("upgrading the file to version %d: %w", version+1, err)
		}
	}
	marks := fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", applicationID, version)
	if _, err := tx.ExecContext(ctx, marks); err != nil {
		return err
	}
	return tx.Commit()
}

// fileVersion returns the version of the file: 0 if it is empty, and an error
// if it is not ours.
func fileVersion(ctx context.Context, q interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
}) (int, error) {
	var id, version, tables int
	err := q.QueryRowContext(ctx, `
		SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema)
		FROM pragma_application_id, pragma_user_version`).Scan(&id, &version, &tables)
	switch {
	case err != nil:
		return 0, err
	case id == applicationID && version > 0:
		return version, nil
	case id == 0 && version == 0 && tables == 0:
		return 0, nil
	}
	return 0, errForeign
}

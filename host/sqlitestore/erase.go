// SPDX-License-Identifier: Apache-2.0

package sqlitestore

import (
	"context"
	"database/sql"
)

// erase truncates the log if a deletion is left in it. SQLite has then copied
// the log's pages to the file, where secure_delete has overwritten what was
// deleted. Callers that delete at once queue for the writer, and the first
// erases for all.
//
// It needs a moment in which nobody reads from the log. If there is none
// within busyTimeout, it returns without an error; the next call tries again.
func (s *Store) erase(ctx context.Context) error {
	if s.erased.Load() == s.deletions.Load() {
		return nil
	}
	return s.withWriter(ctx, func(ctx context.Context, conn *sql.Conn) error {
		deletions := s.deletions.Load()
		if s.erased.Load() == deletions {
			return nil
		}
		var blocked, pages, copied int
		err := conn.QueryRowContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&blocked, &pages, &copied)
		if err == nil && blocked == 0 {
			s.erased.Store(deletions)
		}
		return err
	})
}

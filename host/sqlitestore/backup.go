// SPDX-License-Identifier: Apache-2.0

package sqlitestore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Backup writes a copy of the store as it is now to a new file, with the
// permissions 0600, while hosts go on to use the store. It is complete and on
// the disk once Backup returns. It holds what the store holds, so it needs the
// same key to open.
//
// To restore one, stop all that uses the store, remove its -wal and -shm
// files, and put the copy in its place.
func (s *Store) Backup(ctx context.Context, path string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("sqlitestore: a backup needs the name of a new file: %w", err)
	}
	if err := file.Close(); err != nil {
		return fmt.Errorf("sqlitestore: %w", err)
	}
	if err := s.copyTo(ctx, path); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	syncFolder(filepath.Dir(path))
	return nil
}

// copyTo needs a connection of its own: a reader may not write, not even to
// another file, and the writer would keep others waiting.
func (s *Store) copyTo(ctx context.Context, path string) error {
	own, err := pool(s.path, 1, nil)
	if err != nil {
		return err
	}
	defer func() { _ = own.Close() }()
	return s.read(ctx, func(context.Context) error {
		_, err := own.ExecContext(ctx, `VACUUM INTO $1`, path)
		return err
	})
}

// Check reads the whole file and reports what is damaged in it.
func (s *Store) Check(ctx context.Context) error {
	return s.read(ctx, func(context.Context) error {
		var found string
		if err := s.readers.QueryRowContext(ctx, `PRAGMA integrity_check(1)`).Scan(&found); err != nil {
			return err
		}
		if found != "ok" {
			return fmt.Errorf("%w: %s", errDamaged, found)
		}
		return nil
	})
}

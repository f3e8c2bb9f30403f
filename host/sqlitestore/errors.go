// SPDX-License-Identifier: Apache-2.0

package sqlitestore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/credhost/credhost/host"
)

// errReplaced is for a file that is not the one that was opened: SQLite would
// go on writing to a file that nobody finds again.
var errReplaced = errors.New("was moved, removed or replaced while it was in use: put it back, or restart what uses it")

// errDamaged is what [Store.Check] finds; SQLite has a code for what it meets.
var errDamaged = errors.New("integrity check")

// plain are the errors that a caller expects as they are.
var plain = []error{
	host.ErrNotFound, host.ErrConflict, host.ErrLeased, host.ErrBehind,
	context.Canceled, context.DeadlineExceeded,
}

// explain names the file in an error and says what to do.
func (s *Store) explain(err error) error {
	if err == nil || slices.ContainsFunc(plain, func(p error) bool { return errors.Is(err, p) }) {
		return err
	}
	advice := ": "
	switch code(err) {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL:
		advice = fmt.Sprintf(" has been locked by another process for %v: end what holds it (an SQLite shell or a backup, say) and try again: ",
			s.wait.Round(time.Millisecond))
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM:
		advice = " is read-only: give this user the right to write to the file and to its folder: "
	case sqlite3.SQLITE_CANTOPEN:
		advice = " cannot be opened: give this user the right to read and write the file and its folder: "
	case sqlite3.SQLITE_FULL:
		advice = " does not fit on its disk any more: make room and try again, all that was acknowledged is kept: "
	case sqlite3.SQLITE_IOERR:
		advice = " could not be read or written: check its disk: "
	case sqlite3.SQLITE_CORRUPT:
		return s.damaged(err)
	case sqlite3.SQLITE_NOTADB:
		advice = " is no SQLite file: name another, or restore a backup if it was one: "
	default:
		if errors.Is(err, errDamaged) {
			return s.damaged(err)
		}
		if errors.Is(err, errForeign) || errors.Is(err, errNewer) || errors.Is(err, errReplaced) {
			advice = " "
		}
	}
	return fmt.Errorf("sqlitestore: %s%s%w", s.path, advice, err)
}

func (s *Store) damaged(err error) error {
	return fmt.Errorf("sqlitestore: %s is damaged: stop all that uses it, keep a copy of it with its -wal file, and restore a backup: %w", s.path, err)
}

// code returns SQLite's primary result code, or 0.
func code(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}

// busy tells whether a lock was in the way, so that trying again may help.
func busy(err error) bool {
	c := code(err)
	return c == sqlite3.SQLITE_BUSY || c == sqlite3.SQLITE_LOCKED || c == sqlite3.SQLITE_PROTOCOL
}

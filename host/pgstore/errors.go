// SPDX-License-Identifier: Apache-2.0

package pgstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/credhost/credhost/host"
)

// ErrUncertain is for a write that may have happened or not, since the
// connection broke before the answer came. It was not repeated: look again.
var ErrUncertain = errors.New("pgstore: the connection broke before the answer came: what was asked for may have happened or not; look again")

var errDamaged = errors.New("the tables do not agree")

// uncertain is an error after which a write may have happened.
type uncertain struct{ cause error }

func (u uncertain) Error() string        { return ErrUncertain.Error() + " (" + u.cause.Error() + ")" }
func (u uncertain) Is(target error) bool { return target == ErrUncertain }

// unreachable is an error after which nothing has happened, or that of a read.
// It hides a deadline that is not the caller's.
type unreachable struct{ cause error }

func (u unreachable) Error() string      { return u.cause.Error() }
func (u unreachable) As(target any) bool { return errors.As(u.cause, target) }
func (u unreachable) Is(target error) bool {
	return target == errReadOnly && errors.Is(u.cause, target)
}

// The codes of PostgreSQL's errors that mean something here:
// https://www.postgresql.org/docs/current/errcodes-appendix.html
const (
	readOnly      = "25006"
	serialization = "40001"
	deadlock      = "40P01"
	starting      = "57P03" // or shutting down
	tooMany       = "53300"
	lockTimeout   = "55P03"
	cancelled     = "57014"
)

// code returns PostgreSQL's code of an error, or "".
func code(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// refused reports whether the server has refused a statement, and undone it.
// After a fatal error the connection ends, and nobody knows.
func refused(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && e.SeverityUnlocalized == "ERROR"
}

// again reports whether it is worth trying again, and safe.
func again(err error, e effort) bool {
	var u unreachable
	switch c := code(err); {
	case errors.Is(err, ErrUncertain):
		return false
	case c == serialization, c == deadlock, c == starting, c == tooMany:
		return true
	case e == once:
		return false
	case c == readOnly, errors.Is(err, errReadOnly):
		return true
	default: // the network, a server that is going down, a pooler that cannot reach it
		return errors.As(err, &u) && (c == "" || strings.HasPrefix(c, "57P") || strings.HasPrefix(c, "08"))
	}
}

// ours are the errors that this package makes of an answer.
var ours = []error{errForeign, errNewer, errEncoding, errDamaged}

// plain are the errors that a caller expects as they are.
var plain = []error{
	host.ErrNotFound, host.ErrConflict, host.ErrLeased, host.ErrBehind,
	context.Canceled, context.DeadlineExceeded,
}

// explain names the database in an error and says what to do.
func (s *Store) explain(err error) error {
	if err == nil || slices.ContainsFunc(plain, func(p error) bool { return errors.Is(err, p) }) {
		return err
	}
	if s.closed.Err() != nil {
		return fmt.Errorf("pgstore: %s: the store is closed", s.name)
	}
	if errors.Is(err, ErrUncertain) {
		return fmt.Errorf("pgstore: %s: %w", s.name, err)
	}
	return fmt.Errorf("pgstore: %s %s: %w", s.name, s.advice(err), err)
}

// advice says what an error means and what to do.
func (s *Store) advice(err error) string {
	switch c := code(err); {
	case errors.Is(err, errDamaged):
		return "is damaged: stop all that uses it, keep a dump of it, and restore a backup"
	case slices.ContainsFunc(ours, func(o error) bool { return errors.Is(err, o) }):
		return "cannot be used"
	case c == "28P01", c == "28000":
		return "does not let this role in: correct the role or its password, in the URL, in PGPASSWORD or in ~/.pgpass, or have pg_hba.conf allow it"
	case c == "3D000":
		return "does not exist: make it with createdb, or correct the URL"
	case c == "42501":
		return fmt.Sprintf("does not allow this: as its owner, CREATE SCHEMA %s AUTHORIZATION the role that hosts use", s.schema)
	case c == "3F000", c == "42P01", c == "42883", c == "42703":
		return "has lost tables or was changed: restore it from a backup, or restart what uses it if it is new"
	case c == "42P07", c == "42723":
		return "has a schema " + s.schema + " with something else in it: set Config.Schema to another"
	case c == readOnly, errors.Is(err, errReadOnly):
		return "takes no writes: name the primary, or all servers, in the URL, or promote a standby"
	case c == tooMany:
		return "has too many connections: lower pool_max_conns in the URL, or raise max_connections"
	case c == starting, strings.HasPrefix(c, "57P"):
		return "is starting or shutting down: try again"
	case c == "53100":
		return "has no room on its disk any more: make room and try again, all that was acknowledged is kept"
	case c == lockTimeout, c == cancelled:
		return "took too long: look in pg_stat_activity for what holds a lock"
	case c == "22021", c == "22P05":
		return "cannot keep a text that is no UTF-8 or has a zero byte: correct it"
	case c == "" || strings.HasPrefix(c, "08"):
		return fmt.Sprintf("cannot be reached (tried for %v at most): see that the server runs and that the URL is right", s.wait.Round(time.Millisecond))
	}
	return "reports an error"
}

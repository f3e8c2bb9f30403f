// SPDX-License-Identifier: Apache-2.0

package pgstore

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/credhost/credhost/host"
)

// An effort says what try does after a failure that may pass.
type effort int

const (
	once      effort = iota // give up, unless the server says that it is about to be there
	untilWait               // try again, if nothing has happened
	reading                 // try again: nothing ever happens
)

// read calls f, which reads. F may be called again.
func (s *Store) read(ctx context.Context, f func(context.Context, *pgx.Conn) error) error {
	return s.explain(s.try(ctx, reading, f))
}

// write calls one of the functions that write, and returns what it made.
func (s *Store) write(ctx context.Context, conflict error, function string, args ...any) (made int64, err error) {
	args = append([]any{int64(newest)}, args...)
	err = s.try(ctx, untilWait, func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, function, args...).Scan(&made)
	})
	if err == nil {
		switch made {
		case 0:
			err = host.ErrNotFound
		case -1:
			err = conflict
		case -2:
			err = errNewer
		}
	}
	return made, s.explain(err)
}

// try calls f with a connection, and again after failures that pass, until
// Config.Wait has passed or ctx has ended.
func (s *Store) try(ctx context.Context, e effort, f func(context.Context, *pgx.Conn) error) error {
	end := time.Now().Add(s.wait)
	var told error // what the attempt before has found
	for pause := 25 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := s.attempt(ctx, end, e, f)
		if ended := ctx.Err(); ended != nil && err != nil {
			return ended
		}
		if u, ok := err.(unreachable); ok && told != nil && errors.Is(u.cause, context.DeadlineExceeded) {
			return told // rather than that time was up
		}
		told = err
		if err == nil || !again(err, e) || s.closed.Err() != nil || time.Now().Add(pause).After(end) {
			return err
		}
		sleep(ctx, pause)
	}
}

// attempt tries once. Its errors say whether anything may have happened. An
// end that is not the caller's is no error of the caller's ctx.
func (s *Store) attempt(ctx context.Context, end time.Time, e effort, f func(context.Context, *pgx.Conn) error) error {
	inTime, cancel := context.WithDeadline(ctx, end)
	defer cancel()
	conn, err := s.pool.Acquire(inTime)
	if err != nil {
		return unreachable{err}
	}
	defer conn.Release()
	err = f(inTime, conn.Conn())
	switch {
	case err == nil:
	case conn.Conn().IsClosed():
		s.pool.Reset() // the others lead to the same server
		if e != reading && !refused(err) && !pgconn.SafeToRetry(err) {
			return uncertain{err}
		}
		return unreachable{err}
	case code(err) == readOnly: // it was the primary when the connection was made
		s.pool.Reset()
	}
	return err
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

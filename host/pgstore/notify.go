// SPDX-License-Identifier: Apache-2.0

package pgstore

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

// errPooled is for a connection by way of a pooler, where LISTEN would be
// another client's in a moment.
var errPooled = errors.New("pgstore: a pooler is in between")

// The times of a listener.
const (
	listenAgain = 30 * time.Second // the longest pause before it connects again
	quietTime   = 30 * time.Second // after which it asks whether the server is still there
)

// Notify tells of changes, as [host.Notifier] says, on a connection of its own.
// If that is lost it connects again, at first at once and at last every 30 s.
// Through a pooler it does nothing but wait for ctx.
func (s *Store) Notify(ctx context.Context, changed func()) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.closed, cancel)()
	for pause := listenAgain / 512; ctx.Err() == nil; pause = min(2*pause, listenAgain) {
		began := time.Now()
		if err := s.listen(ctx, changed); errors.Is(err, errPooled) {
			<-ctx.Done()
			return
		}
		if time.Since(began) > listenAgain { // it was connected for a while
			pause = listenAgain / 512
		}
		sleep(ctx, pause)
	}
}

// listen calls changed for each notification until the connection ends, and
// once before, for what happened while there was none.
func (s *Store) listen(ctx context.Context, changed func()) error {
	conn, err := pgx.ConnectConfig(ctx, s.pool.Config().ConnConfig)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	// A pooler makes up the number that a client is told when it connects.
	var pid uint32
	if err := conn.QueryRow(ctx, `SELECT pg_backend_pid() WHERE $1 <> ''`, s.schema).Scan(&pid); err != nil {
		return err
	}
	if pid != conn.PgConn().PID() {
		return errPooled
	}
	if _, err := conn.Exec(ctx, `LISTEN "`+s.schema+`.changes"`); err != nil {
		return err
	}
	for {
		changed()
		for told := false; !told; {
			if told, err = s.wait1(ctx, conn); err != nil {
				return err
			}
		}
	}
}

// wait1 waits for a notification for a while, and tells whether one came.
func (s *Store) wait1(ctx context.Context, conn *pgx.Conn) (told bool, err error) {
	inTime, cancel := context.WithTimeout(ctx, s.quiet)
	defer cancel()
	_, err = conn.WaitForNotification(inTime)
	if err == nil {
		return true, nil
	}
	if ctx.Err() != nil || inTime.Err() == nil || conn.IsClosed() {
		return false, err
	}
	inTime, cancel = context.WithTimeout(ctx, s.wait)
	defer cancel()
	return false, conn.Ping(inTime)
}

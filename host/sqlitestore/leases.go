// SPDX-License-Identifier: Apache-2.0

package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/credhost/credhost/host"
)

const (
	// now is the store's clock, in milliseconds. It is read where the lease is,
	// so that processes agree even on how to read it.
	now = `CAST(round(unixepoch('subsec') * 1000) AS INTEGER)`

	takeLease = `UPDATE records
		SET lease_owner = $3, lease_epoch = $4, lease_until = ` + now + ` + $5
		WHERE workspace = $1 AND id = $2 AND lease_until <= ` + now

	held = `workspace = $1 AND id = $2 AND lease_owner = $3 AND lease_epoch = $4 AND lease_until > ` + now

	extendLease = `UPDATE records SET lease_until = ` + now + ` + $5 WHERE ` + held + ` RETURNING record`

	// $5 is the length of the intent, or NULL if there is none.
	noteIntent = `UPDATE records SET intent = $5 WHERE ` + held + ` RETURNING record`
	saveIntent = `INSERT INTO intents (record, data) VALUES ($1, $2)
		ON CONFLICT (record) DO UPDATE SET data = excluded.data`
	deleteIntent = `DELETE FROM intents WHERE record = $1`

	endLease = `UPDATE records
		SET lease_until = 0
		WHERE workspace = $1 AND id = $2 AND lease_owner = $3 AND lease_epoch = $4 AND lease_until > 0`
)

// Lease gives owner the right to renew, as [host.Store] says. The clock counts
// milliseconds; ttl is rounded up to them.
func (s *Store) Lease(ctx context.Context, workspace, id, owner string, ttl time.Duration) (host.Lease, error) {
	var epoch int64
	err := s.write(ctx, func(ctx context.Context, t transaction) (err error) {
		if epoch, err = t.next(ctx); err != nil {
			return err
		}
		ok, err := t.changed(ctx, takeLease, workspace, id, owner, epoch, milliseconds(ttl))
		if err == nil && !ok {
			err = t.orNotFound(ctx, workspace, id, host.ErrLeased)
		}
		return err
	})
	if err != nil {
		return host.Lease{}, err
	}
	return host.Lease{Workspace: workspace, ID: id, Owner: owner, Epoch: uint64(epoch)}, nil
}

// milliseconds rounds up.
func milliseconds(d time.Duration) int64 { return int64((d + time.Millisecond - 1) / time.Millisecond) }

// Extend lets a lease last longer, as [host.Store] says. It rounds as Lease does.
func (s *Store) Extend(ctx context.Context, l host.Lease, ttl time.Duration) error {
	return s.write(ctx, func(ctx context.Context, t transaction) error {
		_, err := t.asHolder(ctx, extendLease, l, milliseconds(ttl))
		return err
	})
}

// Note writes down what a lease is used for, as [host.Store] says.
func (s *Store) Note(ctx context.Context, l host.Lease, intent []byte) error {
	size := sql.NullInt64{Int64: int64(len(intent)), Valid: intent != nil}
	return s.write(ctx, func(ctx context.Context, t transaction) error {
		record, err := t.asHolder(ctx, noteIntent, l, size)
		if err != nil {
			return err
		}
		if intent == nil {
			_, err = t.changed(ctx, deleteIntent, record)
		} else {
			_, err = t.changed(ctx, saveIntent, record, pad(intent, s.page))
		}
		return err
	})
}

// asHolder runs a statement that only the holder of a lease may, with one more
// argument, and returns the record's number.
func (t transaction) asHolder(ctx context.Context, query string, l host.Lease, arg any) (int64, error) {
	record, err := t.number(ctx, query, l.Workspace, l.ID, l.Owner, int64(l.Epoch), arg)
	if errors.Is(err, sql.ErrNoRows) {
		err = t.orNotFound(ctx, l.Workspace, l.ID, host.ErrConflict)
	}
	return record, err
}

// Unlease ends a lease, as [host.Store] says.
func (s *Store) Unlease(ctx context.Context, l host.Lease) error {
	return s.write(ctx, func(ctx context.Context, t transaction) error {
		_, err := t.changed(ctx, endLease, l.Workspace, l.ID, l.Owner, int64(l.Epoch))
		return err
	})
}

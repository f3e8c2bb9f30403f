// SPDX-License-Identifier: Apache-2.0

package sqlitestore

import (
	"context"
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
		ms := (ttl + time.Millisecond - 1) / time.Millisecond
		ok, err := t.changed(ctx, takeLease, workspace, id, owner, epoch, int64(ms))
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

// Unlease ends a lease, as [host.Store] says.
func (s *Store) Unlease(ctx context.Context, l host.Lease) error {
	return s.write(ctx, func(ctx context.Context, t transaction) error {
		_, err := t.changed(ctx, endLease, l.Workspace, l.ID, l.Owner, int64(l.Epoch))
		return err
	})
}

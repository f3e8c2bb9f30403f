// SPDX-License-Identifier: Apache-2.0

package pgstore

import (
	"context"
	"time"

	"github.com/credhost/credhost/host"
)

// microseconds rounds up: PostgreSQL's clock counts them.
func microseconds(d time.Duration) int64 { return int64((d + time.Microsecond - 1) / time.Microsecond) }

// Lease gives owner the right to renew, as [host.Store] says.
func (s *Store) Lease(ctx context.Context, workspace, id, owner string, ttl time.Duration) (host.Lease, error) {
	epoch, err := s.write(ctx, host.ErrLeased, s.sql.lease, workspace, id, owner, microseconds(ttl))
	if err != nil {
		return host.Lease{}, err
	}
	return host.Lease{Workspace: workspace, ID: id, Owner: owner, Epoch: uint64(epoch)}, nil
}

// Extend lets a lease last longer, as [host.Store] says.
func (s *Store) Extend(ctx context.Context, l host.Lease, ttl time.Duration) error {
	_, err := s.write(ctx, host.ErrConflict, s.sql.extend, l.Workspace, l.ID, l.Owner, int64(l.Epoch), microseconds(ttl))
	return err
}

// Note writes down what a lease is used for, as [host.Store] says.
func (s *Store) Note(ctx context.Context, l host.Lease, intent []byte) error {
	_, err := s.write(ctx, host.ErrConflict, s.sql.note, l.Workspace, l.ID, l.Owner, int64(l.Epoch), intent)
	return err
}

// Unlease ends a lease, as [host.Store] says.
func (s *Store) Unlease(ctx context.Context, l host.Lease) error {
	_, err := s.write(ctx, host.ErrConflict, s.sql.unlease, l.Workspace, l.ID, l.Owner, int64(l.Epoch))
	return err
}

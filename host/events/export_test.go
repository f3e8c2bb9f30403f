// SPDX-License-Identifier: Apache-2.0

package events

import (
	"context"
	"time"
)

// OpenWith is [Open] with jitter that is always half of what it may be, and which
// looks at what another host works at all the time.
func OpenWith(ctx context.Context, cfg Config) (*Events, error) {
	return open(ctx, cfg, func(e *Events) {
		e.chance, e.peek = func(d time.Duration) time.Duration { return d / 2 }, 20*time.Millisecond
	})
}

// Wake has the agenda look at a workspace's webhooks: after a clock was turned.
func (e *Events) Wake(workspace string) { e.wake(workspace, true) }

// LookAtKeys tells of keys that are about to end.
func (e *Events) LookAtKeys(ctx context.Context) error { return e.lookAtKeys(ctx) }

// Prune removes what is too old.
func (e *Events) Prune(ctx context.Context) error { return e.sweepAll(ctx) }

// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"time"
)

// SetWait replaces how a host waits between two polls, and between two looks
// at what was revoked.
func (h *Host) SetWait(wait func(context.Context, time.Duration) error) { h.wait = wait }

// LookAfter looks after what is due, as a host does each minute.
func (h *Host) LookAfter(ctx context.Context) { h.lookAfter(ctx) }

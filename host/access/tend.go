// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"errors"
	"time"

	"github.com/credhost/credhost/host"
)

// tend does what is to be done from time to time.
func (a *Access) tend(ctx context.Context) {
	a.noteUses(ctx)
	a.noteSeen(ctx)
}

// noteSeen writes down when sessions were last used, so that other hosts do not
// take them for idle: each a dozen times until it would be.
func (a *Access) noteSeen(ctx context.Context) {
	after := int64(a.settings.Load().idle / 12 / time.Second)
	a.signedIn.each(func(id string, m *session) {
		seen, noted := m.seen.Load(), m.noted.Load()
		if seen-noted < max(after, 1) || !m.noted.CompareAndSwap(noted, seen) {
			return
		}
		var s storedSession
		item, err := a.sessions.Get(ctx, "", id, &s)
		if at := time.Unix(seen, 0).UTC(); err == nil && s.Seen.Before(at) {
			s.Seen = at
			_, err = a.sessions.Save(ctx, item, s)
		}
		if err != nil && !errors.Is(err, host.ErrNotFound) {
			m.noted.Store(noted) // again soon
		}
	})
}

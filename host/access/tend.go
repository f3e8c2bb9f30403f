// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"errors"
	"time"

	"github.com/credhost/credhost/host"
)

// What has ended is looked for this often, and the key that signs is replaced
// when it is so old.
const (
	lookForEnded = 10 * time.Minute
	signerLife   = 30 * 24 * time.Hour
)

// tend does what is to be done from time to time. Every host does; of what two do
// at once, one finds nothing left to do.
func (a *Access) tend(ctx context.Context) {
	a.noteUses(ctx)
	a.noteSeen(ctx)
	now := a.h.Now()
	if now.Sub(a.ended) < lookForEnded && !now.Before(a.ended) {
		return
	}
	a.ended = now
	a.roll.forget()
	err := errors.Join(
		a.dropEnded(ctx, a.links, now.Add(-linkLife), nil),
		a.dropEnded(ctx, a.spent, now.Add(-visitLife), nil),
		a.dropEnded(ctx, a.sessions, now.Add(-a.settings.Load().idle), a.sessionEnded),
		a.endWorkspaces(ctx),
		a.replaceSigner(ctx),
	)
	if err != nil && ctx.Err() == nil {
		a.log.WarnContext(ctx, "what has ended could not be cleared away; it is tried again", "err", err)
	}
	a.buckets.Range(func(what, b any) bool {
		if b.(*bucket).full.Load() < now.Add(-time.Hour).UnixNano() { // a new one would be as full
			a.buckets.Delete(what)
		}
		return true
	})
}

// dropEnded removes what was saved before a time; with ended, only what that
// says has ended.
func (a *Access) dropEnded(ctx context.Context, shelf *host.Shelf, before time.Time, ended func(context.Context, host.Item) bool) error {
	after := ""
	for {
		items, err := shelf.List(ctx, host.Query{Before: before, After: after})
		if err != nil || len(items) == 0 {
			return err
		}
		for _, item := range items {
			after = item.ID
			if ended != nil && !ended(ctx, item) {
				continue
			}
			if err := shelf.Delete(ctx, item.Workspace, item.ID); err != nil && !errors.Is(err, host.ErrNotFound) {
				return err
			}
		}
	}
}

// sessionEnded reports whether a session can be used no more. One that cannot be
// opened is left to whoever finds out why.
func (a *Access) sessionEnded(ctx context.Context, item host.Item) bool {
	var s storedSession
	if a.sessions.Open(ctx, item, &s) != nil {
		return false
	}
	now, idle := a.h.Now(), a.settings.Load().idle
	return over(s.Expires, now) || over(s.Seen.Add(idle), now)
}

// replaceSigner makes a new key to sign with when the newest is old.
func (a *Access) replaceSigner(ctx context.Context) error {
	r := new(ring)
	if _, err := a.rings.Get(ctx, "", ringID, r); err != nil || len(r.Keys) == 0 || a.h.Now().Sub(r.Keys[0].Created) < signerLife {
		if errors.Is(err, host.ErrNotFound) {
			return nil // nothing was ever derived
		}
		return err
	}
	return a.rotate(ctx, false)
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

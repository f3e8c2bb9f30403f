// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/credhost/credhost/internal/defence"
)

// adopt takes a new version of a program without asking anybody, and reports
// whether it did. It does if the program's author signed it with the key that
// was trusted for this program, later than the version that is pinned, and if
// it asks for nothing that the operator has not agreed to. The pin moves to it.
//
// What does not pass stays what it is, a program that has changed; why says
// more, if the author's signature is what it lacks.
func (r *Registry) adopt(ctx context.Context, lock *lockFile, p *program) (ok bool, why error) {
	entry := lock.Programs[p.found.name]
	if entry == nil || entry.Key == "" {
		return false, nil
	}
	key, err := ParseKey(entry.Key)
	if err != nil {
		return false, err
	}
	o, err := r.inspect(ctx, p.found, key)
	if err != nil {
		return false, err
	}
	o.claim(lock)
	if err := lock.takes(r.ctx, o); err != nil {
		return false, err
	}
	err = editLock(r.ctx, r.cfg.Lock, func(l *lockFile) error {
		if err := l.takes(r.ctx, o); err != nil {
			return err // another host was faster, or somebody changed their mind
		}
		l.adopt(o)
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("the update cannot be pinned: %w", err)
	}
	r.log.Info("a new version is used, which its author signed", "plugin", o.Name, "version", o.Version, "digest", o.Digest, "key", key.ID(), "signed", o.Signed)
	lock.adopt(o)
	p.files, p.state = o.files, Trusted
	p.version = &version{found: p.found, digest: digest(o.Digest), pin: o.pin, reads: o.reads, description: &o.description}
	r.remember(p)
	return true, nil
}

// takes reports why an update may not be taken without asking, if it may not.
func (l *lockFile) takes(ctx context.Context, o Offer) error {
	p := l.Programs[o.Name]
	if p == nil || p.Key == "" || p.Key != o.Key || o.Signed == nil {
		return errors.New("it is not signed by the key that is trusted for it")
	}
	at, ok := p.Platforms[platform]
	switch {
	case !ok:
		return errors.New("it was never trusted on this platform")
	case o.Signed.Unix() <= at.Signed && !defence.Off(ctx, defence.Newer):
		return fmt.Errorf("it was signed on %s, and the version that is trusted later, on %s: an older version is used only if it is trusted by hand", day(o.Signed.Unix()), day(at.Signed))
	case len(o.Faults) > 0:
		return errors.New("some of its types are refused")
	case (p.Asks == nil || asksForMore(l.changesOf(o))) && !defence.Off(ctx, defence.Agreed):
		return errors.New("its author signed it, but it asks for more than was trusted")
	}
	return nil
}

// day returns when something was signed, for people.
func day(unix int64) string { return time.Unix(unix, 0).UTC().Format("2006-01-02 15:04:05 MST") }

// adopt moves this platform's pin to an update. What the program was trusted
// with stays, so that an update which asks for less can be followed by one that
// asks for as much as before.
func (l *lockFile) adopt(o Offer) {
	p := l.Programs[o.Name]
	p.Release = o.Version
	p.Platforms[platform] = o.pinned()
}

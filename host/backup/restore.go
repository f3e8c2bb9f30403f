// SPDX-License-Identifier: Apache-2.0

package backup

import (
	"context"
	"crypto/hmac"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"

	"filippo.io/age"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/audit"
	"github.com/credhost/credhost/host/memstore"
)

// From says where a backup is read from, and with what. It is read more than
// once.
type From struct {
	Open       func() (io.ReadCloser, error)
	Identities []age.Identity
}

// ErrIdentity is for a backup that is encrypted to somebody else.
var ErrIdentity = errors.New("backup: it is encrypted for another key, or with another passphrase")

// ErrDamaged is for what is no backup, or not as it was written.
var ErrDamaged = errors.New("backup: it is damaged, or no backup: nothing was restored")

// ErrForged is for a backup that no host with this key file has made.
var ErrForged = errors.New("backup: it was not made with this key file, or somebody else has put it together: nothing was restored")

// read hands over what is in the backup, once it was read to its end: nothing
// before that is certain.
func (f From) read(ctx context.Context, each func(line) error) (s Summary, end endOfBackup, err error) {
	in, err := f.Open()
	if err != nil {
		return s, end, fmt.Errorf("backup: %w", err)
	}
	defer func() { _ = in.Close() }()
	plain, err := age.Decrypt(in, f.Identities...)
	var nobody *age.NoIdentityMatchError
	switch {
	case errors.As(err, &nobody):
		return s, end, ErrIdentity
	case err != nil:
		return s, end, fmt.Errorf("%w (%w)", ErrDamaged, err)
	}
	r := newReader(plain)
	for {
		l, err := r.next()
		switch {
		case ctx.Err() != nil:
			return s, end, ctx.Err()
		case errors.Is(err, io.EOF):
			s.Created, s.Program = r.head.Created, r.head.Program
			s.Records, s.Entries, s.SHA256 = r.count.Records, r.count.Entries, r.count.SHA256
			return s, r.count, nil
		case err != nil:
			return s, end, fmt.Errorf("%w (%w)", ErrDamaged, err)
		case l.File != nil:
			s.contents, s.Files = append(s.contents, *l.File), append(s.Files, l.File.Name)
		}
		if err := each(l); err != nil {
			return s, end, err
		}
	}
}

// Look reads all of a backup, and says what is in it. That it is whole, and as
// somebody has written it, is certain then; who, Check knows.
func (f From) Look(ctx context.Context) (Summary, error) {
	s, _, err := f.read(ctx, func(line) error { return nil })
	return s, err
}

// Check is Look, and opens each record: so it is certain that a host with the
// same key has made the backup, and that nothing in it is lost.
func (f From) Check(ctx context.Context, sealer host.Sealer) (Summary, error) {
	s, _, err := f.check(ctx, sealer)
	return s, err
}

// check returns the trail of a store that has nothing but the trail's key and
// newest entry.
func (f From) check(ctx context.Context, sealer host.Sealer) (Summary, *memstore.Store, error) {
	var key *host.Record
	var newest *host.TrailEntry
	s, end, err := f.read(ctx, func(l line) error {
		if l.Entry != nil {
			e, err := l.Entry.entry()
			newest = &e
			return err
		}
		if l.Record == nil {
			return nil
		}
		r := l.Record.record()
		if err := host.CheckOpens(ctx, sealer, r); err != nil {
			return fmt.Errorf("backup: the record %s/%s cannot be opened with this key file; nothing was restored: %w", r.Workspace, r.ID, err)
		}
		if r.Kind == audit.Kind && r.Workspace == "" && r.ID == audit.KeyID {
			key = &r
		}
		return nil
	})
	if err != nil {
		return s, nil, err
	}
	if key == nil {
		return s, nil, ErrForged
	}
	small := memstore.New()
	err = small.Restore(ctx, false, func(ctx context.Context, into host.Filling) error {
		if newest != nil {
			if err := into.Entry(ctx, *newest); err != nil {
				return err
			}
		}
		return into.Record(ctx, *key)
	})
	if err != nil {
		return s, nil, err
	}
	trail, err := audit.Open(ctx, audit.Config{Store: small, Sealer: sealer})
	if err != nil {
		return s, nil, err
	}
	defer func() { _ = trail.Close() }()
	sum, _ := hex.DecodeString(end.SHA256) // ours
	seal, err := hex.DecodeString(end.Seal)
	if err != nil || !hmac.Equal(seal, trail.Seal(sum)) {
		return s, nil, ErrForged
	}
	return s, small, nil
}

// ActionRestore is the action of the entry that a restored trail ends with.
const ActionRestore = "restore"

// Restore fills a store from the backup, once it has been checked as by Check:
// all of it, or nothing. A store that holds anything is refused with
// [host.ErrConflict], unless replace is set; then all that it holds goes. The
// trail of the store is the backup's afterwards, and one more entry, which says
// that it was restored, and by whom. Hosts that run notice.
func (f From) Restore(ctx context.Context, store host.WholeStore, sealer host.Sealer, replace bool) (Summary, error) {
	s, small, err := f.check(ctx, sealer)
	if err != nil {
		return s, err
	}
	last, err := entryOf(ctx, small, sealer, s, replace)
	if err != nil {
		return s, err
	}
	err = store.Restore(ctx, replace, func(ctx context.Context, into host.Filling) error {
		again, _, err := f.read(ctx, func(l line) error {
			switch {
			case l.Record != nil:
				return into.Record(ctx, l.Record.record())
			case l.Entry != nil:
				e, err := l.Entry.entry()
				if err != nil {
					return err
				}
				return into.Entry(ctx, e)
			}
			return nil
		})
		if err == nil && again.SHA256 != s.SHA256 { // somebody has changed it since
			err = ErrDamaged
		}
		if err != nil {
			return err
		}
		return into.Entry(ctx, last)
	})
	return s, err
}

// entryOf returns the entry that says that a backup was restored.
func entryOf(ctx context.Context, small *memstore.Store, sealer host.Sealer, s Summary, replace bool) (host.TrailEntry, error) {
	trail, err := audit.Open(ctx, audit.Config{Store: small, Sealer: sealer})
	if err != nil {
		return host.TrailEntry{}, err
	}
	defer func() { _ = trail.Close() }()
	err = trail.Record(ctx, host.Event{Action: ActionRestore, Outcome: "ok", Detail: map[string]string{
		"created": s.Created.Format("2006-01-02T15:04:05Z"), "records": strconv.Itoa(s.Records), "entries": strconv.Itoa(s.Entries),
		"sha256": s.SHA256, "replaced": strconv.FormatBool(replace),
	}})
	if err != nil {
		return host.TrailEntry{}, err
	}
	page, err := small.Trail(ctx, host.TrailQuery{Newest: true, Limit: 1})
	if err != nil || len(page) == 0 {
		return host.TrailEntry{}, errors.Join(err, ErrForged)
	}
	return page[0], nil
}

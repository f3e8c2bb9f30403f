// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/credhost/credhost/host"
)

var bg = context.Background()

var noteFaults = []planted{
	{"Note with a lease that has ended", "Intents need the lease", "want host: the record has changed", func(f *flawed) {
		f.note = func(ctx context.Context, l host.Lease, intent []byte) error {
			return f.longAgo(func() error { return f.Store.Note(ctx, l, intent) })
		}
	}},
	{"Note with an older epoch", "Intents need the lease", "want host: the record has changed", func(f *flawed) {
		f.note = func(ctx context.Context, l host.Lease, intent []byte) error {
			return f.Store.Note(ctx, f.anyEpoch(l), intent)
		}
	}},
	{"Note by another owner", "Intents need the lease", "want host: the record has changed", func(f *flawed) {
		f.note = func(ctx context.Context, l host.Lease, intent []byte) error {
			return f.Store.Note(ctx, f.anyOwner(l), intent)
		}
	}},
	{"Note beside nothing", "Intents need the lease", "want host: no such record", func(f *flawed) {
		f.note = func(ctx context.Context, l host.Lease, intent []byte) error {
			return conflictForMissing(f.Store.Note(ctx, l, intent))
		}
	}},
	{"refused, and noted all the same", "Intents need the lease", `want "first"`, func(f *flawed) {
		f.note = func(ctx context.Context, l host.Lease, intent []byte) error {
			err := f.Store.Note(ctx, l, intent)
			if errors.Is(err, host.ErrConflict) {
				_ = f.longAgo(func() error { return f.Store.Note(ctx, f.newest[l.ID], intent) })
			}
			return err
		}
	}},
	{"nil is nothing new", "Intents come back with Get", `want ""`, func(f *flawed) {
		f.note = func(ctx context.Context, l host.Lease, intent []byte) error {
			if intent == nil {
				return nil
			}
			return f.Store.Note(ctx, l, intent)
		}
	}},
	{"the first note stays", "Intents come back with Get", "want", func(f *flawed) {
		f.note = func(ctx context.Context, l host.Lease, intent []byte) error {
			if r, _ := f.Store.Get(ctx, l.Workspace, l.ID); r.Intent != nil {
				return nil
			}
			return f.Store.Note(ctx, l, intent)
		}
	}},
	{"a note is a change", "Intents are no change of the record", "the record is", func(f *flawed) {
		f.note = func(ctx context.Context, l host.Lease, intent []byte) error {
			r, _ := f.Store.Get(ctx, l.Workspace, l.ID)
			r.Generation++
			return errors.Join(f.Store.Save(ctx, r, nil), f.Store.Note(ctx, l, intent))
		}
	}},
	{"notes in memory", "Intents outlive a handle", `want "before"`, func(f *flawed) {
		notes := make(map[string][]byte)
		f.note = func(_ context.Context, l host.Lease, intent []byte) error { notes[l.ID] = intent; return nil }
		f.get = func(r host.Record) host.Record { r.Intent = notes[r.ID]; return r }
	}},
	{"notes of the ID, not of the record", "Intents are for each record", "beside the other workspace's", func(f *flawed) {
		notes := make(map[string][]byte)
		f.note = func(_ context.Context, l host.Lease, intent []byte) error { notes[l.ID] = intent; return nil }
		f.get = func(r host.Record) host.Record { r.Intent = notes[r.ID]; return r }
	}},
	{"notes share memory", "Intents share no memory", `want "first"`, func(f *flawed) {
		notes := make(map[string][]byte)
		f.note = func(_ context.Context, l host.Lease, intent []byte) error { notes[l.ID] = intent; return nil }
		f.get = func(r host.Record) host.Record { r.Intent = notes[r.ID]; return r }
	}},
}

var forgetFaults = []planted{
	{"Unlease forgets", "Intents outlive the lease", `want "second"`, func(f *flawed) {
		f.unlease = func(l host.Lease) { _ = f.Store.Note(bg, l, nil) }
	}},
	{"the next Lease forgets", "Intents outlive the lease", `want "first"`, func(f *flawed) {
		f.lease = func(l host.Lease) { _ = f.Store.Note(bg, l, nil) }
	}},
	{"the end of the lease forgets", "Intents outlive the lease", `want "first"`, func(f *flawed) {
		f.get = func(r host.Record) host.Record {
			if f.Store.Note(bg, f.newest[r.ID], r.Intent) != nil {
				r.Intent = nil
			}
			return r
		}
	}},
	{"Extend forgets", "Intents outlive the lease", `want "second"`, func(f *flawed) {
		f.extend = func(ctx context.Context, l host.Lease, ttl time.Duration) error {
			return errors.Join(f.Store.Extend(ctx, l, ttl), f.Store.Note(ctx, l, nil))
		}
	}},
	{"Save without a lease forgets", "Intents outlive what others save", `want "first"`, func(f *flawed) {
		f.save = func(ctx context.Context, r host.Record, l *host.Lease) error {
			err := f.Store.Save(ctx, r, l)
			if err == nil && l == nil {
				_ = f.Store.Note(ctx, f.newest[r.ID], nil)
			}
			return err
		}
	}},
	{"a Save that fails forgets", "Intents outlive a Save that fails", `want "first"`, func(f *flawed) {
		f.save = func(ctx context.Context, r host.Record, l *host.Lease) error {
			err := f.Store.Save(ctx, r, l)
			if err != nil {
				_ = f.Store.Note(ctx, f.newest[r.ID], nil)
			}
			return err
		}
	}},
	{"Save with the lease keeps", "Intents are forgotten with Save", `want ""`, func(f *flawed) {
		kept := make(map[string][]byte)
		f.save = func(ctx context.Context, r host.Record, l *host.Lease) error {
			old, _ := f.Store.Get(ctx, r.Workspace, r.ID)
			kept[r.ID] = old.Intent
			return f.Store.Save(ctx, r, l)
		}
		f.get = func(r host.Record) host.Record {
			if r.Intent == nil {
				r.Intent = kept[r.ID]
			}
			return r
		}
	}},
	{"Delete of any generation", "Records are deleted for a generation", "want host: the record has changed", func(f *flawed) {
		f.remove = func(ctx context.Context, id string, _ uint64, l *host.Lease) error {
			return f.Store.Delete(ctx, workspace, id, 0, l)
		}
	}},
	{"Delete without the lease", "Leases are needed to Delete", "want host: the record has changed", func(f *flawed) {
		f.remove = func(ctx context.Context, id string, generation uint64, _ *host.Lease) error {
			return f.Store.Delete(ctx, workspace, id, generation, nil)
		}
	}},
	{"Delete keeps", "Intents are forgotten with Delete", `want ""`, func(f *flawed) {
		kept := make(map[string][]byte)
		f.remove = func(ctx context.Context, id string, generation uint64, l *host.Lease) error {
			old, _ := f.Store.Get(ctx, workspace, id)
			kept[id] = old.Intent
			return f.Store.Delete(ctx, workspace, id, generation, l)
		}
		f.get = func(r host.Record) host.Record { r.Intent = kept[r.ID]; return r }
	}},
	{"List returns it", "Intents are in no list", "listed with what was noted", func(f *flawed) {
		f.list = func(page []host.Record) []host.Record {
			for i, r := range page {
				page[i], _ = f.Store.Get(bg, r.Workspace, r.ID)
			}
			return page
		}
	}},
	{"Due returns it", "Intents are in no list", "listed with what was noted", func(f *flawed) {
		f.due = func(ctx context.Context, until time.Time, limit int) ([]host.Record, error) {
			due, err := f.Store.Due(ctx, until, limit)
			for i, r := range due {
				due[i], _ = f.Store.Get(ctx, r.Workspace, r.ID)
			}
			return due, err
		}
	}},
	{"Create takes notice", "Intents are taken from Note alone", `want ""`, func(f *flawed) {
		f.get = func(r host.Record) host.Record { r.Intent = f.known[r.ID].Intent; return r }
	}},
	{"Save takes notice", "Intents are taken from Note alone", `want ""`, func(f *flawed) {
		var saved []byte
		f.save = func(ctx context.Context, r host.Record, l *host.Lease) error {
			saved = r.Intent
			return f.Store.Save(ctx, r, l)
		}
		f.get = func(r host.Record) host.Record { r.Intent = saved; return r }
	}},
}

var extendFaults = []planted{
	{"Extend does nothing", "Leases last for longer with Extend", "", func(f *flawed) {
		f.extend = func(context.Context, host.Lease, time.Duration) error { return nil }
	}},
	{"Extend adds to what is left", "Leases last for longer with Extend", "want host: the record has changed", func(f *flawed) {
		f.extend = func(ctx context.Context, l host.Lease, ttl time.Duration) error {
			return f.Store.Extend(ctx, l, ttl+time.Hour)
		}
	}},
	{"Extend never shortens", "Leases last for longer with Extend", "want host: the record has changed", func(f *flawed) {
		f.extend = func(ctx context.Context, l host.Lease, ttl time.Duration) error {
			return f.Store.Extend(ctx, l, max(ttl, time.Hour))
		}
	}},
	{"Extend gives another epoch", "Leases last for longer with Extend", "the record has changed", func(f *flawed) {
		f.extend = func(ctx context.Context, l host.Lease, ttl time.Duration) error {
			_ = f.Store.Unlease(ctx, l)
			_, err := f.Store.Lease(ctx, l.Workspace, l.ID, l.Owner, ttl)
			return err
		}
	}},
	{"Extend revives", "Leases are needed to Extend", "want host: the record has changed", func(f *flawed) {
		f.extend = func(ctx context.Context, l host.Lease, ttl time.Duration) error {
			if f.longAgo(func() error { return f.Store.Extend(ctx, l, 0) }) != nil {
				return f.Store.Extend(ctx, l, ttl)
			}
			return nil
		}
	}},
	{"Extend with an older epoch", "Leases are needed to Extend", "want host: the record has changed", func(f *flawed) {
		f.extend = func(ctx context.Context, l host.Lease, ttl time.Duration) error {
			return f.Store.Extend(ctx, f.anyEpoch(l), ttl)
		}
	}},
	{"Extend by another owner", "Leases are needed to Extend", "want host: the record has changed", func(f *flawed) {
		f.extend = func(ctx context.Context, l host.Lease, ttl time.Duration) error {
			return f.Store.Extend(ctx, f.anyOwner(l), ttl)
		}
	}},
	{"Extend of nothing", "Leases are needed to Extend", "want host: no such record", func(f *flawed) {
		f.extend = func(ctx context.Context, l host.Lease, ttl time.Duration) error {
			return conflictForMissing(f.Store.Extend(ctx, l, ttl))
		}
	}},
	{"refused, and cut short", "Leases are needed to Extend", "want host: another process", func(f *flawed) {
		f.extend = func(ctx context.Context, l host.Lease, ttl time.Duration) error {
			err := f.Store.Extend(ctx, l, ttl)
			if err != nil {
				_ = f.Store.Extend(ctx, f.newest[l.ID], short)
			}
			return err
		}
	}},
}

// altered returns a fault of Due that alters what it returns.
func altered(alter func(due []host.Record) []host.Record) func(f *flawed) {
	return func(f *flawed) {
		f.due = func(ctx context.Context, until time.Time, limit int) ([]host.Record, error) {
			due, err := f.Store.Due(ctx, until, limit)
			return alter(due), err
		}
	}
}

func asked(ask func(until time.Time, limit int) (time.Time, int)) func(f *flawed) {
	return func(f *flawed) {
		f.due = func(ctx context.Context, until time.Time, limit int) ([]host.Record, error) {
			until, limit = ask(until, limit)
			return f.Store.Due(ctx, until, limit)
		}
	}
}

func stored(alter func(host.Record) host.Record) func(f *flawed) {
	return func(f *flawed) { f.create = alter }
}

var dueFaults = []planted{
	{"of one workspace", "Due is of all workspaces, in order", "due until", altered(func(due []host.Record) []host.Record {
		return slices.DeleteFunc(due, func(r host.Record) bool { return r.Workspace != workspace })
	})},
	{"of credentials", "Due is of all workspaces, in order", "due until", altered(func(due []host.Record) []host.Record {
		return slices.DeleteFunc(due, func(r host.Record) bool { return r.Kind != host.KindCredential })
	})},
	{"in no order", "Due is of all workspaces, in order", "due until", altered(func(due []host.Record) []host.Record {
		slices.Reverse(due)
		return due
	})},
	{"before, not until", "Due is of all workspaces, in order", "due until", asked(func(until time.Time, limit int) (time.Time, int) {
		return until.Add(-1), limit
	})},
	{"to the second", "Due is of all workspaces, in order", "due until", asked(func(until time.Time, limit int) (time.Time, int) {
		return until.Truncate(time.Second).Add(time.Second), limit
	})},
	{"the zero time is early", "Due is never without a time", "due until", stored(func(r host.Record) host.Record {
		if r.Due.IsZero() {
			r.Due = time.Unix(0, 0)
		}
		return r
	})},
	{"all at once", "Due is at most what is asked for", "of at most 1,", asked(func(until time.Time, limit int) (time.Time, int) {
		return until, max(limit, 0) * 1000
	})},
	{"a hundred at most", "Due is at most what is asked for", "of at most 129,", asked(func(until time.Time, limit int) (time.Time, int) {
		return until, min(limit, 100)
	})},
	{"0 is a hundred", "Due is at most what is asked for", "of at most 0,", asked(func(until time.Time, limit int) (time.Time, int) {
		if limit <= 0 {
			limit = 100
		}
		return until, limit
	})},
	{"with what is sealed", "Due is without what is sealed", "without what is sealed", altered(func(due []host.Record) []host.Record {
		for i := range due {
			due[i].Sealed = []byte("sealed")
		}
		return due
	})},
	{"without the name", "Due is without what is sealed", "the record is", altered(func(due []host.Record) []host.Record {
		for i := range due {
			due[i].Name = ""
		}
		return due
	})},
	{"to the microsecond", "Due comes back as it was", "the record is", stored(func(r host.Record) host.Record {
		r.Due = r.Due.Truncate(time.Microsecond)
		return r
	})},
	{"in local time", "Due comes back as it was", "the record is", func(f *flawed) {
		f.get = func(r host.Record) host.Record { r.Due = r.Due.In(time.FixedZone("", 3600)); return r }
	}},
	{"as it was created", "Due is what was saved last", "due until", func(f *flawed) {
		f.save = func(ctx context.Context, r host.Record, l *host.Lease) error {
			r.Due = f.known[r.ID].Due
			return f.Store.Save(ctx, r, l)
		}
	}},
	{"though it is deleted", "Due is what was saved last", "due until", func(f *flawed) {
		deleted := false
		f.remove = func(ctx context.Context, id string, generation uint64, l *host.Lease) error {
			deleted = true
			return f.Store.Delete(ctx, workspace, id, generation, l)
		}
		f.due = func(ctx context.Context, until time.Time, limit int) ([]host.Record, error) {
			due, err := f.Store.Due(ctx, until, limit)
			if deleted {
				due = append(due, f.known["b"])
			}
			return due, err
		}
	}},
}

const withoutTime = "Records stay as they are without time"

var timeFaults = []planted{
	{"Note without time", withoutTime, "Note: the error is", func(f *flawed) {
		f.note = func(_ context.Context, l host.Lease, intent []byte) error { return f.Store.Note(bg, l, intent) }
	}},
	{"Extend without time", withoutTime, "Extend: the error is", func(f *flawed) {
		f.extend = func(_ context.Context, l host.Lease, ttl time.Duration) error { return f.Store.Extend(bg, l, ttl) }
	}},
	{"Due without time", withoutTime, "Due: the error is", func(f *flawed) {
		f.due = func(_ context.Context, until time.Time, limit int) ([]host.Record, error) {
			return f.Store.Due(bg, until, limit)
		}
	}},
}

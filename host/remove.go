// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"

	"github.com/credhost/credhost/sdk"
)

// DeleteUnchanged removes an item that this shelf returned for good, unless
// another has saved it since: then it reports [ErrConflict].
func (s *Shelf) DeleteUnchanged(ctx context.Context, item Item) error {
	return s.h.store.Delete(ctx, item.Workspace, item.ID, item.rec.Generation, nil)
}

// ReasonInUse is the [sdk.Error.Reason] of errors for who would delete what
// others refer to.
const ReasonInUse = "in use"

// Delete removes an application for good. Credentials that refer to it cannot be
// used any more: see [Applications.DeleteUnused].
func (a Applications) Delete(ctx context.Context, id string) error {
	return a.delete(ctx, id, 0, false)
}

// DeleteUnchanged is [Applications.Delete] of one that nobody has saved since it
// had the given [ApplicationView].Generation; otherwise the error is
// [ErrConflict].
func (a Applications) DeleteUnchanged(ctx context.Context, id string, generation uint64) error {
	return a.delete(ctx, id, generation, false)
}

// DeleteUnused is [Applications.DeleteUnchanged] of one to which no credential
// refers, in any workspace; generation may be 0: whatever it is now. Otherwise the
// error is an [*sdk.Error] with the reason [ReasonInUse]. Whoever creates a
// credential for it at the same time is either seen, or told that it is gone.
func (a Applications) DeleteUnused(ctx context.Context, id string, generation uint64) error {
	return a.delete(ctx, id, generation, true)
}

func (a Applications) delete(ctx context.Context, id string, generation uint64, unused bool) (err error) {
	e := Event{Action: "delete application", Subject: id}
	defer func() { a.w.report(ctx, e, err) }()
	rec, err := a.w.get(ctx, id, KindApplication)
	if err != nil {
		return err
	}
	e.Type = rec.Type
	begun := e
	begun.Workspace, begun.Outcome = a.w.name, Begun
	if err := a.w.h.Record(ctx, begun); err != nil {
		return err
	}
	return forVersion(generation, func() error { return a.deleteHeld(ctx, id, generation, unused) })
}

// deleteHeld deletes an application while nobody else does, nor creates a
// credential that refers to it: see [Workspace.refers].
func (a Applications) deleteHeld(ctx context.Context, id string, generation uint64, unused bool) error {
	k, err := a.w.hold(ctx, id)
	if err != nil {
		return err
	}
	defer func() { k.release(ctx) }()
	rec, err := a.w.get(ctx, id, KindApplication)
	if err != nil {
		return err
	}
	if err := rec.unchanged(generation); err != nil {
		return err
	}
	if unused {
		n, err := a.referring(ctx, rec)
		if err != nil {
			return err
		}
		if n > 0 {
			e := sdk.Errorf(sdk.Invalid, "credentials refer to the application (%d), and could not be used without it: delete them first, or delete it nevertheless", n)
			e.Reason = ReasonInUse
			return e
		}
	}
	return k.remove(ctx, rec)
}

// Users returns how many credentials refer to an application, in any workspace. For
// one of the host it goes through the whole store, which must be a [WholeStore];
// otherwise the error is an [*sdk.Error] with the code Unavailable.
func (a Applications) Users(ctx context.Context, id string) (int, error) {
	rec, err := a.w.get(ctx, id, KindApplication)
	if err != nil {
		return 0, err
	}
	return a.referring(ctx, rec)
}

// referring counts the credentials that refer to an application. One that cannot
// be opened cannot be used as it is.
func (a Applications) referring(ctx context.Context, app Record) (n int, err error) {
	count := func(recs []Record) {
		for _, rec := range recs {
			var c content
			if rec.Kind == KindCredential && rec.Type == app.Type && a.w.h.unseal(ctx, rec, &c) == nil && c.Application == app.ID {
				n++
			}
		}
	}
	const page = 500
	next := func(after Record) ([]Record, error) {
		return a.w.h.store.List(ctx, Query{Workspace: app.Workspace, Kind: KindCredential, Type: app.Type, After: after.ID, Limit: page})
	}
	if app.Workspace == "" {
		whole, ok := a.w.h.cfg.Store.(WholeStore)
		if !ok {
			return 0, sdk.Errorf(sdk.Unavailable, "this store cannot be gone through for the credentials that refer to the application: delete it nevertheless, or keep it")
		}
		next = func(after Record) ([]Record, error) { return whole.All(ctx, after.Workspace, after.ID, page) }
	}
	for last := (Record{}); ; {
		recs, err := next(last)
		if err != nil {
			return 0, err
		}
		if count(recs); len(recs) < page {
			return n, nil
		}
		last = recs[len(recs)-1]
	}
}

// refers makes sure that the application of a credential that was just created
// is there. Whoever deletes one holds it, from before it looks who refers to it:
// so either that look has seen the credential, or this one sees that the
// application is gone, and takes the credential back.
func (w *Workspace) refers(ctx context.Context, c *credential) error {
	if c.app == nil {
		return nil
	}
	owner := &Workspace{h: w.h, name: c.app.rec.Workspace}
	k, err := owner.hold(ctx, c.app.rec.ID)
	if err == nil {
		_, err = owner.get(ctx, c.app.rec.ID, KindApplication)
		k.release(ctx)
	}
	if err == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaseTime/4)
	defer cancel()
	gone := w.h.store.Delete(ctx, w.name, c.rec.ID, 0, nil)
	if errors.Is(gone, ErrNotFound) { // somebody was faster
		gone = nil
	}
	return errors.Join(err, gone)
}

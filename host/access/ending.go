// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/sdk"
)

// A workspace is deleted in steps, each of which is safe to repeat. First its
// record says that it is ending: from then on it does not exist for callers, and
// nobody makes one of its name. Then goes what is in it. The record goes last,
// when every host has learnt of it and nothing is left; should all of them die
// before, any that starts goes on.

// Hosts learn within two seconds that a workspace is ending; one that cannot see
// the store trusts what it remembers for 30 s. After endingTime none adds to it.
const endingTime = time.Minute

// Contents are how many things there are in a workspace, or were when it was
// deleted.
type Contents struct {
	Credentials  int `json:"credentials"`
	Applications int `json:"applications"`
	Keys         int `json:"keys"`
	Sessions     int `json:"sessions"` // of people who may enter it
	Others       int `json:"others"`   // webhooks, events, and the like

	// Unrevoked are grants that the services may still take: their types cannot
	// revoke, or the services could not be told.
	Unrevoked int `json:"unrevoked,omitempty"`
}

func (c Contents) empty() bool { return c.Credentials+c.Applications+c.Keys == 0 }

// Contents says what is in a workspace. The error is [host.ErrNotFound] if there
// is none.
func (a *Access) Contents(ctx context.Context, workspace string) (Contents, error) {
	if err := a.Exists(ctx, workspace); err != nil {
		return Contents{}, err
	}
	return a.contents(ctx, workspace)
}

func (a *Access) contents(ctx context.Context, workspace string) (c Contents, err error) {
	err = a.eachRecord(ctx, workspace, func(r host.Record) error {
		switch r.Kind {
		case host.KindCredential:
			c.Credentials++
		case host.KindApplication:
			c.Applications++
		default:
			c.Others++
		}
		return nil
	})
	if err == nil {
		err = a.eachKeyed(ctx, a.keys, workspace, func(host.Item) error { c.Keys++; return nil })
	}
	if err == nil {
		err = a.eachSession(ctx, workspace, func(host.Item, storedSession) error { c.Sessions++; return nil })
	}
	return c, err
}

// DeleteWorkspace deletes a workspace and all that is in it, as the caller of
// ctx, who must be an operator: keys and sessions end first; grants are revoked
// where that can be done; then credentials and all else are deleted for good. If
// it has credentials, applications or keys, confirm must be its name: the error
// is otherwise an [*sdk.Error] with the Field "confirm". What was deleted is right
// with an error, too; what is left goes in the background, and of another call.
// The trail of what was done in it stays. The default workspace is never deleted.
func (a *Access) DeleteWorkspace(ctx context.Context, name, confirm string) (Contents, error) {
	if err := From(ctx).May(SetWorkspaces); err != nil {
		return Contents{}, err
	}
	if name == DefaultWorkspace {
		return Contents{}, sdk.Errorf(sdk.Invalid, "the default workspace is always there: delete what is in it")
	}
	if !isWorkspaceName(name) {
		return Contents{}, host.ErrNotFound
	}
	w, err := a.loadWorkspace(ctx, name)
	if err != nil {
		return Contents{}, err
	}
	if w.stored.Ending.IsZero() {
		if err := a.mayEnd(ctx, name, confirm); err != nil {
			return Contents{}, err
		}
		if err := a.h.Record(ctx, host.Event{Action: "delete workspace", Subject: name, Outcome: host.Begun}); err != nil {
			return Contents{}, err
		}
		w.stored.Ending = a.h.Now().UTC()
		_, err := a.spaces.Save(ctx, w.item, w.stored)
		a.changed("", "w-"+name)
		if err != nil {
			return Contents{}, err
		}
	}
	gone, err := a.empty(ctx, name)
	a.report(ctx, host.Event{Action: "delete workspace", Subject: name}, err)
	return gone, err
}

// mayEnd returns nil if a workspace is empty, or if who deletes it knows that it
// is not.
func (a *Access) mayEnd(ctx context.Context, name, confirm string) error {
	if confirm == name {
		return nil
	}
	c, err := a.contents(ctx, name)
	if err != nil || c.empty() {
		return err
	}
	return wrong("confirm", "the workspace is not empty: to delete all that is in it, and end its keys, repeat its name")
}

// empty removes all that is in a workspace that is ending.
func (a *Access) empty(ctx context.Context, name string) (gone Contents, err error) {
	drop := func(shelf *host.Shelf, count *int) func(host.Item) error {
		return func(item host.Item) error {
			err := shelf.Delete(ctx, "", item.ID)
			a.changed("", item.ID)
			if err == nil {
				*count++
			}
			return orGone(err)
		}
	}
	if err = a.eachKeyed(ctx, a.keys, name, drop(a.keys, &gone.Keys)); err != nil {
		return gone, err
	}
	if err = a.eachKeyed(ctx, a.links, name, drop(a.links, new(int))); err != nil {
		return gone, err
	}
	err = a.eachSession(ctx, name, func(item host.Item, s storedSession) error {
		gone.Sessions++
		return a.leave(ctx, item, s, name)
	})
	if err != nil {
		return gone, err
	}
	if err = a.dropCredentials(ctx, name, &gone); err != nil {
		return gone, err
	}
	err = a.eachRecord(ctx, name, func(r host.Record) error {
		if r.Kind == host.KindApplication {
			gone.Applications++
		} else {
			gone.Others++
		}
		return orGone(a.h.Store().Delete(ctx, name, r.ID, 0, nil))
	})
	return gone, err
}

// orGone is err, unless that says that what was to be removed is not there.
func orGone(err error) error {
	if errors.Is(err, host.ErrNotFound) {
		return nil
	}
	return err
}

// leave takes a workspace from a session, and ends it if that was all.
func (a *Access) leave(ctx context.Context, item host.Item, s storedSession, workspace string) error {
	defer a.changed("", item.ID)
	s.Grants = slices.DeleteFunc(s.Grants, func(g Grant) bool { return g.Workspace == workspace })
	if len(s.Grants) == 0 {
		return orGone(a.sessions.Delete(ctx, "", item.ID))
	}
	_, err := a.sessions.Save(ctx, item, s)
	if errors.Is(err, host.ErrConflict) { // it was used meanwhile
		return orGone(a.sessions.Delete(ctx, "", item.ID))
	}
	return orGone(err)
}

// revokeTime is how long a service may take to revoke a grant of a workspace
// that is ending.
const revokeTime = 20 * time.Second

// dropCredentials revokes and deletes the credentials of a workspace, some at
// once.
func (a *Access) dropCredentials(ctx context.Context, name string, gone *Contents) error {
	ws := a.h.Workspace(name)
	for ctx.Err() == nil {
		page, err := ws.List(ctx, host.Page{Limit: 8})
		if err != nil || len(page) == 0 {
			return err
		}
		var wg sync.WaitGroup
		var mu sync.Mutex
		var failed error
		for _, c := range page {
			wg.Go(func() {
				unrevoked := false
				if c.Granted || len(c.Unrevoked) > 0 {
					brief, cancel := context.WithTimeout(ctx, revokeTime)
					defer cancel()
					_, err := ws.Revoke(brief, c.ID)
					unrevoked = err != nil
				}
				err := ctx.Err() // who gives up has not deleted
				if err == nil {
					err = orGone(ws.Delete(ctx, c.ID))
				}
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					failed = err
					return
				}
				gone.Credentials++
				if unrevoked {
					gone.Unrevoked++
				}
			})
		}
		if wg.Wait(); failed != nil {
			return failed
		}
	}
	return ctx.Err()
}

// endWorkspaces goes on with workspaces that are being deleted.
func (a *Access) endWorkspaces(ctx context.Context) error {
	after := ""
	for {
		items, err := a.spaces.List(ctx, host.Query{After: after})
		if err != nil || len(items) == 0 {
			return err
		}
		for _, item := range items {
			after = item.ID
			var s storedWorkspace
			if a.spaces.Open(ctx, item, &s) != nil || s.Ending.IsZero() {
				continue
			}
			if _, err := a.empty(ctx, item.Name); err != nil {
				return err
			}
			if a.h.Now().Sub(s.Ending) < endingTime {
				continue
			}
			if err := orGone(a.spaces.Delete(ctx, "", item.ID)); err != nil {
				return err
			}
			a.changed("", item.ID)
		}
	}
}

// eachRecord calls f for the records of a workspace, of all kinds.
func (a *Access) eachRecord(ctx context.Context, workspace string, f func(host.Record) error) error {
	whole, ok := a.h.Store().(host.WholeStore)
	if !ok {
		return sdk.Errorf(sdk.Invalid, "this store cannot be gone through whole, so what is in a workspace is not known: use one that can (host.WholeStore)")
	}
	after := ""
	for {
		page, err := whole.All(ctx, workspace, after, 200)
		if err != nil {
			return err
		}
		for _, r := range page {
			if r.Workspace != workspace {
				return nil
			}
			after = r.ID
			if err := f(r); err != nil {
				return err
			}
		}
		if len(page) < 200 {
			return nil
		}
	}
}

// eachKeyed calls f for the items of a shelf that are a workspace's by their Type.
func (a *Access) eachKeyed(ctx context.Context, shelf *host.Shelf, workspace string, f func(host.Item) error) error {
	after := ""
	for {
		items, err := shelf.List(ctx, host.Query{Type: typeOf(workspace), After: after})
		if err != nil || len(items) == 0 {
			return err
		}
		for _, item := range items {
			after = item.ID
			if err := f(item); err != nil {
				return err
			}
		}
	}
}

// eachSession calls f for the sessions of people who may enter a workspace.
func (a *Access) eachSession(ctx context.Context, workspace string, f func(host.Item, storedSession) error) error {
	after := ""
	for {
		items, err := a.sessions.List(ctx, host.Query{After: after})
		if err != nil || len(items) == 0 {
			return err
		}
		for _, item := range items {
			after = item.ID
			var s storedSession
			if a.sessions.Open(ctx, item, &s) != nil || !slices.ContainsFunc(s.Grants, func(g Grant) bool { return g.Workspace == workspace }) {
				continue
			}
			if err := f(item, s); err != nil {
				return err
			}
		}
	}
}

// report writes to the trail what was done. That it cannot be undoes nothing, but
// is logged.
func (a *Access) report(ctx context.Context, e host.Event, err error) {
	e.Outcome = outcome(err)
	if err := a.h.Record(ctx, e); err != nil {
		a.log.ErrorContext(ctx, "what was done is not in the audit trail", "action", e.Action, "subject", e.Subject, "err", errors.Unwrap(err))
	}
}

// outcome is how [host.Event] says how something went.
func outcome(err error) string {
	var e *sdk.Error
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &e):
		return e.Code.Error()
	case errors.Is(err, host.ErrNotFound):
		return "not found"
	}
	return "error"
}

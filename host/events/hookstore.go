// SPDX-License-Identifier: Apache-2.0

package events

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/sdk"
)

// deskOf is the ID of the record of what a webhook is owed.
func deskOf(hook string) string { return "wd-" + strings.TrimPrefix(hook, "wh-") }

// read opens a webhook.
func (e *Events) read(ctx context.Context, workspace, id string) (host.Item, storedHook, error) {
	var s storedHook
	item, err := e.hooks.Get(ctx, workspace, id, &s)
	return item, s, err
}

// edit changes a webhook, and says so in the audit trail.
func (e *Events) edit(ctx context.Context, workspace, id, action string, generation uint64, f func(host.Item, *storedHook) error) (h Hook, err error) {
	defer func() { e.record(ctx, workspace, action, id, err) }()
	for try := 1; ; try++ {
		item, s, err := e.read(ctx, workspace, id)
		if err == nil && generation != 0 && item.Generation != generation {
			err = host.ErrConflict
		}
		if err == nil {
			err = f(item, &s)
		}
		if err == nil && try == 1 {
			err = e.record(ctx, workspace, action, id, errBegun)
		}
		if err != nil {
			return Hook{}, err
		}
		item, err = e.hooks.Save(ctx, item, s)
		switch {
		case errors.Is(err, host.ErrConflict) && generation == 0 && try < 10:
		case err != nil:
			return Hook{}, err
		default:
			return e.view(ctx, item, s)
		}
	}
}

// errBegun says that something is about to be done.
var errBegun = errors.New("begun")

// record puts what people do with webhooks on record.
func (e *Events) record(ctx context.Context, workspace, action, id string, err error) error {
	var said *sdk.Error
	outcome := "error"
	switch {
	case err == nil:
		outcome = "ok"
	case errors.Is(err, errBegun):
		outcome = host.Begun
	case errors.As(err, &said):
		outcome = said.Code.Error()
	case errors.Is(err, host.ErrNotFound):
		outcome = "not found"
	case errors.Is(err, host.ErrConflict):
		outcome = "conflict"
	}
	unrecorded := e.h.Record(ctx, host.Event{Workspace: workspace, Action: action, Subject: id, Outcome: outcome})
	if unrecorded != nil {
		e.log.ErrorContext(ctx, "what was done is not in the audit trail", "workspace", workspace, "action", action, "webhook", id)
	}
	return unrecorded
}

// view returns what may be seen of a webhook.
func (e *Events) view(ctx context.Context, item host.Item, s storedHook) (Hook, error) {
	var d desk
	_, err := e.desks.Get(ctx, item.Workspace, deskOf(item.ID), &d)
	if err != nil && !errors.Is(err, host.ErrNotFound) { // it is being deleted
		return Hook{}, err
	}
	return e.viewOf(item, s, d), nil
}

func (e *Events) viewOf(item host.Item, s storedHook, d desk) Hook {
	d.obeyAll(s)
	h := Hook{ID: item.ID, Workspace: item.Workspace, URL: withoutQuery(s.URL), Description: s.Description, Types: s.Types,
		Status: HookActive, By: s.By, Created: item.Created, Updated: item.Updated, Generation: item.Generation, Pending: len(d.Held)}
	if next := d.next(); !next.IsZero() {
		h.Next = &next
	}
	if s.Old != "" && e.now().Before(s.OldUntil) {
		h.OldUntil = &s.OldUntil
	}
	switch {
	case s.Off:
		h.Status, h.Reason, h.Next = HookOff, "somebody has switched it off", nil
	case d.GivenUp:
		h.Status, h.Reason, h.Since, h.Next = HookGivenUp, d.Reason, &d.Since, nil
	case !d.Since.IsZero():
		h.Status, h.Reason, h.Since = HookFailing, d.Reason, &d.Since
	}
	return h
}

// withoutQuery is an address without its query, which may hold a secret.
func withoutQuery(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	if u.RawQuery != "" {
		u.RawQuery = "…"
	}
	return u.String()
}

// SPDX-License-Identifier: Apache-2.0

package events

import (
	"context"
	"crypto/rand"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/sdk"
)

// KindHook is the kind of record that a webhook is kept as, as people have set
// it up. KindDesk is that of what it is owed.
const (
	KindHook host.Kind = "webhook"
	KindDesk host.Kind = "webhook desk"
)

// A NewHook says what webhook to register.
type NewHook struct {
	Workspace   string // whose events; empty: the host's own
	URL         string // https; without a name, a password or a fragment
	Description string // what people call it; may be empty
	Types       []Type // which events; none: all
}

// A HookStatus says whether a webhook is sent events.
type HookStatus string

// The statuses.
const (
	HookActive  HookStatus = "active"
	HookFailing HookStatus = "failing"  // the last attempt failed; it is tried again
	HookOff     HookStatus = "off"      // a person has switched it off
	HookGivenUp HookStatus = "disabled" // it failed for too long: switch it on again when it works
)

// A Hook is what may be seen of a webhook.
type Hook struct {
	ID          string     `json:"id"`
	Workspace   string     `json:"workspace,omitempty"`
	URL         string     `json:"url"` // without its query, which may hold a secret
	Description string     `json:"description,omitempty"`
	Types       []Type     `json:"types,omitempty"`
	Status      HookStatus `json:"status"`
	Reason      string     `json:"reason,omitempty"`   // of a status that is not active
	Since       *time.Time `json:"since,omitempty"`    // since when it has failed, or was given up
	Pending     int        `json:"pending"`            // deliveries that have failed and are tried again
	Next        *time.Time `json:"next,omitempty"`     // when, the soonest
	OldUntil    *time.Time `json:"oldUntil,omitempty"` // until when the secret before the last rotation is signed with, too
	By          host.Actor `json:"by,omitempty"`       // who registered it
	Created     time.Time  `json:"created"`
	Updated     time.Time  `json:"updated"`
	Generation  uint64     `json:"generation"` // of what people change of it
}

// A HookPatch is a change to a webhook. What is nil stays as it is.
type HookPatch struct {
	URL         *string
	Description *string
	Types       *[]Type
	Enabled     *bool  // false: nothing is sent; true: what is new from now on, if nothing was sent
	Generation  uint64 // of what was seen; 0: whatever it is. Another than the webhook has is [host.ErrConflict]
}

// A storedHook is a webhook as people have set it up.
type storedHook struct {
	URL         string     `json:"url"`
	Description string     `json:"description,omitempty"`
	Types       []Type     `json:"types,omitempty"`
	Off         bool       `json:"off,omitempty"`
	By          host.Actor `json:"by,omitempty"`
	Secret      string     `json:"secret"`
	Old         string     `json:"old,omitempty"` // the secret before, until OldUntil
	OldUntil    time.Time  `json:"oldUntil,omitzero"`

	// Orders are what people want of the one who delivers, by rising numbers.
	// Their last number is also that of the hook's own.
	Orders []order `json:"orders,omitempty"`
	Order  uint64  `json:"order"`
}

// An order is something that is to be done once.
type order struct {
	N     uint64 `json:"n"`
	Do    string `json:"do"`              // one of those below
	Event string `json:"event,omitempty"` // an ID
}

// The orders.
const (
	doBegin  = "begin"  // with what comes after Event; what was owed is not any more
	doReplay = "replay" // what comes after Event again
	doResend = "resend" // Event alone again
)

// maxOrders is how many orders are kept for who delivers.
const maxOrders = 50

func (s *storedHook) order(do, event string) {
	s.Order++
	s.Orders = append(s.Orders, order{s.Order, do, event})
	s.Orders = s.Orders[max(0, len(s.Orders)-maxOrders):]
}

// wants reports whether the webhook is for such events.
func (s *storedHook) wants(t Type) bool { return len(s.Types) == 0 || slices.Contains(s.Types, t) }

// CreateHook registers a webhook, and returns it with the only copy of its
// secret, in the form "whsec_…". It is sent the events from now on. A wrong
// answer is an [*sdk.Error] with the Field "url", "description" or "types".
func (e *Events) CreateHook(ctx context.Context, n NewHook) (h Hook, secret string, err error) {
	id := strings.ToLower(rand.Text())
	defer func() { e.record(ctx, n.Workspace, "create webhook", "wh-"+id, err) }()
	s := storedHook{URL: n.URL, Description: n.Description, Types: n.Types, Secret: newSecret(), By: host.ActorOf(ctx)}
	if err := e.check(s); err != nil {
		return Hook{}, "", err
	}
	some, err := e.hooks.List(ctx, host.Query{Workspace: n.Workspace, Limit: e.cfg.MaxHooks})
	if err == nil && len(some) >= e.cfg.MaxHooks {
		err = sdk.Errorf(sdk.Invalid, "there are %d webhooks already, which is all that there may be: remove one first", len(some))
	}
	if err == nil {
		err = e.record(ctx, n.Workspace, "create webhook", "wh-"+id, errBegun)
	}
	if err != nil {
		return Hook{}, "", err
	}
	d := desk{}
	if d.After, err = e.beginning(ctx, n.Workspace); err == nil {
		err = e.list(ctx, n.Workspace)
	}
	if err == nil { // first what it is owed: a webhook without is none
		_, err = e.desks.Create(ctx, host.Item{Workspace: n.Workspace, ID: "wd-" + id}, d)
	}
	if err != nil {
		return Hook{}, "", err
	}
	item, err := e.hooks.Create(ctx, host.Item{Workspace: n.Workspace, ID: "wh-" + id}, s)
	if err != nil {
		return Hook{}, "", err
	}
	return e.viewOf(item, s, d), s.Secret, nil
}

// check refuses a webhook that cannot be.
func (e *Events) check(s storedHook) error {
	u, err := url.Parse(s.URL)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || strings.Contains(s.URL, "#") || len(s.URL) > 2000:
		return wrong("url", "give the address of the receiver, such as https://example.com/hooks, without a name, a password or a fragment")
	case u.Scheme != "https" && u.Scheme != "http":
		return wrong("url", "the receiver's address must begin with https://")
	}
	if err := e.guard.Check(sdk.OriginOf(u)); err != nil {
		var said *sdk.Error
		if errors.As(err, &said) {
			return wrong("url", said.Message)
		}
		return err
	}
	if len(s.Description) > 200 || !utf8.ValidString(s.Description) || strings.ContainsFunc(s.Description, unicode.IsControl) {
		return wrong("description", "a description has at most 200 bytes, in one line")
	}
	for _, t := range s.Types {
		if !slices.Contains(Types, t) {
			return wrong("types", "there is no such type of event: see what types there are")
		}
	}
	return nil
}

// Hook returns a webhook; [host.ErrNotFound] if there is none.
func (e *Events) Hook(ctx context.Context, workspace, id string) (Hook, error) {
	item, s, err := e.read(ctx, workspace, id)
	if err != nil {
		return Hook{}, err
	}
	return e.view(ctx, item, s)
}

// Hooks returns webhooks of a workspace in the order of their IDs, after the one
// with the given ID, at most limit; 0: 100.
func (e *Events) Hooks(ctx context.Context, workspace, after string, limit int) ([]Hook, error) {
	items, err := e.hooks.List(ctx, host.Query{Workspace: workspace, After: after, Limit: limit})
	if err != nil {
		return nil, err
	}
	all := make([]Hook, 0, len(items))
	for _, item := range items {
		var s storedHook
		if err := e.hooks.Open(ctx, item, &s); err != nil {
			return nil, err
		}
		h, err := e.view(ctx, item, s)
		if err != nil {
			return nil, err
		}
		all = append(all, h)
	}
	return all, nil
}

// UpdateHook changes a webhook.
func (e *Events) UpdateHook(ctx context.Context, workspace, id string, p HookPatch) (Hook, error) {
	return e.edit(ctx, workspace, id, "update webhook", p.Generation, func(item host.Item, s *storedHook) error {
		if p.URL != nil {
			s.URL = *p.URL
		}
		if p.Description != nil {
			s.Description = *p.Description
		}
		if p.Types != nil {
			s.Types = *p.Types
		}
		if p.Enabled != nil {
			if err := e.enable(ctx, item, s, *p.Enabled); err != nil {
				return err
			}
		}
		return e.check(*s)
	})
}

// enable switches a webhook on or off.
func (e *Events) enable(ctx context.Context, item host.Item, s *storedHook, on bool) error {
	h, err := e.view(ctx, item, *s)
	if err != nil {
		return err
	}
	s.Off = !on
	if !on || h.Status == HookActive || h.Status == HookFailing {
		return nil
	}
	last, err := e.beginning(ctx, item.Workspace)
	s.order(doBegin, last)
	return err
}

// beginning is what a desk comes after that begins now.
func (e *Events) beginning(ctx context.Context, workspace string) (string, error) {
	last, err := e.Last(ctx, workspace)
	if last == Oldest {
		last = "" // as what is below all IDs
	}
	return last, err
}

// DeleteHook removes a webhook, and what it is still owed, unless somebody has
// changed it since it had the given [Hook.Generation]: then the error is
// [host.ErrConflict]. Generation 0: whatever it is now.
func (e *Events) DeleteHook(ctx context.Context, workspace, id string, generation uint64) error {
	err := e.deleteHook(ctx, workspace, id, generation)
	if err == nil {
		err = e.desks.Delete(ctx, workspace, deskOf(id))
	}
	if e.record(ctx, workspace, "delete webhook", id, err); errors.Is(err, host.ErrNotFound) {
		e.desks.Delete(ctx, workspace, deskOf(id)) // of one whose deletion was interrupted
	}
	return err
}

func (e *Events) deleteHook(ctx context.Context, workspace, id string, generation uint64) error {
	item, _, err := e.read(ctx, workspace, id)
	if err == nil && generation != 0 && item.Generation != generation {
		err = host.ErrConflict
	}
	if err == nil {
		err = e.record(ctx, workspace, "delete webhook", id, errBegun)
	}
	switch {
	case err != nil:
		return err
	case generation == 0:
		return e.hooks.Delete(ctx, workspace, id)
	}
	return e.hooks.DeleteUnchanged(ctx, item)
}

// RotateSecret gives a webhook another secret, and returns the only copy of it.
// What is sent is signed with both for the time of keep, so that a receiver can
// change over without missing any; at most a week. Zero: the old one ends at
// once. Generation is as of [Events.DeleteHook]: of two who do so at once, each
// would believe that his is the secret.
func (e *Events) RotateSecret(ctx context.Context, workspace, id string, keep time.Duration, generation uint64) (h Hook, secret string, err error) {
	if keep < 0 || keep > maxOld {
		return Hook{}, "", wrong("keep", "the old secret can be kept for at most a week")
	}
	secret = newSecret()
	h, err = e.edit(ctx, workspace, id, "rotate webhook secret", generation, func(_ host.Item, s *storedHook) error {
		s.Old, s.OldUntil, s.Secret = s.Secret, e.now().Add(keep).UTC(), secret
		if keep == 0 {
			s.Old, s.OldUntil = "", time.Time{}
		}
		return nil
	})
	if err != nil {
		return Hook{}, "", err
	}
	return h, secret, nil
}

// maxOld is how long an old secret is kept at most.
const maxOld = 7 * 24 * time.Hour

// Replay sends a webhook again all its events after the one with the given ID,
// or from [Oldest] on, as far as they are kept; those that it has taken
// already, too, with the webhook-id that they had.
func (e *Events) Replay(ctx context.Context, workspace, id, after string) error {
	if _, err := e.logOf(workspace).from(ctx, after); err != nil {
		if errors.Is(err, ErrBehind) {
			err = wrong("after", "what came after this event is not kept any more: begin with a later one, or with "+Oldest)
		}
		return err
	}
	_, err := e.edit(ctx, workspace, id, "replay webhook", 0, func(_ host.Item, s *storedHook) error {
		if after == Oldest {
			after = ""
		}
		s.order(doReplay, after)
		return nil
	})
	return err
}

// Resend sends a webhook one event again, soon.
func (e *Events) Resend(ctx context.Context, workspace, id, event string) error {
	if ev, err := e.event(ctx, workspace, event); err != nil || ev.ID == "" {
		return errors.Join(err, wrong("event", "there is no such event, or it is not kept any more"))
	}
	_, err := e.edit(ctx, workspace, id, "resend webhook", 0, func(_ host.Item, s *storedHook) error {
		s.order(doResend, event)
		return nil
	})
	return err
}

// event returns an event by its ID; the zero event if it is not kept.
func (e *Events) event(ctx context.Context, workspace, id string) (Event, error) {
	p, ok := parsePlace(id)
	if !ok {
		return Event{}, nil
	}
	b, err := e.logOf(workspace).get(ctx, p.n)
	if err != nil || b == nil || b.Mark != p.mark || p.i >= len(b.Events) {
		return Event{}, err
	}
	return b.Events[p.i], nil
}

// SPDX-License-Identifier: Apache-2.0

package events

import (
	"context"
	"time"

	"github.com/credhost/credhost/host"
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
	Since       *time.Time `json:"since,omitempty"`    // of that status
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
	Enabled     *bool  // false: nothing is sent; true: what is new from now on, if it was off
	Generation  uint64 // of what was seen; 0: whatever it is. Another than the webhook has is [host.ErrConflict]
}

// A Delivery is one event on its way to one webhook.
type Delivery struct {
	ID       string     `json:"id"` // the message's, as webhook-id has it; the same in each attempt
	Event    string     `json:"event"`
	Type     Type       `json:"type"`
	Attempts int        `json:"attempts"`
	Last     time.Time  `json:"last"`             // the last attempt
	Status   int        `json:"status,omitempty"` // its HTTP status; 0: there was no answer
	Error    string     `json:"error,omitempty"`  // why it failed, in our words
	Took     float64    `json:"took"`             // of the last attempt, in seconds
	Done     bool       `json:"done"`             // it was taken
	Next     *time.Time `json:"next,omitempty"`   // of one that is tried again
}

// CreateHook registers a webhook, and returns it with the only copy of its
// secret, in the form "whsec_…". It is sent the events from now on. A wrong
// URL is an [*sdk.Error] with the Field "url".
func (e *Events) CreateHook(ctx context.Context, n NewHook) (h Hook, secret string, err error) {
	panic("soon")
}

// Hook returns a webhook; [host.ErrNotFound] if there is none.
func (e *Events) Hook(ctx context.Context, workspace, id string) (Hook, error) { panic("soon") }

// Hooks returns webhooks of a workspace in the order of their IDs, after the one
// with the given ID, at most limit; 0: 100.
func (e *Events) Hooks(ctx context.Context, workspace, after string, limit int) ([]Hook, error) {
	panic("soon")
}

// UpdateHook changes a webhook.
func (e *Events) UpdateHook(ctx context.Context, workspace, id string, p HookPatch) (Hook, error) {
	panic("soon")
}

// DeleteHook removes a webhook, and what it is still owed.
func (e *Events) DeleteHook(ctx context.Context, workspace, id string) error { panic("soon") }

// RotateSecret gives a webhook another secret, and returns the only copy of it.
// What is sent is signed with both for the time of keep, so that a receiver can
// change over without missing any; at most a week. Zero: the old one ends at
// once.
func (e *Events) RotateSecret(ctx context.Context, workspace, id string, keep time.Duration) (h Hook, secret string, err error) {
	panic("soon")
}

// Deliveries returns what was last sent to a webhook, the newest first, at most
// limit; 0: all that are remembered, which are about a hundred, and all that are
// tried again.
func (e *Events) Deliveries(ctx context.Context, workspace, id string, limit int) ([]Delivery, error) {
	panic("soon")
}

// SendTest sends a webhook an event of type [HookTest] now, once, and says what
// came of it. It is sent one that is off, too.
func (e *Events) SendTest(ctx context.Context, workspace, id string) (Delivery, error) { panic("soon") }

// Replay sends a webhook again all its events after the one with the given ID,
// or from [Oldest] on, as far as they are kept; those that it has taken
// already, too, with the webhook-id that they had.
func (e *Events) Replay(ctx context.Context, workspace, id, after string) error { panic("soon") }

// Resend sends a webhook one event again, soon.
func (e *Events) Resend(ctx context.Context, workspace, id, event string) error { panic("soon") }

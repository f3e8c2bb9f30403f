// SPDX-License-Identifier: Apache-2.0

// Package events tells programs what happened to a host's credentials, keys and
// plugins: as a log that can be read from any place on, as a stream of
// server-sent events, and by webhooks that are signed as Standard Webhooks says.
//
//	feed := events.Listen(&cfg)
//	h, err := host.Open(ctx, cfg)
//	ev, err := events.Open(ctx, events.Config{Host: h, Feed: feed})
//
// Read this file first. log.go keeps the log, stream.go serves it, hook.go has
// webhooks, and deliver.go sends what they are owed.
//
// Each workspace has a log of its own, and so has the host, whose workspace is
// "". Every host that shares the store sees the same events in the same order,
// and whoever knows the ID of the last one that he has seen misses none that is
// kept. An event holds IDs and outcomes, never an answer and never a secret.
package events

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/host/egress"
)

// A Type says what happened.
type Type string

// The types of events. More may come: ignore what you do not know.
const (
	Created   Type = "credential.created"
	Updated   Type = "credential.updated"
	Deleted   Type = "credential.deleted"
	Connected Type = "credential.connected"     // a person has approved it
	Revoked   Type = "credential.revoked"       // its grant was given back
	Tested    Type = "credential.tested"        // see Outcome
	Expiring  Type = "credential.expiring"      // a person must do something before At
	Refused   Type = "credential.refused"       // the service does not take the answers any more
	Again     Type = "credential.connect_again" // a person must connect it again, now

	Quarantined Type = "plugin.quarantined" // it crashed too often, and rests until At
	Recovered   Type = "plugin.recovered"   // it was started again after a quarantine

	KeyExpiring Type = "key.expiring" // a caller's key ends at At

	HookDisabled Type = "webhook.disabled" // it has failed for too long
	HookTest     Type = "webhook.test"     // somebody wanted to see one; in no log
)

// Types are those that a log may hold, in the order in which they are shown.
var Types = []Type{Created, Updated, Deleted, Connected, Revoked, Tested, Expiring, Refused, Again,
	Quarantined, Recovered, KeyExpiring, HookDisabled}

// An Event is one thing that happened. As JSON it is what Standard Webhooks
// proposes for a payload: a type, a timestamp and data.
type Event struct {
	// ID names the event within its workspace. IDs of one workspace rise in the
	// order of their bytes.
	ID        string    `json:"id"`
	Type      Type      `json:"type"`
	Time      time.Time `json:"timestamp"`
	Workspace string    `json:"workspace"` // empty: the host's own
	Data      Data      `json:"data"`
}

// Data is what an event is about. What does not apply is left out.
type Data struct {
	Credential string     `json:"credential,omitempty"` // an ID, as all that follow
	Plugin     string     `json:"plugin,omitempty"`     // the name of a program
	Key        string     `json:"key,omitempty"`
	Webhook    string     `json:"webhook,omitempty"`
	Type       string     `json:"type,omitempty"`    // of the credential
	Name       string     `json:"name,omitempty"`    // what people call it
	Actor      host.Actor `json:"actor,omitempty"`   // who did it
	Derived    string     `json:"derived,omitempty"` // the ID of the key that was derived of the actor's, or of the actor's session, if it was done with one
	Request    string     `json:"request,omitempty"` // the ID of the request with which it was done
	Outcome    string     `json:"outcome,omitempty"` // of a test: as of [host.Outcome]
	Tenant     string     `json:"tenant,omitempty"`  // in the host's own log: the workspace in which it happened
	At         *time.Time `json:"at,omitempty"`      // when it will happen, or has
}

// The errors of reading a log.
var (
	// ErrBehind says that what came after an ID is not all kept any more, or
	// that the ID is of another log. Look at everything anew, and go on from
	// [Oldest] or from now.
	ErrBehind = errors.New("events: what came after this is not kept any more")
)

// Oldest stands, in the place of an ID, for the oldest event that is kept.
const Oldest = "oldest"

// Config says what an [Events] is made of. Host is required.
type Config struct {
	Host *host.Host
	Feed *Feed // what [Listen] returned; nil: only what Publish is given

	// Access has the keys of which is told before they end; nil: of none is.
	Access *access.Access

	// Keep is how long events are kept; zero: 24 hours. MaxKept bounds how many
	// of a workspace are; zero: 10,000. Both are counted roughly, in favour of
	// keeping.
	Keep    time.Duration
	MaxKept int

	// Egress says which addresses webhooks may reach besides public ones, over
	// https. It is apart from the host's own: whom a credential may reach is no
	// leave for whoever may register a webhook.
	Egress egress.Config

	// MaxHooks is how many webhooks a workspace may have; zero: 20. MaxStreams is
	// how many streams this host serves at once; zero: 1000.
	MaxHooks   int
	MaxStreams int

	Logger *slog.Logger // slog.Default() if nil; never told a secret
}

// An Events is safe for concurrent use. Any number of hosts that share a store
// may have one each.
type Events struct {
	h   *host.Host
	cfg Config
	log *slog.Logger

	guard   *egress.Guard
	measure measure

	batches, index *host.Shelf // of the logs
	hooks, desks   *host.Shelf // of webhooks
	told           *host.Shelf // of what people were told once

	logs    sync.Map // workspace → *log
	streams atomic.Int64
	agenda  agenda
	owner   string // of leases

	now    func() time.Time
	sleep  func(context.Context, time.Duration) error
	chance func(below time.Duration) time.Duration
	peek   time.Duration // peekEvery

	stopWatch func()
	mu        sync.Mutex // held while something begins in the background, or stops
	ctx       context.Context
	cancel    context.CancelFunc // of ctx, which ends with Close
	tasks     sync.WaitGroup
}

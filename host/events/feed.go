// SPDX-License-Identifier: Apache-2.0

package events

import (
	"context"
	"strings"
	"sync"

	"github.com/credhost/credhost/host"
)

// A Feed takes what a host tells while it works. See [Listen].
type Feed struct {
	mu   sync.Mutex
	sink *Events
	kept []Event // until there is an Events
}

// maxKept is how many events a feed keeps until [Open] is called.
const maxKept = 1000

// Listen has the host that is opened with cfg tell what happens. It adds to the
// callbacks that cfg has already, and must be called before [host.Open]; what
// the host tells until [Open] is called is kept for that.
//
// What is done in a workspace is written before the caller learns of it, if the
// store takes it; if not, it is logged, and what was done stays done.
func Listen(cfg *host.Config) *Feed {
	f := &Feed{}
	audit, warn, notice := cfg.Audit, cfg.Warn, cfg.Notice
	cfg.Audit = func(ctx context.Context, e host.Event) error {
		var err error
		if audit != nil {
			err = audit(ctx, e)
		}
		if ev, ok := ofAudit(e); ok {
			f.publish(ctx, ev)
		}
		return err
	}
	cfg.Warn = func(ctx context.Context, w host.Warning) {
		if warn != nil {
			warn(ctx, w)
		}
		f.publish(ctx, ofWarning(w))
	}
	cfg.Notice = func(ctx context.Context, n host.Notice) {
		if notice != nil {
			notice(ctx, n)
		}
		for _, ev := range ofNotice(n) {
			f.publish(ctx, ev)
		}
	}
	return f
}

// actions are those of which an event tells, when they have succeeded.
var actions = map[string]Type{
	"create": Created, "update": Updated, "delete": Deleted, "finish": Connected, "revoke": Revoked, "test": Tested,
}

// ofAudit is the event of what was done, if there is one.
func ofAudit(e host.Event) (Event, bool) {
	typ, ok := actions[e.Action]
	if !ok || e.Outcome != "ok" || e.Credential == "" {
		return Event{}, false
	}
	return Event{Type: typ, Time: e.Time, Workspace: e.Workspace, Data: Data{
		Credential: e.Credential, Type: e.Type, Actor: e.Actor, Derived: e.Derived, Request: e.Request, Outcome: e.Detail["verdict"],
	}}, true
}

// ofWarning is the event of a warning.
func ofWarning(w host.Warning) Event {
	typ := map[host.WarningKind]Type{host.WarnExpiring: Expiring, host.WarnRefused: Refused, host.WarnAgain: Again}[w.Kind]
	if typ == "" {
		typ = Type("credential." + strings.ReplaceAll(string(w.Kind), " ", "_"))
	}
	at := w.At
	return Event{Type: typ, Time: w.Time, Workspace: w.Workspace, Data: Data{
		Credential: w.Credential, Type: w.Type, Name: w.Name, At: &at,
	}}
}

// ofNotice are the events of a notice: one for the workspace, and one for those
// who see to the host.
func ofNotice(n host.Notice) []Event {
	ev := Event{Type: Type("plugin." + string(n.Kind)), Time: n.Time, Workspace: n.Workspace, Data: Data{Plugin: n.Program}}
	if !n.Until.IsZero() {
		ev.Data.At = &n.Until
	}
	if n.Workspace == "" {
		return []Event{ev}
	}
	own := ev
	own.Workspace, own.Data.Tenant = "", n.Workspace
	return []Event{ev, own}
}

// publish publishes an event, or keeps it until it can be.
func (f *Feed) publish(ctx context.Context, ev Event) {
	f.mu.Lock()
	e := f.sink
	if e == nil && len(f.kept) < maxKept {
		f.kept = append(f.kept, ev)
	}
	f.mu.Unlock()
	if e != nil {
		e.announce(ctx, ev)
	}
}

// announce publishes what the host has told.
func (e *Events) announce(ctx context.Context, ev Event) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTime/2) // it has happened, whoever waits
	defer cancel()
	if _, err := e.Publish(ctx, ev); err != nil {
		e.log.ErrorContext(ctx, "an event is lost", "workspace", ev.Workspace, "type", string(ev.Type), "credential", ev.Data.Credential, "err", err)
	}
}

// to sends what was kept, and all that comes, to e.
func (f *Feed) to(e *Events) {
	if f == nil {
		return
	}
	f.mu.Lock()
	kept := f.kept
	f.sink, f.kept = e, nil
	f.mu.Unlock()
	for _, ev := range kept {
		e.announce(e.ctx, ev)
	}
}

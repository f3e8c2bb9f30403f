// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"time"

	"github.com/credhost/credhost/sdk"
)

// An Actor is the person or program that acts in a workspace, by whatever name
// the embedder knows it.
type Actor string

type actorKey struct{}

// WithActor returns a context whose calls are audited as the actor's.
func WithActor(ctx context.Context, a Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, a)
}

// A Source says from where an actor acts. It holds no secret.
type Source struct {
	Address string // of the network, without a port
	Key     string // the ID of the key that was shown; empty: none
	Derived string // the ID of the key that was derived of that, or of a session, and shown in its place; empty: none
	Request string // the ID of the request, as the answer and the logs have it
}

type sourceKey struct{}

// WithSource returns a context whose calls are audited as coming from there.
func WithSource(ctx context.Context, s Source) context.Context {
	return context.WithValue(ctx, sourceKey{}, s)
}

// An Event is one thing that was done. It holds no secret.
type Event struct {
	Time       time.Time `json:"time"`
	Workspace  string    `json:"workspace,omitempty"` // empty: of the host itself
	Actor      Actor     `json:"actor,omitempty"`
	Address    string    `json:"address,omitempty"` // these four as of [Source]
	Key        string    `json:"key,omitempty"`
	Derived    string    `json:"derived,omitempty"`
	Request    string    `json:"request,omitempty"`
	Action     string    `json:"action"` // such as "create", "test" or "release"
	Credential string    `json:"credential,omitempty"`
	Type       string    `json:"type,omitempty"`

	// Subject is what it was done to, if that is no credential: the ID of an
	// application, a key or a webhook, the name of a plugin, an address.
	Subject string `json:"subject,omitempty"`

	// Changed has the names of the answers that were given or taken away. With
	// that of a secret goes what [Config.Fingerprint] returns.
	Changed map[string]string `json:"changed,omitempty"`

	// Detail is what else is worth knowing: the scopes of a key, say. Never
	// what a person typed as an answer.
	Detail map[string]string `json:"detail,omitempty"`

	Count   uint64 `json:"count,omitempty"` // of times, if several; 0: one
	Outcome string `json:"outcome"`         // "ok", "begun", an error's code, "not found", "conflict" or "error"
}

// Begun is the outcome of what is about to be done, and which must not be done
// if that cannot be written down. Another event says how it went.
const Begun = "begun"

// Record hands an event to [Config.Audit], for what is done around a host. It
// fills in the time, and the actor and the source of ctx where e names none. The
// error says that e is not on record: what has not been done yet should then
// not be done. It is an [*sdk.Error] with the code [sdk.Unavailable].
func (h *Host) Record(ctx context.Context, e Event) error {
	if h.cfg.Audit == nil {
		return nil
	}
	if e.Time.IsZero() {
		e.Time = h.now().UTC()
	}
	return unrecorded(h.cfg.Audit(ctx, e.From(ctx)))
}

// Recorded does what is dangerous around a host, such as to trust a program: if
// it can be put on record that it is begun. Then it records how it went. Of e,
// Outcome is filled in.
func (h *Host) Recorded(ctx context.Context, e Event, do func() error) error {
	e.Outcome = Begun
	if err := h.Record(ctx, e); err != nil {
		return err
	}
	err := do()
	e.Outcome, e.Time = outcome(err), time.Time{}
	if unknown := h.Record(ctx, e); err == nil {
		err = unknown
	}
	return err
}

// From returns e with the actor and the source of ctx, where it names none.
func (e Event) From(ctx context.Context) Event {
	if actor, _ := ctx.Value(actorKey{}).(Actor); e.Actor == "" {
		e.Actor = actor
	}
	if s, _ := ctx.Value(sourceKey{}).(Source); e.Address == "" && e.Key == "" && e.Derived == "" && e.Request == "" {
		e.Address, e.Key, e.Derived, e.Request = s.Address, s.Key, s.Derived, s.Request
	}
	return e
}

// unrecorded is what a caller is told when an event could not be recorded.
func unrecorded(err error) error {
	if err == nil {
		return nil
	}
	return sdk.Errorf(sdk.Unavailable, "this cannot be written to the audit trail, and what cannot is not done: try again, and see the host's log").Because(err)
}

// audit reports what was done. That it cannot be recorded undoes nothing, but
// is logged.
func (w *Workspace) audit(ctx context.Context, action, id, typ string, err error) {
	w.report(ctx, Event{Action: action, Credential: id, Type: typ}, err)
}

// report is audit with all that is known of what was done.
func (w *Workspace) report(ctx context.Context, e Event, err error) {
	e.Workspace, e.Outcome = w.name, outcome(err)
	if err := w.h.Record(ctx, e); err != nil {
		w.h.log.ErrorContext(ctx, "what was done is not in the audit trail", "workspace", w.name, "action", e.Action, "credential", e.Credential, "err", errors.Unwrap(err))
	}
}

// auditFirst reports what is about to be done. After an error it must not be.
func (w *Workspace) auditFirst(ctx context.Context, action, id, typ string) error {
	return w.h.Record(ctx, Event{Workspace: w.name, Action: action, Credential: id, Type: typ, Outcome: Begun})
}

func outcome(err error) string {
	var e *sdk.Error
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &e):
		return e.Code.Error()
	case errors.Is(err, ErrNotFound):
		return "not found"
	case errors.Is(err, ErrConflict):
		return "conflict"
	}
	return "error"
}

// changed says which answers a patch gives or takes away: of a secret, its
// fingerprint.
func (w *Workspace) changed(id string, s sdk.Schema, p Patch) map[string]string {
	all := make(map[string]string)
	for name, v := range p.Values {
		f, known := s.Field(name)
		switch {
		case !known: // it may be anything, a secret in the wrong place too
		case v == "":
			all[name] = "cleared"
		case !f.Secret:
			all[name] = "given"
		default:
			all[name] = w.fingerprint(id, name, v)
		}
	}
	for name, ref := range p.References {
		if _, known := s.Field(name); known && ref != "" {
			all[name] = "reference"
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all
}

func (w *Workspace) fingerprint(id, field, answer string) string {
	if w.h.cfg.Fingerprint == nil {
		return "given"
	}
	return w.h.cfg.Fingerprint(w.name, id, field, answer)
}

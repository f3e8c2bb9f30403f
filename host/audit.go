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
	Workspace  string    `json:"workspace"`
	Actor      Actor     `json:"actor,omitempty"`
	Address    string    `json:"address,omitempty"` // these three as of [Source]
	Key        string    `json:"key,omitempty"`
	Request    string    `json:"request,omitempty"`
	Action     string    `json:"action"` // such as "create", "test" or "release"
	Credential string    `json:"credential,omitempty"`
	Type       string    `json:"type,omitempty"`
	Outcome    string    `json:"outcome"` // "ok", an error's code, or "error"
}

// audit reports what was done.
func (w *Workspace) audit(ctx context.Context, action, id, typ string, err error) {
	if w.h.cfg.Audit == nil {
		return
	}
	actor, _ := ctx.Value(actorKey{}).(Actor)
	from, _ := ctx.Value(sourceKey{}).(Source)
	w.h.cfg.Audit(ctx, Event{Time: w.h.now().UTC(), Workspace: w.name, Actor: actor, Address: from.Address, Key: from.Key, Request: from.Request,
		Action: action, Credential: id, Type: typ, Outcome: outcome(err)})
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
	}
	return "error"
}

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

// An Event is one thing that was done. It holds no secret.
type Event struct {
	Time       time.Time `json:"time"`
	Workspace  string    `json:"workspace"`
	Actor      Actor     `json:"actor,omitempty"`
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
	w.h.cfg.Audit(ctx, Event{Time: w.h.now().UTC(), Workspace: w.name, Actor: actor,
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

// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"
	"errors"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/sdk"
)

// record puts on record what the host does not know of: what was done with a
// credential. The error says that it is not on record: then it must not be
// answered.
func (s *server) record(ctx context.Context, action, credential, typ string, err error) error {
	return s.h.Record(ctx, host.Event{Workspace: workspaceOf(ctx), Action: action, Credential: credential, Type: typ, Outcome: outcomeOf(err)})
}

// doing does what an operator wants of the host itself, if it can be put on
// record that it is begun.
func (s *server) doing(ctx context.Context, action, subject string, do func() error) error {
	if err := s.h.Record(ctx, host.Event{Action: action, Subject: subject, Outcome: host.Begun}); err != nil {
		return err
	}
	err := do()
	if recorded := s.h.Record(context.WithoutCancel(ctx), host.Event{Action: action, Subject: subject, Outcome: outcomeOf(err)}); recorded != nil && err == nil {
		return recorded
	}
	return err
}

// outcomeOf is the word for how something went, as the trail has it.
func outcomeOf(err error) string {
	var e *sdk.Error
	var f *failure
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &f):
		return f.Code
	case errors.As(err, &e):
		return e.Code.Error()
	case errors.Is(err, host.ErrNotFound):
		return "not found"
	}
	return "error"
}

// SPDX-License-Identifier: Apache-2.0

package events

import (
	"context"
	"iter"
)

// Open returns the events of a host. The caller must Close it before the host.
func Open(ctx context.Context, cfg Config) (*Events, error) {
	return &Events{h: cfg.Host, cfg: cfg}, nil
}

// Close ends what goes on in the background: what is not delivered yet, another
// host delivers, or this one when it is opened again.
func (e *Events) Close() error { return nil }

// Publish appends an event to the log of its workspace, with the time of the
// host's clock if it has none, and returns it with its ID. When it returns, the
// event is in the store: every host will see it, and webhooks will be sent it.
func (e *Events) Publish(ctx context.Context, ev Event) (Event, error) { return ev, nil }

// Since returns the events of a workspace after the one with the given ID, the
// oldest first, at most limit; 0: 100. After "" and [Oldest] it returns those
// that are kept, from the oldest on. The error is [ErrBehind] if some that came
// after the ID are not kept any more.
func (e *Events) Since(ctx context.Context, workspace, after string, limit int) ([]Event, error) {
	return nil, nil
}

// Last returns the ID of the newest event of a workspace: what is read after it
// is new. "" if there was none yet, and that can be read after, too.
func (e *Events) Last(ctx context.Context, workspace string) (string, error) { return "", nil }

// Subscribe returns the events of a workspace after the one with the given ID,
// and then those that come, until ctx ends or the loop is left. With "" it
// begins with the next one, with [Oldest] with all that are kept. An error ends
// it; one of [ErrBehind] says that events are lost. It keeps nothing for a
// reader that is slow: that reads later what the store has.
func (e *Events) Subscribe(ctx context.Context, workspace, after string) iter.Seq2[Event, error] {
	return func(func(Event, error) bool) {}
}

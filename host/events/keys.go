// SPDX-License-Identifier: Apache-2.0

package events

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/access"
)

// KindTold is the kind of record that says of what people were told already.
const KindTold host.Kind = "event told"

// keyAhead is how long before a key ends people are told, or for a quarter of
// its life if that is shorter.
const keyAhead = 7 * 24 * time.Hour

// A toldOf is what people were told of, until nobody asks any more.
type toldOf struct {
	Until time.Time `json:"until"`
}

// lookAtKeys tells of keys that are about to end, once for all hosts.
func (e *Events) lookAtKeys(ctx context.Context) error {
	if e.cfg.Access == nil {
		return nil
	}
	err := e.lookAtKeysOf(ctx, "")
	for after := ""; ; {
		some, listed := e.cfg.Access.Workspaces(ctx, after, 0)
		if err = errors.Join(err, listed); listed != nil || len(some) == 0 {
			return err
		}
		for _, w := range some {
			err = errors.Join(err, e.lookAtKeysOf(ctx, w.Name))
			after = w.Name
		}
	}
}

func (e *Events) lookAtKeysOf(ctx context.Context, workspace string) error {
	for after := ""; ; {
		keys, err := e.cfg.Access.Keys(ctx, workspace, after, 0)
		if err != nil {
			return err
		}
		for _, k := range keys {
			if err := e.lookAtKey(ctx, workspace, k); err != nil {
				return err
			}
			after = k.ID
		}
		if len(keys) == 0 {
			return e.forgetTold(ctx, workspace)
		}
	}
}

// lookAtKey tells of a key, if that is due and nobody has.
func (e *Events) lookAtKey(ctx context.Context, workspace string, k access.Key) error {
	if k.Expires == nil {
		return nil
	}
	ends, now := *k.Expires, e.now()
	if now.After(ends) || now.Before(ends.Add(-min(keyAhead, ends.Sub(k.Created)/4))) {
		return nil
	}
	id := fmt.Sprintf("et-%s-%d", strings.TrimPrefix(k.ID, "k-"), ends.Unix())
	_, err := e.told.Create(ctx, host.Item{Workspace: workspace, ID: id}, toldOf{ends})
	if errors.Is(err, host.ErrConflict) {
		return nil
	}
	if err == nil {
		_, err = e.Publish(ctx, Event{Type: KeyExpiring, Workspace: workspace, Data: Data{Key: k.ID, Name: k.Name, At: &ends}})
	}
	return err
}

// forgetTold forgets what nobody asks for any more.
func (e *Events) forgetTold(ctx context.Context, workspace string) error {
	for after := ""; ; {
		items, err := e.told.List(ctx, host.Query{Workspace: workspace, After: after})
		if err != nil || len(items) == 0 {
			return err
		}
		for _, item := range items {
			var t toldOf
			after = item.ID
			if err := e.told.Open(ctx, item, &t); err != nil || t.Until.After(e.now()) {
				continue
			}
			if err := e.told.Delete(ctx, workspace, item.ID); err != nil && !errors.Is(err, host.ErrNotFound) {
				return err
			}
		}
	}
}

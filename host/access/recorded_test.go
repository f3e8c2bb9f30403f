// SPDX-License-Identifier: Apache-2.0

package access_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/internal/ground"
)

// What lets somebody in is on record before it is handed out, and is not handed
// out if it cannot be.
func TestWhoIsLetInIsRecorded(t *testing.T) {
	var mu sync.Mutex
	var seen []host.Event
	var full error
	g := ground.New(t, ground.Config{Types: []string{}, Host: func(c *host.Config) {
		c.Audit = func(_ context.Context, e host.Event) error {
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, e)
			return full
		}
	}})
	token := g.Key(access.Read, access.Use)
	caller, err := g.Access.Caller(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	ctx := access.With(t.Context(), caller)
	text, _, err := g.Access.Derive(ctx, caller, []access.Scope{access.Use}, access.Limits{}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	derived, err := g.Access.Caller(t.Context(), text)
	if err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	made, last := seen[len(seen)-2], seen[len(seen)-1]
	full = errors.New("the trail is full")
	mu.Unlock()
	if made.Action != "create key" || made.Subject != caller.Key || made.Workspace != ground.Workspace || made.Outcome != "ok" {
		t.Errorf("a key was made, and on record is %+v", made)
	}
	if last.Action != "derive key" || last.Subject != derived.Derived || last.Actor != caller.Actor || last.Detail["of"] != caller.Key || last.Detail["scopes"] != "use" {
		t.Errorf("a key was derived, and on record is %+v", last)
	}
	if last.Derived != "" { // it was done with the key itself
		t.Errorf("on record is %+v", last)
	}
	if text, _, err := g.Access.Derive(ctx, caller, nil, access.Limits{}, time.Minute); err == nil || text != "" {
		t.Errorf("what could not be recorded was derived: %v", err)
	}
}

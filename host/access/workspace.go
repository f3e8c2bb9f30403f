// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/sdk"
)

// KindWorkspace is the kind of record that a workspace is kept as.
const KindWorkspace host.Kind = "workspace"

// DefaultWorkspace exists from the start, and always.
const DefaultWorkspace = "default"

// A Workspace is what may be seen of one. One that was not created does not
// exist for callers, whatever package host may do in it.
type Workspace struct {
	Name    string     `json:"name"`
	Created time.Time  `json:"created,omitzero"` // zero: it has always been there
	By      host.Actor `json:"by,omitempty"`     // who created it
}

type storedWorkspace struct {
	By     host.Actor `json:"by,omitempty"`
	Ending time.Time  `json:"ending,omitzero"` // since when it is being deleted
}

// space is a workspace in memory.
type space struct {
	item   host.Item
	stored storedWorkspace
}

// CreateWorkspace makes a workspace as the caller of ctx, who must be an
// operator. Its name is one that [host.Host.Workspace] takes. A wrong one is an
// [*sdk.Error] with the Field "name".
func (a *Access) CreateWorkspace(ctx context.Context, name string) (w Workspace, err error) {
	defer func() { a.report(ctx, host.Event{Action: "create workspace", Subject: name}, err) }()
	if err := From(ctx).May(SetWorkspaces); err != nil {
		return Workspace{}, err
	}
	if !isWorkspaceName(name) {
		return Workspace{}, wrong("name", "a workspace's name has up to 64 letters, digits, hyphens, underscores and dots, and begins with a letter or a digit")
	}
	switch err := a.Exists(ctx, name); {
	case err == nil:
		return Workspace{}, wrong("name", "there is a workspace with this name")
	case !errors.Is(err, host.ErrNotFound):
		return Workspace{}, err
	}
	s := storedWorkspace{By: From(ctx).Actor}
	item, err := a.spaces.Create(ctx, host.Item{ID: "w-" + name, Name: name}, s)
	a.changed("", "w-"+name)
	if errors.Is(err, host.ErrConflict) {
		return Workspace{}, sdk.Errorf(sdk.Unavailable, "the workspace that had this name is being deleted, or this one was created just now: look again in a minute")
	}
	if err != nil {
		return Workspace{}, err
	}
	return Workspace{Name: name, Created: item.Created, By: s.By}, nil
}

func isWorkspaceName(name string) bool {
	if name == "" || len(name) > 64 || !isAlphanumeric(name[0]) {
		return false
	}
	for i := range len(name) {
		if c := name[i]; !isAlphanumeric(c) && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return true
}

// Exists returns nil if there is such a workspace, and [host.ErrNotFound] if not.
// One that was asked for before costs no I/O.
func (a *Access) Exists(ctx context.Context, name string) error {
	if name == DefaultWorkspace {
		return nil
	}
	if !isWorkspaceName(name) {
		return host.ErrNotFound
	}
	w, err := a.exist.get(ctx, name, a.loadWorkspace)
	switch {
	case errors.Is(err, host.ErrNotFound), err == nil && !w.stored.Ending.IsZero():
		return host.ErrNotFound
	case err != nil:
		return storeError(err)
	}
	return nil
}

func (a *Access) loadWorkspace(ctx context.Context, name string) (*space, error) {
	w := new(space)
	var err error
	w.item, err = a.spaces.Get(ctx, "", "w-"+name, &w.stored)
	return w, err
}

// Enter returns the caller as it is in a workspace that a request names, and the
// workspace's name. Without a name it is the caller's own; an operator, who has
// none, must name one: the error then has the Field "workspace". A workspace that
// does not exist for the caller is [host.ErrNotFound], whatever the reason.
func (a *Access) Enter(ctx context.Context, c Caller, named string) (in Caller, workspace string, err error) {
	if named == "" {
		named = c.Workspace
	}
	if c.Actor == "" {
		return Caller{}, "", host.ErrNotFound
	}
	if named == "" {
		return Caller{}, "", wrong("workspace", "say which workspace you mean: yours is a key of the host itself")
	}
	if in, err = c.Enter(named); err != nil {
		return Caller{}, "", err
	}
	return in, named, a.Exists(ctx, named)
}

// Workspaces lists workspaces in the order of their names, after the one with
// the given name, at most limit (0: 100).
func (a *Access) Workspaces(ctx context.Context, after string, limit int) ([]Workspace, error) {
	if limit <= 0 {
		limit = 100
	}
	var all []Workspace
	cursor := ""
	if after != "" {
		cursor = "w-" + after
	}
	for len(all) < limit {
		items, err := a.spaces.List(ctx, host.Query{After: cursor, Limit: limit})
		if err != nil {
			return nil, err
		}
		for _, item := range items {
			var s storedWorkspace
			cursor = item.ID
			if err := a.spaces.Open(ctx, item, &s); err == nil && s.Ending.IsZero() {
				all = append(all, Workspace{Name: item.Name, Created: item.Created, By: s.By})
			}
		}
		if len(items) < limit {
			break
		}
	}
	return withDefault(all, after, limit), nil
}

// withDefault puts the default workspace, which no record is needed for, into its
// place in a page.
func withDefault(page []Workspace, after string, limit int) []Workspace {
	if after >= DefaultWorkspace {
		return page
	}
	at, found := slices.BinarySearchFunc(page, DefaultWorkspace, func(w Workspace, name string) int {
		switch {
		case w.Name < name:
			return -1
		case w.Name > name:
			return 1
		}
		return 0
	})
	if !found && (at < len(page) || len(page) < limit) {
		page = slices.Insert(page, at, Workspace{Name: DefaultWorkspace})
	}
	return page[:min(len(page), limit)]
}

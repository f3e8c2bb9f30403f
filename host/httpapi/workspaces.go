// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/credhost/credhost/host/access"
)

// A Workspace is what may be seen of one.
type Workspace struct {
	Name    string     `json:"name" example:"acme"`
	Created *time.Time `json:"created,omitempty" doc:"Absent: it has always been there."`
	By      string     `json:"by,omitempty" doc:"Who created it."`
}

// A WorkspaceContents says how much is in a workspace, or was when it was
// deleted.
type WorkspaceContents struct {
	Credentials  int `json:"credentials"`
	Applications int `json:"applications"`
	Keys         int `json:"keys"`
	Sessions     int `json:"sessions" doc:"Of people who may enter it."`
	Others       int `json:"others" doc:"Webhooks, events and the like."`
	Unrevoked    int `json:"unrevoked" doc:"Grants that the services may still take: their types cannot revoke, or the services could not be told."`
}

type (
	createWorkspace struct {
		Body struct {
			Name string `json:"name" minLength:"1" maxLength:"64" pattern:"^[a-zA-Z0-9][a-zA-Z0-9._-]*$" example:"acme"`
		}
	}
	contentsOut     struct{ Body WorkspaceContents }
	deleteWorkspace struct {
		OneWorkspace
		Confirm string `query:"confirm" maxLength:"64" doc:"The workspace's name again, if it is not empty: all that is in it goes with it."`
	}
)

// OneWorkspace is the part of a request that says which workspace is meant.
type OneWorkspace struct {
	Workspace string `path:"workspace" maxLength:"64" doc:"The workspace's name."`
}

type workspaceCreated struct {
	Location string `header:"Location" doc:"Where it is."`
	Body     Workspace
}

type workspaceList struct {
	Link string `header:"Link" doc:"The next page (RFC 8288), if there is one."`
	Body struct {
		Workspaces []Workspace `json:"workspaces"`
		Next       string      `json:"next,omitempty" doc:"The cursor of the next page; absent on the last one."`
	}
}

func (s *server) registerWorkspaces() {
	one := "/workspaces/{workspace}"
	register(s, operation{id: "createWorkspace", method: http.MethodPost, path: "/workspaces", tag: tagWorkspaces, action: access.SetWorkspaces,
		status: http.StatusCreated, summary: "Create a workspace"}, s.createWorkspace)
	register(s, operation{id: "listWorkspaces", method: http.MethodGet, path: "/workspaces", tag: tagWorkspaces, action: access.ReadWorkspaces,
		summary: "List workspaces", text: "In the order of their names. The workspace default is always there."}, s.listWorkspaces)
	register(s, operation{id: "getWorkspace", method: http.MethodGet, path: one, tag: tagWorkspaces, action: access.ReadWorkspaces,
		fails: []string{"not-found"}, summary: "Show what is in a workspace"},
		func(ctx context.Context, in *OneWorkspace) (*contentsOut, error) {
			c, err := s.access.Contents(ctx, in.Workspace)
			return &contentsOut{WorkspaceContents(c)}, err
		})
	register(s, operation{id: "deleteWorkspace", method: http.MethodDelete, path: one, tag: tagWorkspaces, action: access.SetWorkspaces,
		fails: []string{"not-found", "denied", "conflict"}, patience: 5 * time.Minute, summary: "Delete a workspace and all that is in it",
		text: "Its keys and sessions end first; grants are revoked where that can be done; then all is deleted for good. The audit trail stays. The answer says what is gone."},
		func(ctx context.Context, in *deleteWorkspace) (*contentsOut, error) {
			c, err := s.access.DeleteWorkspace(ctx, in.Workspace, in.Confirm)
			return &contentsOut{WorkspaceContents(c)}, err
		})
}

func workspaceView(w access.Workspace) Workspace {
	v := Workspace{Name: w.Name, By: string(w.By)}
	if !w.Created.IsZero() {
		v.Created = &w.Created
	}
	return v
}

func (s *server) createWorkspace(ctx context.Context, in *createWorkspace) (*workspaceCreated, error) {
	w, err := s.access.CreateWorkspace(ctx, in.Body.Name)
	if err != nil {
		return nil, err
	}
	return &workspaceCreated{"/v1/workspaces/" + w.Name, workspaceView(w)}, nil
}

func (s *server) listWorkspaces(ctx context.Context, in *Paging) (*workspaceList, error) {
	list := listOf("workspaces")
	after, err := parseCursor(in.Cursor, list)
	if err != nil {
		return nil, err
	}
	all, err := s.access.Workspaces(ctx, after, in.Limit+1)
	if err != nil {
		return nil, err
	}
	out := &workspaceList{}
	out.Body.Workspaces = []Workspace{}
	for i, w := range all {
		if i == in.Limit {
			out.Body.Next = cursor{list, all[i-1].Name}.String()
			break
		}
		out.Body.Workspaces = append(out.Body.Workspaces, workspaceView(w))
	}
	out.Link = nextLink(requestOf(ctx), out.Body.Next)
	return out, nil
}

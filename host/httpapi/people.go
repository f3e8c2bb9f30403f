// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/access"
)

// An Invitation says who may sign in with a link, and what that person may do.
type Invitation struct {
	Name   string   `json:"name" minLength:"1" maxLength:"200" pattern:"^[^\\x00-\\x1f\\x7f]+$" example:"anna@acme.example" doc:"Who it is for, as the audit trail has it after user:."`
	Scopes []string `json:"scopes" minItems:"1" maxItems:"5" enum:"read,write,use,admin,release" example:"[\"read\",\"write\",\"use\"]" doc:"What the person may do: at most what the caller may."`
}

// A Link signs a person in, once.
type Link struct {
	Secret  string    `json:"secret" doc:"What the page takes to sign in: once, and of nobody else."`
	URL     string    `json:"url,omitempty" format:"uri" doc:"The page's address with the secret after the #, which browsers send nowhere; absent if the host does not know its own address."`
	Expires time.Time `json:"expires"`
}

// A Session is what may be seen of one. Its ID lets nobody in.
type Session struct {
	ID      string    `json:"id"`
	Actor   string    `json:"actor" doc:"Who it is, as the audit trail has it."`
	Grants  []Grant   `json:"grants" doc:"Which workspaces the person may enter, and what for."`
	Address string    `json:"address,omitempty" doc:"From where the person signed in."`
	Created time.Time `json:"created"`
	Seen    time.Time `json:"seen" doc:"When it was last used, to some minutes."`
	Expires time.Time `json:"expires"`
}

// A Grant is what a person may do in a workspace.
type Grant struct {
	Workspace string   `json:"workspace,omitempty" doc:"Absent: the host itself."`
	Scopes    []string `json:"scopes"`
}

type (
	invite   struct{ Body Invitation }
	invited  struct{ Body Link }
	aSession struct{ OneSession }
)

// OneSession is the part of a request that says which session is meant.
type OneSession struct {
	Session string `path:"session" maxLength:"200" doc:"The session's ID."`
}

type sessionList struct {
	Link string `header:"Link" doc:"The next page (RFC 8288), if there is one."`
	Body struct {
		Sessions []Session `json:"sessions"`
		Next     string    `json:"next,omitempty" doc:"The cursor of the next page; absent on the last one."`
	}
}

func (s *server) registerPeople() {
	register(s, operation{id: "invitePerson", method: http.MethodPost, path: "/links", tag: tagPeople, action: access.InvitePeople, in: either,
		status: http.StatusCreated, summary: "Make a link with which a person signs in to the page",
		text: "It works once, within ten minutes. Give it to that person alone."}, s.invitePerson)
	register(s, operation{id: "listSessions", method: http.MethodGet, path: "/sessions", tag: tagPeople, action: access.ReadSessions, in: either,
		summary: "List who has signed in"}, s.listSessions)
	register(s, operation{id: "endSession", method: http.MethodDelete, path: "/sessions/{session}", tag: tagPeople, action: access.EndSessions,
		in: either, status: http.StatusNoContent, summary: "Sign a person out",
		text: "On every host that shares the store, within two seconds."},
		func(ctx context.Context, in *aSession) (*struct{}, error) {
			return nil, s.access.EndSession(ctx, workspaceOf(ctx), in.Session)
		})
}

// linkTime is how long a link works: see [access.Access.Link].
const linkTime = 10 * time.Minute

func (s *server) invitePerson(ctx context.Context, in *invite) (*invited, error) {
	c := access.Caller{Workspace: workspaceOf(ctx), Actor: host.Actor("user:" + in.Body.Name), Scopes: scopesFrom(in.Body.Scopes)}
	secret, err := s.access.Link(ctx, c)
	if err != nil {
		return nil, err
	}
	out := &invited{Link{Secret: secret, Expires: s.h.Now().Add(linkTime).UTC()}}
	if s.cfg.Page != "" {
		out.Body.URL = s.cfg.Page + "/signin#" + secret
	}
	return out, nil
}

func (s *server) listSessions(ctx context.Context, in *Paging) (*sessionList, error) {
	list := listOf("sessions", workspaceOf(ctx))
	after, err := parseCursor(in.Cursor, list)
	if err != nil {
		return nil, err
	}
	all, err := s.access.Sessions(ctx, workspaceOf(ctx), after, in.Limit+1)
	if err != nil {
		return nil, err
	}
	out := &sessionList{}
	out.Body.Sessions = []Session{}
	for i, v := range all {
		if i == in.Limit {
			out.Body.Next = cursor{list, all[i-1].ID}.String()
			break
		}
		one := Session{ID: v.ID, Actor: string(v.Actor), Address: v.Address, Created: v.Created, Seen: v.Seen, Expires: v.Expires, Grants: []Grant{}}
		for _, g := range v.Grants {
			one.Grants = append(one.Grants, Grant{g.Workspace, scopeNames(g.Scopes)})
		}
		out.Body.Sessions = append(out.Body.Sessions, one)
	}
	out.Link = nextLink(requestOf(ctx), out.Body.Next)
	return out, nil
}

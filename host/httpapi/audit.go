// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/host/audit"
)

// An Entry is what was done, in its place in the trail.
type Entry struct {
	Seq        uint64            `json:"seq" doc:"Its number in the trail of the whole host."`
	Time       time.Time         `json:"time"`
	Workspace  string            `json:"workspace,omitempty" doc:"Absent: of the host itself."`
	Actor      string            `json:"actor,omitempty" doc:"Who did it."`
	Address    string            `json:"address,omitempty" doc:"From where."`
	Key        string            `json:"key,omitempty" doc:"The ID of the key that was shown, or that the one that was shown was derived of."`
	Derived    string            `json:"derived,omitempty" doc:"The ID of the key that was derived of that, or of a person's session, and shown in its place: see deriveKey."`
	Request    string            `json:"request,omitempty" doc:"The ID of the request with which it was done."`
	Action     string            `json:"action" example:"test" doc:"What was done."`
	Credential string            `json:"credential,omitempty"`
	Type       string            `json:"type,omitempty" doc:"Of the credential."`
	Subject    string            `json:"subject,omitempty" doc:"What it was done to, if that is no credential."`
	Changed    map[string]string `json:"changed,omitempty" doc:"The names of the answers that were given or taken away; of secrets with a keyed hash."`
	Detail     map[string]string `json:"detail,omitempty" doc:"What else is worth knowing."`
	Count      uint64            `json:"count,omitempty" doc:"Of times, if several."`
	Outcome    string            `json:"outcome" example:"ok" doc:"ok, begun, a problem's code, not found, conflict or error."`
	Hash       string            `json:"hash" doc:"Of this entry and all before it, with the trail's key."`
}

type listAudit struct {
	Credential string    `query:"credential" maxLength:"200" doc:"Only of this credential."`
	Actor      string    `query:"actor" maxLength:"300" doc:"Only what this actor did."`
	Action     string    `query:"action" maxLength:"100" doc:"Only this action."`
	Since      time.Time `query:"since" doc:"Not before this time (RFC 3339)."`
	Until      time.Time `query:"until" doc:"Before this time (RFC 3339)."`
	Paging
}

type auditList struct {
	Link string `header:"Link" doc:"The next page (RFC 8288), if there is one."`
	Body struct {
		Entries []Entry `json:"entries" doc:"The newest first."`
		Next    string  `json:"next,omitempty" doc:"The cursor of the next page; absent on the last one."`
	}
}

func (s *server) registerAudit() {
	register(s, operation{id: "listAudit", method: http.MethodGet, path: "/audit", tag: tagAudit, action: access.ReadAudit, in: either,
		summary: "List what was done",
		text:    "The newest first. A workspace's entries are parts of the one trail of the host, which an operator sees whole with a key of the host and without a workspace. See verifyAudit for whether anybody has changed it."},
		s.listAudit)
	s.registerVerify()
}

func (s *server) listAudit(ctx context.Context, in *listAudit) (*auditList, error) {
	if s.cfg.Audit == nil {
		return nil, noTrail()
	}
	list := listOf("audit", workspaceOf(ctx), in.Credential, in.Actor, in.Action, in.Since.String(), in.Until.String())
	after, err := parseCursor(in.Cursor, list)
	if err != nil {
		return nil, err
	}
	before, err := strconv.ParseUint(after, 10, 64)
	if err != nil {
		before = 0 // from the newest
	}
	all, err := s.cfg.Audit.List(ctx, audit.Query{Workspace: workspaceOf(ctx), Credential: in.Credential, Actor: host.Actor(in.Actor), Action: in.Action,
		Since: in.Since, Until: in.Until, Before: before, Limit: in.Limit + 1})
	if err != nil {
		return nil, err
	}
	out := &auditList{}
	out.Body.Entries = []Entry{}
	for i, e := range all {
		if i == in.Limit {
			out.Body.Next = cursor{list, strconv.FormatUint(all[i-1].Seq, 10)}.String()
			break
		}
		out.Body.Entries = append(out.Body.Entries, entryView(e))
	}
	out.Link = nextLink(requestOf(ctx), out.Body.Next)
	return out, nil
}

func entryView(e audit.Entry) Entry {
	return Entry{Seq: e.Seq, Time: e.Time, Workspace: e.Workspace, Actor: string(e.Actor), Address: e.Address, Key: e.Key, Derived: e.Derived, Request: e.Request,
		Action: e.Action, Credential: e.Credential, Type: e.Type, Subject: e.Subject, Changed: e.Changed, Detail: e.Detail, Count: e.Count,
		Outcome: e.Outcome, Hash: e.Hash}
}

// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/credhost/credhost/host/access"
)

// Limits narrow what a key may do with its scopes. A list that is absent limits
// nothing.
type Limits struct {
	Credentials []string `json:"credentials,omitempty" maxItems:"1000" doc:"The IDs of those that exist for the key."`
	Methods     []string `json:"methods,omitempty" maxItems:"50" doc:"Those of requests that it may send with a credential, in capital letters."`
	URLs        []string `json:"urls,omitempty" maxItems:"1000" doc:"Where it may send them: https://api.example/v1/* is all that begins so, /v1/* such paths at any of the credential's origins, and without the star that path alone."`
}

// A Key is what may be seen of one.
type Key struct {
	ID        string     `json:"id"`
	Workspace string     `json:"workspace,omitempty" doc:"Absent: it is a key of the host itself."`
	Name      string     `json:"name,omitempty" doc:"What people call it."`
	Scopes    []string   `json:"scopes"`
	Limits    *Limits    `json:"limits,omitempty"`
	Created   time.Time  `json:"created"`
	Expires   *time.Time `json:"expires,omitempty" doc:"Absent: never."`
	Used      *time.Time `json:"used,omitempty" doc:"When it was last shown, to the hour."`
	By        string     `json:"by,omitempty" doc:"Who made it."`
	Reason    string     `json:"reason,omitempty" doc:"Why there is no more to see."`
}

// A NewKey says what key to make.
type NewKey struct {
	Name    string     `json:"name,omitempty" maxLength:"200" example:"ci" doc:"What people call it, in one line."`
	Scopes  []string   `json:"scopes" minItems:"1" maxItems:"5" enum:"read,write,use,admin,release" example:"[\"read\",\"use\"]" doc:"What it may do: at most what the caller may."`
	Limits  *Limits    `json:"limits,omitempty"`
	Expires *time.Time `json:"expires,omitempty" doc:"When it ends, at the latest when the caller's own key does. Absent: never."`
}

// A CreatedKey is a new key, with what is shown once.
type CreatedKey struct {
	Key
	Token string `json:"token,omitempty" doc:"What to show as Authorization: Bearer. Nobody can read it again; a request that is sent again with its Idempotency-Key is answered without it."`
}

// A NarrowedKey says what the caller's own key is to be narrowed to.
type NarrowedKey struct {
	Scopes  []string `json:"scopes,omitempty" maxItems:"4" enum:"read,write,use,release" doc:"Absent: all of the caller's own, but for admin."`
	Limits  *Limits  `json:"limits,omitempty" doc:"Besides those of the caller's own."`
	Seconds int      `json:"seconds" minimum:"1" maximum:"43200" example:"300" doc:"How long it lives."`
}

// A DerivedKey may do less than the one that it is of, for a while.
type DerivedKey struct {
	Token   string    `json:"token" doc:"What to show as Authorization: Bearer. It is not stored anywhere."`
	Expires time.Time `json:"expires"`
}

// A Self is who asks, and what it may do.
type Self struct {
	Actor     string     `json:"actor" example:"key:k-4cavwdp2hzlfx5tqk7mn3ryb6e" doc:"As the audit trail has it."`
	Key       string     `json:"key,omitempty" doc:"The ID of the key that was shown, or that the one that was shown is derived of; absent: a person."`
	Derived   string     `json:"derived,omitempty" doc:"The ID of the derived key that was shown."`
	Workspace string     `json:"workspace,omitempty" doc:"Absent: it is of the host itself, and may name any."`
	Operator  bool       `json:"operator" doc:"It is of the host itself."`
	Scopes    []string   `json:"scopes"`
	Limits    []Limits   `json:"limits,omitempty" doc:"Each of them holds."`
	Expires   *time.Time `json:"expires,omitempty" doc:"Absent: never."`
}

type aKey struct {
	Key string `path:"key" maxLength:"200" doc:"The key's ID."`
}

type createKey struct {
	Once string `header:"Idempotency-Key" maxLength:"210" doc:"A key of your choice: the same request with the same key is done once, for 24 hours. Its answer is repeated without the token."`
	Body NewKey
}

type keyCreated struct {
	Location string `header:"Location" doc:"Where it is."`
	Body     CreatedKey
}

type (
	keyOut     struct{ Body Key }
	selfOut    struct{ Body Self }
	deriveKey  struct{ Body NarrowedKey }
	keyDerived struct{ Body DerivedKey }
)

type keyList struct {
	Link string `header:"Link" doc:"The next page (RFC 8288), if there is one."`
	Body struct {
		Keys []Key  `json:"keys"`
		Next string `json:"next,omitempty" doc:"The cursor of the next page; absent on the last one."`
	}
}

func (s *server) registerKeys() {
	register(s, operation{id: "createKey", method: http.MethodPost, path: "/keys", tag: tagKeys, action: access.CreateKey, in: either,
		status: http.StatusCreated, once: true, secret: "token", summary: "Make a key",
		text: "It may do no more than the caller. With a key of the host and without a workspace it is one of the host itself."}, s.createKey)
	register(s, operation{id: "listKeys", method: http.MethodGet, path: "/keys", tag: tagKeys, action: access.ReadKeys, in: either,
		summary: "List keys"}, s.listKeys)
	register(s, operation{id: "getOwnKey", method: http.MethodGet, path: "/keys/current", tag: tagKeys, action: access.SeeSelf,
		summary: "Who am I, and what may I do?"}, s.getOwnKey)
	register(s, operation{id: "deriveKey", method: http.MethodPost, path: "/keys/derive", tag: tagKeys, action: access.DeriveKey,
		status: http.StatusCreated, summary: "Narrow one's own key",
		text: "For a step of a workflow, say: only GET https://api.example/v1/*, for five minutes. It costs no place in the store, and ends with the key that it is of."},
		s.deriveKey)
	register(s, operation{id: "getKey", method: http.MethodGet, path: "/keys/{key}", tag: tagKeys, action: access.ReadKeys, in: either,
		summary: "Show a key"}, s.getKey)
	register(s, operation{id: "deleteKey", method: http.MethodDelete, path: "/keys/{key}", tag: tagKeys, action: access.DeleteKey, in: either,
		status: http.StatusNoContent, summary: "End a key, and all that were derived of it",
		text: "On every host that shares the store, within two seconds."},
		func(ctx context.Context, in *aKey) (*struct{}, error) {
			return nil, s.access.DeleteKey(ctx, workspaceOf(ctx), in.Key)
		})
}

func (s *server) createKey(ctx context.Context, in *createKey) (*keyCreated, error) {
	n := access.NewKey{Workspace: workspaceOf(ctx), Name: in.Body.Name, Scopes: scopesFrom(in.Body.Scopes), Limits: in.Body.Limits.access()}
	if in.Body.Expires != nil {
		n.Expires = *in.Body.Expires
	}
	k, token, err := s.access.CreateKey(ctx, n)
	if err != nil {
		return nil, err
	}
	return &keyCreated{"/v1/keys/" + url.PathEscape(k.ID), CreatedKey{keyView(k), token}}, nil
}

func scopesFrom(names []string) []access.Scope {
	var all []access.Scope
	for _, name := range names {
		all = append(all, access.Scope(name))
	}
	return all
}

func scopeNames(scopes []access.Scope) []string {
	all := []string{}
	for _, s := range scopes {
		all = append(all, string(s))
	}
	return all
}

func (l *Limits) access() access.Limits {
	if l == nil {
		return access.Limits{}
	}
	return access.Limits{Credentials: l.Credentials, Methods: l.Methods, URLs: l.URLs}
}

// limitsView is nil if nothing is limited.
func limitsView(l access.Limits) *Limits {
	if len(l.Credentials)+len(l.Methods)+len(l.URLs) == 0 {
		return nil
	}
	return &Limits{l.Credentials, l.Methods, l.URLs}
}

func keyView(k access.Key) Key {
	return Key{ID: k.ID, Workspace: k.Workspace, Name: k.Name, Scopes: scopeNames(k.Scopes), Limits: limitsView(k.Limits),
		Created: k.Created, Expires: k.Expires, Used: k.Used, By: string(k.By), Reason: k.Reason}
}

func (s *server) listKeys(ctx context.Context, in *Paging) (*keyList, error) {
	list := listOf("keys", workspaceOf(ctx))
	after, err := parseCursor(in.Cursor, list)
	if err != nil {
		return nil, err
	}
	all, err := s.access.Keys(ctx, workspaceOf(ctx), after, in.Limit+1)
	if err != nil {
		return nil, err
	}
	out := &keyList{}
	out.Body.Keys = []Key{}
	for i, k := range all {
		if i == in.Limit {
			out.Body.Next = cursor{list, all[i-1].ID}.String()
			break
		}
		out.Body.Keys = append(out.Body.Keys, keyView(k))
	}
	out.Link = nextLink(requestOf(ctx), out.Body.Next)
	return out, nil
}

func (s *server) getKey(ctx context.Context, in *aKey) (*keyOut, error) {
	k, err := s.access.Key(ctx, workspaceOf(ctx), in.Key)
	if err != nil {
		return nil, err
	}
	return &keyOut{keyView(k)}, nil
}

func (s *server) getOwnKey(ctx context.Context, _ *struct{}) (*selfOut, error) {
	c := access.From(ctx)
	me := Self{Actor: string(c.Actor), Key: c.Key, Derived: c.Derived, Workspace: c.Workspace, Operator: c.Operator(), Scopes: scopeNames(c.Scopes)}
	for _, l := range c.Limits {
		if v := limitsView(l); v != nil {
			me.Limits = append(me.Limits, *v)
		}
	}
	if !c.Expires.IsZero() {
		me.Expires = &c.Expires
	}
	return &selfOut{me}, nil
}

func (s *server) deriveKey(ctx context.Context, in *deriveKey) (*keyDerived, error) {
	token, expires, err := s.access.Derive(ctx, access.From(ctx), scopesFrom(in.Body.Scopes), in.Body.Limits.access(), time.Duration(in.Body.Seconds)*time.Second)
	if err != nil {
		return nil, err
	}
	return &keyDerived{DerivedKey{token, expires}}, nil
}

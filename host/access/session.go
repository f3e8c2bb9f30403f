// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/sdk"
)

// The kinds of records that links to sign in with and sessions are kept as.
const (
	KindLink    host.Kind = "sign-in link"
	KindSession host.Kind = "session"
)

// linkLife is how long a link may be used.
const linkLife = 10 * time.Minute

// A Grant is what a person may do in a workspace.
type Grant struct {
	Workspace string   `json:"workspace"` // empty: the host itself
	Scopes    []Scope  `json:"scopes"`
	Limits    []Limits `json:"limits,omitempty"` // each holds
}

// storedLink is what is kept of a link: all but its secret, of which its ID is a
// hash.
type storedLink struct {
	Actor   host.Actor `json:"actor"`
	Grant   Grant      `json:"grant"`
	Until   time.Time  `json:"until,omitzero"` // when what it gives ends
	Expires time.Time  `json:"expires"`
	By      host.Actor `json:"by,omitempty"`
}

// Link returns a secret with which a person can sign in as c, once over all
// hosts, within ten minutes: what a link in a terminal carries. It is made as the
// caller of ctx, see [With], who gives no more than it has.
func (a *Access) Link(ctx context.Context, c Caller) (secret string, err error) {
	c.Limits = slices.Clone(c.Limits) // they are the caller's own, often
	if c.Scopes, err = a.mayInvite(ctx, c); err != nil {
		return "", err
	}
	secret = newSecret()
	id := hashID("l", secret)
	s := storedLink{Actor: c.Actor, Grant: Grant{c.Workspace, c.Scopes, c.Limits}, Until: earlier(c.Expires, From(ctx).ends()),
		Expires: a.h.Now().Add(linkLife).UTC(), By: From(ctx).Actor}
	_, err = a.make(ctx, a.links, host.Item{ID: id, Type: typeOf(c.Workspace)}, s, host.Event{Workspace: c.Workspace, Action: "invite",
		Subject: id, Detail: map[string]string{"for": string(c.Actor), "scopes": scopeList(c.Scopes)}})
	if err != nil {
		return "", err
	}
	return token(linkPrefix, secret), nil
}

// earlier returns the earlier of two ends, of which the zero time is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// mayInvite returns the scopes of c, if the caller of ctx may let c in, and makes
// c's limits canonical.
func (a *Access) mayInvite(ctx context.Context, c Caller) ([]Scope, error) {
	maker := From(ctx)
	if err := maker.May(InvitePeople); err != nil {
		return nil, err
	}
	if err := checkPerson(maker, c.Actor); err != nil {
		return nil, err
	}
	if err := a.gives(ctx, maker, c.Workspace); err != nil {
		return nil, err
	}
	for i, l := range c.Limits {
		var err error
		if c.Limits[i], err = l.canonical(); err != nil {
			return nil, err
		}
	}
	for _, outer := range maker.Limits {
		if !slices.ContainsFunc(c.Limits, func(l Limits) bool { return l.within(outer) == nil }) {
			return nil, sdk.Errorf(sdk.Forbidden, "your own key is limited, and nobody gives more than they have: limit who signs in, too")
		}
	}
	return maker.lends(c.Scopes)
}

// checkPerson returns nil if somebody can be let in by this name. Those with a
// slash are of people whom a provider vouches for, and those without user: of
// programs, and of whoever runs the host: nobody is to be taken for them.
func checkPerson(maker Caller, actor host.Actor) error {
	name, person := strings.CutPrefix(string(actor), "user:")
	if !person && maker.Operator() && !strings.HasPrefix(name, "key:") {
		person = true
	}
	if !person || name == "" || strings.ContainsRune(name, '/') || checkName(name) != nil {
		return wrong("name", "say who signs in, by a name in one line, without a slash")
	}
	return nil
}

// SignIn ends a link's secret, and returns a session's. The error has the code
// [sdk.Denied] if it is none, has been used or is too old.
func (a *Access) SignIn(ctx context.Context, link string) (session string, c Caller, err error) {
	secret, err := body(link, linkPrefix, secretLength)
	if err != nil {
		return "", Caller{}, a.failed(ctx, errMistyped)
	}
	id := hashID("l", secret)
	if err := a.blocked(ctx); err != nil && !a.onRoll(id) {
		return "", Caller{}, err
	}
	var s storedLink
	if _, err = a.links.Get(ctx, "", id, &s); err == nil {
		err = a.links.Delete(ctx, "", id) // exactly one succeeds
	}
	if errors.Is(err, host.ErrNotFound) || err == nil && over(s.Expires, a.h.Now()) {
		return "", Caller{}, a.failed(ctx, errLink)
	}
	if err != nil {
		return "", Caller{}, unavailable(err)
	}
	return a.begin(ctx, s.Actor, []Grant{s.Grant}, s.Until)
}

var errLink = sdk.Errorf(sdk.Denied, "this link has been used, or is older than ten minutes: ask for another")

// storedSession is what is kept of a session: all but its secret, of which its ID
// is a hash.
type storedSession struct {
	Actor   host.Actor `json:"actor"`
	Grants  []Grant    `json:"grants"`
	Until   time.Time  `json:"until,omitzero"` // when what was given ends
	Seen    time.Time  `json:"seen"`
	Expires time.Time  `json:"expires"`
	Address string     `json:"address,omitempty"` // from where the person signed in
}

// session is a session in memory.
type session struct {
	caller Caller
	item   host.Item
	stored storedSession
	seen   atomic.Int64 // Unix seconds
	noted  atomic.Int64 // what the record has of that
}

// Begin starts a session of a person who has signed in otherwise, and returns
// its secret: 256 bits, for a cookie, of which a hash is kept.
func (a *Access) Begin(ctx context.Context, c Caller) (text string, err error) {
	text, _, err = a.begin(ctx, c.Actor, []Grant{{c.Workspace, c.Scopes, c.Limits}}, c.ends())
	return text, err
}

// BeginIn is Begin for a person who may enter several workspaces. The session
// begins in the first.
func (a *Access) BeginIn(ctx context.Context, actor host.Actor, grants []Grant) (text string, c Caller, err error) {
	return a.begin(ctx, actor, grants, time.Time{})
}

func (a *Access) begin(ctx context.Context, actor host.Actor, grants []Grant, until time.Time) (text string, c Caller, err error) {
	if actor == "" || len(grants) == 0 {
		return "", Caller{}, errors.New("access: a session is somebody's, somewhere")
	}
	for _, g := range grants {
		if g.Workspace != "" {
			if err := a.Exists(ctx, g.Workspace); err != nil {
				return "", Caller{}, err
			}
		}
	}
	now := a.h.Now().UTC()
	s := storedSession{Actor: actor, Grants: grants, Until: until, Seen: now, Expires: now.Add(a.settings.Load().life), Address: host.SourceOf(ctx).Address}
	s.Expires = earlier(s.Expires, until)
	secret := newSecret()
	id := hashID("s", secret)
	ctx = host.WithActor(ctx, actor)
	item, err := a.make(ctx, a.sessions, host.Item{ID: id}, s, host.Event{Workspace: grants[0].Workspace, Action: "sign in", Subject: id})
	if err != nil {
		return "", Caller{}, err
	}
	return token(sessionPrefix, secret), a.sessionOf(item, s).caller, nil
}

func (a *Access) sessionOf(item host.Item, s storedSession) *session {
	c := Caller{Actor: s.Actor, Session: item.ID, Expires: s.Expires, until: s.Until, grants: s.Grants}
	c.enter(s.Grants[0])
	c.budget = a.budgetOf(item.ID, c.Workspace)
	m := &session{caller: c, item: item, stored: s}
	m.seen.Store(s.Seen.Unix())
	m.noted.Store(s.Seen.Unix())
	return m
}

func (c *Caller) enter(g Grant) { c.Workspace, c.Scopes, c.Limits = g.Workspace, g.Scopes, g.Limits }

// Workspaces returns the names of those that the caller may enter: of an
// operator, "" alone, which stands for any.
func (c Caller) Workspaces() []string {
	if len(c.grants) < 2 {
		return []string{c.Workspace}
	}
	var all []string
	for _, g := range c.grants {
		all = append(all, g.Workspace)
	}
	return all
}

// Enter returns the caller as it is in a workspace: itself, in its own; a person
// who may enter several, in any of those. Of an operator it is the operator,
// whatever the workspace: [Access.Enter] says whether that exists. The error is
// [host.ErrNotFound].
func (c Caller) Enter(workspace string) (Caller, error) {
	if c.Workspace == workspace || c.Operator() {
		return c, nil
	}
	for _, g := range c.grants {
		if g.Workspace == workspace {
			c.enter(g)
			return c, nil
		}
	}
	return Caller{}, host.ErrNotFound
}

// Session returns who has signed in. The error has the code [sdk.Denied] if the
// secret is no session's, or if it has ended; to ask makes it last for as long
// as it may be idle.
func (a *Access) Session(ctx context.Context, text string) (Caller, error) {
	secret, err := body(text, sessionPrefix, secretLength)
	if err != nil {
		return Caller{}, a.failed(ctx, errMistyped)
	}
	id := hashID("s", secret)
	if a.signedIn.cached(id) == nil {
		if err := a.blocked(ctx); err != nil && !a.onRoll(id) {
			return Caller{}, err
		}
	}
	s, err := a.session(ctx, id)
	if err != nil {
		return Caller{}, a.failed(ctx, err)
	}
	s.seen.Store(a.h.Now().Unix())
	return s.caller, nil
}

// session returns a session that has not ended.
func (a *Access) session(ctx context.Context, id string) (*session, error) {
	s, err := a.signedIn.get(ctx, id, a.loadSession)
	if err != nil {
		return nil, unavailable(err)
	}
	if a.idle(s) || over(s.stored.Expires, a.h.Now()) {
		return nil, errEnded
	}
	return s, nil
}

func (a *Access) idle(s *session) bool {
	return a.h.Now().Unix()-s.seen.Load() >= int64(a.settings.Load().idle/time.Second)
}

func (a *Access) loadSession(ctx context.Context, id string) (*session, error) {
	var s storedSession
	item, err := a.sessions.Get(ctx, "", id, &s)
	if err == nil && len(s.Grants) == 0 {
		err = host.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return a.sessionOf(item, s), nil
}

// SignOut ends a session, on this host at once, on every host within two
// seconds. One that has ended already is no error.
func (a *Access) SignOut(ctx context.Context, text string) error {
	secret, err := body(text, sessionPrefix, secretLength)
	if err != nil {
		return nil
	}
	id := hashID("s", secret)
	s, err := a.session(ctx, id)
	if err != nil {
		return orGone(a.endSession(ctx, id))
	}
	err = a.endSession(ctx, id)
	a.report(With(ctx, s.caller), host.Event{Workspace: s.caller.Workspace, Action: "sign out", Subject: id}, err)
	return err
}

func (a *Access) endSession(ctx context.Context, id string) error {
	err := a.sessions.Delete(ctx, "", id)
	a.changed("", id)
	if errors.Is(err, host.ErrNotFound) {
		return nil
	}
	return err
}

// A SessionView is what may be seen of a session. Its ID lets nobody in.
type SessionView struct {
	ID      string     `json:"id"`
	Actor   host.Actor `json:"actor"`
	Grants  []Grant    `json:"grants"`
	Address string     `json:"address,omitempty"` // from where the person signed in
	Created time.Time  `json:"created"`
	Seen    time.Time  `json:"seen"` // when it was last used, to some minutes
	Expires time.Time  `json:"expires"`
}

// Sessions lists the sessions of people who may enter a workspace (empty: the
// host itself) in the order of their IDs, after the one with the given ID, at
// most limit (0: 100).
func (a *Access) Sessions(ctx context.Context, workspace, after string, limit int) ([]SessionView, error) {
	if limit <= 0 {
		limit = 100
	}
	var all []SessionView
	err := a.eachSession(ctx, workspace, func(item host.Item, s storedSession) error {
		if item.ID > after && !over(s.Expires, a.h.Now()) && !over(s.Seen.Add(a.settings.Load().idle), a.h.Now()) {
			all = append(all, SessionView{item.ID, s.Actor, s.Grants, s.Address, item.Created, s.Seen, s.Expires})
		}
		if len(all) == limit {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return all, err
}

var errEnough = errors.New("access: enough")

// EndSession ends a session of somebody who may enter a workspace (empty: the
// host itself), in all that they may enter. The error is [host.ErrNotFound] if
// there is no such session.
func (a *Access) EndSession(ctx context.Context, workspace, id string) error {
	var s storedSession
	_, err := a.sessions.Get(ctx, "", id, &s)
	if err == nil && !slices.ContainsFunc(s.Grants, func(g Grant) bool { return g.Workspace == workspace }) {
		err = host.ErrNotFound
	}
	if err == nil {
		err = a.endSession(ctx, id)
	}
	a.report(ctx, host.Event{Workspace: workspace, Action: "end session", Subject: id}, err)
	return err
}

// SignOutEverywhere ends all sessions of a person in the workspaces that the
// caller may enter, and returns how many: on every host within two seconds. One of
// the same name in another workspace may be somebody else.
func (a *Access) SignOutEverywhere(ctx context.Context, c Caller) (n int, err error) {
	after := ""
	for {
		items, err := a.sessions.List(ctx, host.Query{After: after})
		if err != nil || len(items) == 0 {
			return n, err
		}
		for _, item := range items {
			after = item.ID
			var s storedSession
			shared := func(g Grant) bool { return slices.Contains(c.Workspaces(), g.Workspace) }
			if a.sessions.Open(ctx, item, &s) != nil || s.Actor != c.Actor || !slices.ContainsFunc(s.Grants, shared) {
				continue
			}
			err := a.endSession(ctx, item.ID)
			a.report(ctx, host.Event{Workspace: s.Grants[0].Workspace, Action: "sign out", Subject: item.ID}, err)
			if err != nil {
				return n, err
			}
			n++
		}
	}
}

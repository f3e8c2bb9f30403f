// SPDX-License-Identifier: Apache-2.0

package access

import (
	"slices"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/sdk"
)

// An Action is a thing that a caller may do or not: what a route of the API
// does, or a button of the page. [Caller.May] decides.
type Action string

// The actions.
const (
	SeeSelf   Action = "self.read"   // who the caller is and what it may do
	DeriveKey Action = "keys.derive" // make a key that may do less, for a while

	ReadTypes   Action = "types.read"
	ReadPlugins Action = "plugins.read"
	SetPlugins  Action = "plugins.trust" // trust, distrust and restart programs

	ReadCredentials   Action = "credentials.read"
	CreateCredential  Action = "credentials.create"
	UpdateCredential  Action = "credentials.update"
	DeleteCredential  Action = "credentials.delete"
	ConnectCredential Action = "credentials.connect"
	RevokeCredential  Action = "credentials.revoke" // and forget what could not be revoked
	SuggestAnswers    Action = "credentials.suggest"
	TestCredential    Action = "credentials.test"
	UseCredential     Action = "credentials.use"          // send a request with one
	SignRequest       Action = "credentials.authenticate" // be given the headers for one
	ReleaseCredential Action = "credentials.release"      // be given the answers in the clear

	ReadApplications    Action = "applications.read"
	SetApplications     Action = "applications.write"
	SetHostApplications Action = "applications.write.host" // those that every workspace may refer to

	ReadEvents  Action = "events.read"
	SetWebhooks Action = "webhooks.write"
	ReadAudit   Action = "audit.read"
	VerifyAudit Action = "audit.verify" // whether anybody has changed it

	ReadKeys     Action = "keys.read"
	CreateKey    Action = "keys.create"
	DeleteKey    Action = "keys.delete"
	RotateSigner Action = "keys.rotate"   // have derived keys signed anew
	InvitePeople Action = "people.invite" // make a link to sign in with
	ReadSessions Action = "sessions.read"
	EndSessions  Action = "sessions.end" // those of others; one's own end with SignOut

	ReadWorkspaces Action = "workspaces.read"
	SetWorkspaces  Action = "workspaces.write" // create and delete them
)

// A Demand is what an action demands of a caller.
type Demand struct {
	// Scopes are those of which a caller needs one; nil: to be anybody.
	Scopes []Scope

	// Operator says that only callers of the host itself may.
	Operator bool

	// Whole says that it concerns all of a workspace: callers that are limited
	// to some credentials may not.
	Whole bool

	// Open says that what is handed out goes where no limit reaches: callers
	// that are limited to methods or URLs may not.
	Open bool
}

// Rules are all actions, and who may do them. They must not be changed.
var Rules = map[Action]Demand{
	SeeSelf:   {},
	DeriveKey: {Scopes: Scopes},

	ReadTypes:   {Scopes: []Scope{Read, Write, Use, Admin}},
	ReadPlugins: {Scopes: []Scope{Read, Admin}},
	SetPlugins:  {Scopes: []Scope{Admin}, Operator: true, Whole: true},

	ReadCredentials:   {Scopes: []Scope{Read}},
	CreateCredential:  {Scopes: []Scope{Write}, Whole: true},
	UpdateCredential:  {Scopes: []Scope{Write}},
	DeleteCredential:  {Scopes: []Scope{Write}},
	ConnectCredential: {Scopes: []Scope{Write}},
	RevokeCredential:  {Scopes: []Scope{Write}},
	SuggestAnswers:    {Scopes: []Scope{Write}},
	TestCredential:    {Scopes: []Scope{Use, Write}},
	UseCredential:     {Scopes: []Scope{Use}},
	SignRequest:       {Scopes: []Scope{Release}, Open: true},
	ReleaseCredential: {Scopes: []Scope{Release}, Open: true},

	ReadApplications:    {Scopes: []Scope{Read, Admin}},
	SetApplications:     {Scopes: []Scope{Admin}, Whole: true},
	SetHostApplications: {Scopes: []Scope{Admin}, Operator: true, Whole: true},

	ReadEvents:  {Scopes: []Scope{Read}},
	SetWebhooks: {Scopes: []Scope{Admin}, Whole: true},
	ReadAudit:   {Scopes: []Scope{Admin}, Whole: true},
	VerifyAudit: {Scopes: []Scope{Admin}, Whole: true},

	ReadKeys:     {Scopes: []Scope{Admin}, Whole: true},
	CreateKey:    {Scopes: []Scope{Admin}},
	DeleteKey:    {Scopes: []Scope{Admin}, Whole: true},
	RotateSigner: {Scopes: []Scope{Admin}, Operator: true, Whole: true},
	InvitePeople: {Scopes: []Scope{Admin}},
	ReadSessions: {Scopes: []Scope{Admin}, Whole: true},
	EndSessions:  {Scopes: []Scope{Admin}, Whole: true},

	ReadWorkspaces: {Scopes: []Scope{Admin}, Operator: true},
	SetWorkspaces:  {Scopes: []Scope{Admin}, Operator: true, Whole: true},
}

// May returns nil if the caller may do something, as far as its scopes and the
// kind of its limits go; [Caller.Sees] and [Caller.Permits] say to what. The
// error has the code [sdk.Forbidden] and says what is lacking. What has no rule
// nobody may do.
func (c Caller) May(a Action) error {
	r, ok := Rules[a]
	switch {
	case !ok:
		return sdk.Errorf(sdk.Forbidden, "nobody may do that")
	case c.Actor == "":
		return sdk.Errorf(sdk.Forbidden, "nobody is known to ask: show a key (in a program: access.With puts a Caller on the context)")
	case r.Operator && !c.Operator():
		return sdk.Errorf(sdk.Forbidden, "only who runs this host may do that: it takes a key of the host itself")
	case r.Whole && c.limited(func(l Limits) bool { return len(l.Credentials) > 0 }):
		return sdk.Errorf(sdk.Forbidden, "this key is limited to some credentials, and that concerns others: use one that is not")
	case r.Open && c.limited(func(l Limits) bool { return len(l.Methods)+len(l.URLs) > 0 }):
		return sdk.Errorf(sdk.Forbidden, "this key is limited to some requests, and a credential that is handed out is not: use one that is not")
	case r.Scopes == nil:
		return nil
	}
	return c.Needs(r.Scopes...)
}

// limited reports whether any of the caller's limits is such.
func (c Caller) limited(such func(Limits) bool) bool { return slices.ContainsFunc(c.Limits, such) }

// MayWith is [Caller.May] for an action on one credential. One that the caller
// does not see does not exist: the error is [host.ErrNotFound], whatever else it
// lacks.
func (c Caller) MayWith(a Action, credential string) error {
	if !c.Sees(credential) {
		return host.ErrNotFound
	}
	return c.May(a)
}

// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/http"
	"slices"
	"strings"

	"github.com/credhost/credhost/host/access"
)

// A route is one page, or what a button of one does.
type route struct {
	pattern string // as of [http.ServeMux]

	// Action is what the caller must be allowed to do; empty: it is enough to
	// have signed in. Open routes are for everybody.
	action access.Action
	open   bool

	// Form says that what is posted is a form with answers, which may be shown
	// again with them: that changes nothing, so that it needs no token.
	form bool

	do func(*visit) error
}

// within begins the paths of what belongs to a workspace.
const within = "/w/{workspace}/"

// mount makes the routes known. This is all that there is.
func (h *Handler) mount() {
	h.mux = http.NewServeMux()
	h.routes = slices.Concat(ofTheHost(), ofCredentials(), ofWorkspaces())
	for _, one := range h.routes {
		h.mux.HandleFunc(one.pattern, func(w http.ResponseWriter, r *http.Request) { h.serve(w, r, one) })
	}
	h.mux.HandleFunc("GET /assets/{file}", h.asset)
	h.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { h.serve(w, r, lost) })
}

// ofTheHost are the routes that belong to no workspace: to come in, and what is
// for the host's own people.
func ofTheHost() []*route {
	return []*route{
		{pattern: "GET /{$}", do: (*visit).home},
		{pattern: "GET /signin", open: true, do: (*visit).signInPage},
		{pattern: "POST /signin", open: true, do: (*visit).signIn},
		{pattern: "POST /signin/with/{provider}", open: true, do: (*visit).signInWith},
		{pattern: "GET /signin/callback/{provider}", open: true, do: (*visit).signInCallback},
		{pattern: "POST /signout", open: true, do: (*visit).signOut},
		{pattern: "POST /settings", open: true, do: (*visit).settings},
		{pattern: "POST /signout/everywhere", do: (*visit).signOutAll},
		{pattern: "GET /about", do: (*visit).about},
		{pattern: "GET /icons/{type}", do: (*visit).icon},
		{pattern: "GET /workspaces", action: access.ReadWorkspaces, do: (*visit).spaces},
		{pattern: "POST /workspaces", action: access.SetWorkspaces, do: (*visit).createSpace},
		{pattern: "GET /workspaces/{name}/delete", action: access.SetWorkspaces, do: (*visit).askDeleteSpace},
		{pattern: "POST /workspaces/{name}/delete", action: access.SetWorkspaces, do: (*visit).deleteSpace},
		{pattern: "GET /plugins", action: access.SetPlugins, do: (*visit).plugins},
		{pattern: "GET /plugins/{name}", action: access.SetPlugins, do: (*visit).plugin},
		{pattern: "POST /plugins/{name}/trust", action: access.SetPlugins, do: (*visit).trust},
		{pattern: "GET /plugins/{name}/distrust", action: access.SetPlugins, do: (*visit).askDistrust},
		{pattern: "POST /plugins/{name}/distrust", action: access.SetPlugins, do: (*visit).distrust},
		{pattern: "POST /plugins/{name}/reset", action: access.SetPlugins, do: (*visit).resetPlugin},
		{pattern: "GET /applications", action: access.SetHostApplications, do: (*visit).applications},
		{pattern: "GET /new-application/{type}", action: access.SetHostApplications, do: (*visit).freshApplication},
		{pattern: "POST /new-application/{type}", form: true, action: access.SetHostApplications, do: (*visit).createApplication},
		{pattern: "GET /applications/{id}", action: access.SetHostApplications, do: (*visit).application},
		{pattern: "POST /applications/{id}", form: true, action: access.SetHostApplications, do: (*visit).saveApplication},
		{pattern: "GET /applications/{id}/delete", action: access.SetHostApplications, do: (*visit).askDeleteApplication},
		{pattern: "POST /applications/{id}/delete", action: access.SetHostApplications, do: (*visit).deleteApplication},
		{pattern: "GET /connect/start/{workspace}/{visit}/{secret}", open: true, do: (*visit).start},
		{pattern: "GET /connect/callback/{workspace}/{type}", open: true, do: (*visit).callback},
		{pattern: "GET /connect/device/{flow}", action: access.ConnectCredential, do: (*visit).device},
	}
}

// ofCredentials are the routes of credentials, and of the types that they are of.
func ofCredentials() []*route {
	return []*route{
		{pattern: "GET " + within + "credentials", action: access.ReadCredentials, do: (*visit).credentials},
		{pattern: "GET " + within + "credentials/{id}", action: access.ReadCredentials, do: (*visit).credential},
		{pattern: "GET " + within + "credentials/{id}/edit", action: access.UpdateCredential, do: (*visit).edit},
		{pattern: "POST " + within + "credentials/{id}/edit", form: true, action: access.UpdateCredential, do: (*visit).save},
		{pattern: "POST " + within + "credentials/{id}/suggest", action: access.SuggestAnswers, do: (*visit).suggest},
		{pattern: "POST " + within + "credentials/{id}/test", action: access.TestCredential, do: (*visit).test},
		{pattern: "POST " + within + "credentials/{id}/connect", action: access.ConnectCredential, do: (*visit).connect},
		{pattern: "GET " + within + "credentials/{id}/revoke", action: access.RevokeCredential, do: (*visit).askRevoke},
		{pattern: "POST " + within + "credentials/{id}/revoke", action: access.RevokeCredential, do: (*visit).revoke},
		{pattern: "GET " + within + "credentials/{id}/forget", action: access.RevokeCredential, do: (*visit).askForget},
		{pattern: "POST " + within + "credentials/{id}/forget", action: access.RevokeCredential, do: (*visit).forget},
		{pattern: "GET " + within + "credentials/{id}/delete", action: access.DeleteCredential, do: (*visit).askDelete},
		{pattern: "POST " + within + "credentials/{id}/delete", action: access.DeleteCredential, do: (*visit).delete},
		{pattern: "GET " + within + "types", action: access.ReadTypes, do: (*visit).types},
		{pattern: "GET " + within + "types/{type}", action: access.CreateCredential, do: (*visit).fresh},
		{pattern: "POST " + within + "types/{type}", form: true, action: access.CreateCredential, do: (*visit).create},
	}
}

// ofWorkspaces are the routes of all else that is in a workspace.
func ofWorkspaces() []*route {
	return []*route{
		{pattern: "GET " + within + "applications", action: access.ReadApplications, do: (*visit).applications},
		{pattern: "GET " + within + "new-application/{type}", action: access.SetApplications, do: (*visit).freshApplication},
		{pattern: "POST " + within + "new-application/{type}", form: true, action: access.SetApplications, do: (*visit).createApplication},
		{pattern: "GET " + within + "applications/{id}", action: access.SetApplications, do: (*visit).application},
		{pattern: "POST " + within + "applications/{id}", form: true, action: access.SetApplications, do: (*visit).saveApplication},
		{pattern: "GET " + within + "applications/{id}/delete", action: access.SetApplications, do: (*visit).askDeleteApplication},
		{pattern: "POST " + within + "applications/{id}/delete", action: access.SetApplications, do: (*visit).deleteApplication},
		{pattern: "GET " + within + "keys", action: access.ReadKeys, do: (*visit).keys},
		{pattern: "GET " + within + "keys/new", action: access.CreateKey, do: (*visit).freshKey},
		{pattern: "POST " + within + "keys/new", form: true, action: access.CreateKey, do: (*visit).createKey},
		{pattern: "GET " + within + "keys/{id}/delete", action: access.DeleteKey, do: (*visit).askDeleteKey},
		{pattern: "POST " + within + "keys/{id}/delete", action: access.DeleteKey, do: (*visit).deleteKey},
		{pattern: "GET " + within + "short-key", action: access.DeriveKey, do: (*visit).freshDerived},
		{pattern: "POST " + within + "short-key", action: access.DeriveKey, do: (*visit).derive},
		{pattern: "GET " + within + "people", action: access.ReadSessions, do: (*visit).people},
		{pattern: "POST " + within + "people", action: access.InvitePeople, do: (*visit).invite},
		{pattern: "POST " + within + "people/{session}/end", action: access.EndSessions, do: (*visit).endSession},
		{pattern: "GET " + within + "webhooks", action: access.SetWebhooks, do: (*visit).hooks},
		{pattern: "GET " + within + "new-webhook", action: access.SetWebhooks, do: (*visit).freshHook},
		{pattern: "POST " + within + "new-webhook", form: true, action: access.SetWebhooks, do: (*visit).createHook},
		{pattern: "GET " + within + "webhooks/{hook}", action: access.SetWebhooks, do: (*visit).hook},
		{pattern: "POST " + within + "webhooks/{hook}/test", action: access.SetWebhooks, do: (*visit).testHook},
		{pattern: "POST " + within + "webhooks/{hook}/switch", action: access.SetWebhooks, do: (*visit).switchHook},
		{pattern: "GET " + within + "webhooks/{hook}/delete", action: access.SetWebhooks, do: (*visit).askDeleteHook},
		{pattern: "POST " + within + "webhooks/{hook}/delete", action: access.SetWebhooks, do: (*visit).deleteHook},
		{pattern: "GET " + within + "audit", action: access.ReadAudit, do: (*visit).audit},
		{pattern: "POST " + within + "audit", action: access.VerifyAudit, do: (*visit).verify},
	}
}

// lost is for what is nowhere.
var lost = &route{pattern: "/", open: true, do: func(*visit) error { return errNowhere }}

// admits reports whether a caller may see what a route leads to. Pages of the
// host's own people do not exist for others.
func (one *route) admits(c access.Caller) error {
	switch {
	case one.open || one.action == "":
		return nil
	case access.Rules[one.action].Operator && !c.Operator():
		return errNowhere
	}
	return c.May(one.action)
}

// allows reports whether a caller may follow a link to a path, so that no page
// offers what would be refused.
func (h *Handler) allows(c access.Caller, pattern string) bool {
	i := slices.IndexFunc(h.routes, func(one *route) bool { return one.pattern == pattern })
	return i >= 0 && h.routes[i].admits(c) == nil
}

// posts reports whether a route changes something.
func (one *route) posts() bool { return strings.HasPrefix(one.pattern, "POST ") }

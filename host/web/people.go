// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/http"
	"slices"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/access"
)

type peopleView struct {
	Sessions []sessionRow
	Invite   *inviteForm // nil: the person may not
	Link     string      // that was just made
	For      string
	Back     string
}

type sessionRow struct {
	access.SessionView
	Scopes  []string
	Own     bool
	End     string
	Address string
}

type inviteForm struct {
	Name, NameFault, ScopeFault, Fault string
	Scopes                             []scopeChoice
	Self                               string
}

// people shows who is signed in, and lets others in.
func (v *visit) people() error {
	return v.showPeople(http.StatusOK, "", func(*inviteForm) {})
}

func (v *visit) showPeople(status int, link string, change func(*inviteForm)) error {
	view := peopleView{Link: link, Back: v.path("people")}
	all, err := v.h.cfg.Access.Sessions(v.ctx(), v.ws.Name(), v.r.URL.Query().Get("after"), 100)
	if err != nil {
		return err
	}
	for _, s := range all {
		r := sessionRow{SessionView: s, Own: s.ID == v.caller.Session, Address: s.Address}
		for _, g := range s.Grants {
			if g.Workspace == v.ws.Name() || g.Workspace == "" {
				r.Scopes = v.scopeTitles(g.Scopes)
			}
		}
		if v.may("POST "+within+"people/{session}/end") && !r.Own {
			r.End = v.path("people", s.ID, "end")
		}
		view.Sessions = append(view.Sessions, r)
	}
	if v.may("POST " + within + "people") {
		f := inviteForm{Name: v.posted("name"), Self: v.path("people")}
		for _, s := range access.Scopes {
			if v.caller.Has(s) {
				chosen := slices.Contains(v.r.PostForm["scope"], string(s)) || !v.r.PostForm.Has("name") && (s == access.Read || s == access.Use)
				f.Scopes = append(f.Scopes, scopeChoice{choice{string(s), v.scopeTitle(s), chosen}, v.scopeHelp(s)})
			}
		}
		change(&f)
		view.Invite, view.For = &f, f.Name
	}
	v.show(status, "people", v.words.t("People"), view)
	return nil
}

// invite makes a link for somebody to sign in with. It is shown once.
func (v *visit) invite() error {
	name := v.posted("name")
	var scopes []access.Scope
	for _, s := range v.r.PostForm["scope"] {
		scopes = append(scopes, access.Scope(s))
	}
	if name == "" || len(scopes) == 0 {
		return v.showPeople(http.StatusUnprocessableEntity, "", func(f *inviteForm) {
			if name == "" {
				f.NameFault = v.words.t("Say who it is for: the audit trail names people by that.")
			}
			if len(scopes) == 0 {
				f.ScopeFault = v.words.t("Choose at least one.")
			}
		})
	}
	c := access.Caller{Actor: host.Actor("user:" + name), Workspace: v.ws.Name(), Scopes: scopes}
	if len(v.caller.Limits) > 0 {
		c.Limits = v.caller.Limits
	}
	secret, err := v.h.cfg.Access.Link(v.ctx(), c)
	if err != nil {
		text, err := v.message(err)
		if err != nil {
			return err
		}
		return v.showPeople(http.StatusUnprocessableEntity, "", func(f *inviteForm) { f.Fault = text })
	}
	return v.showPeople(http.StatusOK, SignInURL(v.h.origin, secret), func(*inviteForm) {})
}

// endSession signs somebody out.
func (v *visit) endSession() error {
	if err := v.h.cfg.Access.EndSession(v.ctx(), v.ws.Name(), v.r.PathValue("session")); err != nil {
		return err
	}
	return v.to(v.path("people"), "ended")
}

// signOutAll ends all sessions of the person, this one among them.
func (v *visit) signOutAll() error {
	if _, err := v.h.cfg.Access.SignOutEverywhere(v.ctx(), v.caller); err != nil {
		return err
	}
	v.h.drop(v.w, sessionCookie)
	v.w.Header().Set("Clear-Site-Data", `"cache", "storage"`)
	return v.to("/signin", "")
}

// signInWith sends a person to a provider to sign in.
func (v *visit) signInWith() error {
	next := ownPath(v.posted("next"))
	if !isTokenOf(v.h.read(v.r, visitorCookie), v.posted("_token")) {
		return v.askSignIn(http.StatusForbidden, next, v.words.t("This page was open for too long. Try again."))
	}
	id := v.r.PathValue("provider")
	page, cookie, err := v.h.cfg.Access.BeginVisit(v.ctx(), id, v.signInReturn(id), next)
	if err != nil {
		return v.signInFailed(next, err)
	}
	k := v.h.cookie(visitCookie, cookie, http.SameSiteLaxMode)
	k.MaxAge = int(10 * time.Minute / time.Second)
	http.SetCookie(v.w, k)
	return v.depart(page, v.words.t("Sign in there. You come back here afterwards."))
}

func (v *visit) signInReturn(provider string) string {
	return v.h.origin + "/signin/callback/" + provider
}

// signInCallback takes a person back from a provider. The session's cookie is
// sent by pages of this host alone, so that the next one is asked for by one.
func (v *visit) signInCallback() error {
	session, _, back, err := v.h.cfg.Access.FinishVisit(v.ctx(), v.signInReturn(v.r.PathValue("provider")), v.r.URL.Query(), v.h.read(v.r, visitCookie))
	v.h.drop(v.w, visitCookie)
	if err != nil {
		return v.signInFailed("/", err)
	}
	v.begin(session)
	s := v.shell(v.words.t("Finishing"), nil)
	s.Plain, s.Refresh = true, "0; url="+ownPath(back)
	v.write(http.StatusOK, "return", s)
	return nil
}

func (v *visit) signInFailed(next string, err error) error {
	f := v.failure(err)
	if f.Status == http.StatusInternalServerError || f.Status == http.StatusNotFound {
		return err
	}
	return v.askSignIn(f.Status, next, f.Text)
}

// SPDX-License-Identifier: Apache-2.0

package web

import (
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/sdk"
)

// A signInView is the page on which people sign in.
type signInView struct {
	Next  string
	Fault string
	Token string

	Providers []access.ProviderView
}

// home sends people to what they can see.
func (v *visit) home() error {
	if space := v.workspace(); space != "" {
		return v.to(workspacePath(space, "credentials"), "")
	}
	return v.to(workspacePath(v.lastSpace(), "credentials"), "")
}

// firstSpace is the workspace that is there from the start.
const firstSpace = "default"

// signInPage asks for a link. Whoever has followed one brings its secret in the
// fragment of the address, which the script takes from there; nobody is signed
// in without a button's being pressed, so that no other site signs them in as
// somebody else (login CSRF).
func (v *visit) signInPage() error {
	next := ownPath(v.r.URL.Query().Get("next"))
	return v.askSignIn(http.StatusOK, next, "")
}

func (v *visit) askSignIn(status int, next, fault string) error {
	visitor := v.h.read(v.r, visitorCookie)
	if len(visitor) != len(rand.Text()) {
		visitor = rand.Text()
		http.SetCookie(v.w, v.h.cookie(visitorCookie, visitor, http.SameSiteStrictMode))
	}
	s := v.shell(v.words.t("Sign in"), signInView{Next: next, Fault: fault, Token: tokenOf(visitor), Providers: v.h.cfg.Access.Providers()})
	s.Plain = true
	v.write(status, "signin", s)
	return nil
}

// signIn ends a link, and begins a session: another one than was there before,
// so that nobody prepares one for somebody else (session fixation).
func (v *visit) signIn() error {
	next := ownPath(v.posted("next"))
	if !isTokenOf(v.h.read(v.r, visitorCookie), v.posted("_token")) {
		return v.askSignIn(http.StatusForbidden, next, v.words.t("This page was open for too long. Try again."))
	}
	session, _, err := v.h.cfg.Access.SignIn(v.ctx(), linkSecret(v.posted("link")))
	switch {
	case errors.Is(err, sdk.Denied):
		return v.askSignIn(http.StatusForbidden, next, v.words.t("This link is not good, or not any more: it works once, for ten minutes. Get another."))
	case err != nil:
		return v.signInFailed(next, err)
	}
	v.begin(session)
	http.Redirect(v.w, v.r, next, http.StatusSeeOther)
	return nil
}

// begin gives the browser its session, in the place of the one before.
func (v *visit) begin(session string) {
	if v.session != "" {
		if err := v.h.cfg.Access.SignOut(v.ctx(), v.session); err != nil {
			v.h.log.WarnContext(v.ctx(), "a session that was replaced did not end", "err", err)
		}
	}
	v.h.drop(v.w, visitorCookie)
	http.SetCookie(v.w, v.h.cookie(sessionCookie, session, http.SameSiteStrictMode))
}

// linkSecret returns the secret of a link that was pasted: whole, or the secret
// alone.
func linkSecret(pasted string) string {
	if _, after, ok := strings.Cut(pasted, "#"); ok {
		pasted = after
	}
	if plain, err := url.PathUnescape(pasted); err == nil {
		return plain
	}
	return pasted
}

// signOut ends the session, here and on every host. The browser forgets what it
// may have kept of the pages.
func (v *visit) signOut() error {
	if v.session == "" {
		return v.to("/signin", "")
	}
	if !v.meant() {
		return errStale
	}
	if err := v.h.cfg.Access.SignOut(v.ctx(), v.session); err != nil {
		return err
	}
	v.h.drop(v.w, sessionCookie)
	v.w.Header().Set("Clear-Site-Data", `"cache", "storage"`)
	return v.to("/signin", "")
}

// settings remembers a language and a theme, in cookies that say nothing else.
func (v *visit) settings() error {
	year := 365 * 24 * 60 * 60
	if v.r.PostForm.Has("language") {
		c := v.h.cookie(languageCookie, languageOf(v.posted("language"), ""), http.SameSiteLaxMode)
		c.MaxAge = year
		http.SetCookie(v.w, c)
	}
	if v.r.PostForm.Has("theme") {
		c := v.h.cookie(themeCookie, themeOf(v.posted("theme")), http.SameSiteLaxMode)
		if c.MaxAge = year; c.Value == "" {
			c.MaxAge = -1
		}
		http.SetCookie(v.w, c)
	}
	http.Redirect(v.w, v.r, ownPath(v.posted("back")), http.StatusSeeOther)
	return nil
}

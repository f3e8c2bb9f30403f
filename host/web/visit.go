// SPDX-License-Identifier: Apache-2.0

package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/sdk"
)

// A visit is one request of a person, and what answers it.
type visit struct {
	h *Handler
	w http.ResponseWriter
	r *http.Request

	session string        // the secret of whoever has signed in; or of one who has not, in a form of an open page
	caller  access.Caller // the zero Caller: nobody has signed in
	ws      *host.Workspace
	words   *words
	theme   string // "light", "dark", or "" for what the system has
	route   *route
	reading error // why what was posted could not be read
}

// maxPosted bounds what a form may post: 200 answers of 256 KiB would be too
// much for anybody to have meant.
const maxPosted = 8 << 20

// serve answers a request for a route.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request, one *route) {
	v := &visit{h: h, w: w, r: r, route: one, theme: themeOf(h.read(r, themeCookie))}
	v.words = h.views.wordsFor(h.read(r, languageCookie), r.Header.Get("Accept-Language"))
	v.recognise()
	if one.posts() {
		v.r.Body = http.MaxBytesReader(w, v.r.Body, maxPosted)
		v.reading = v.r.ParseForm()
	}
	if err := v.admitted(); err != nil {
		v.fail(err)
		return
	}
	if err := one.do(v); err != nil {
		v.fail(err)
	}
}

// recognise finds out who has signed in.
func (v *visit) recognise() {
	secret := v.h.read(v.r, sessionCookie)
	if secret == "" {
		return
	}
	caller, err := v.h.cfg.Access.Session(v.r.Context(), secret)
	if err != nil {
		if !errors.Is(err, sdk.Denied) {
			v.h.log.WarnContext(v.r.Context(), "a session could not be looked up", "err", err)
		}
		return
	}
	v.session, v.caller = secret, caller
	v.r = v.r.WithContext(access.With(v.r.Context(), caller))
}

// The reasons for which a visit ends before it has begun.
var (
	errNowhere = errors.New("web: there is no such page")
	errSignIn  = errors.New("web: nobody has signed in")
	errStale   = errors.New("web: the form is not of this session")
)

// admitted checks that the caller may be here, and that what is posted was
// meant.
func (v *visit) admitted() error {
	if v.route.open {
		return v.reading
	}
	if v.caller.Actor == "" {
		return errSignIn
	}
	if err := v.h.cfg.Access.Allow(v.caller).Err(); err != nil {
		return err
	}
	if name := v.r.PathValue("workspace"); name != "" {
		if err := v.enter(name); err != nil {
			return err
		}
	}
	if err := v.route.admits(v.caller); err != nil {
		return err
	}
	if id := v.r.PathValue("id"); strings.HasPrefix(id, "c-") && !v.caller.Sees(id) {
		return host.ErrNotFound
	}
	if v.reading != nil {
		return sdk.Errorf(sdk.Invalid, "the form cannot be read").Because(v.reading)
	}
	if v.route.posts() && !v.meant() && !(v.route.form && v.r.PostForm.Has("_again")) {
		return errStale
	}
	return nil
}

// enter has the visit go on in a workspace, as what the caller is there. One that
// is not the caller's does not exist.
func (v *visit) enter(name string) error {
	caller, _, err := v.h.cfg.Access.Enter(v.ctx(), v.caller, name)
	if err != nil {
		return err
	}
	v.caller = caller
	v.r = v.r.WithContext(access.With(v.r.Context(), caller))
	v.ws = v.h.cfg.Host.Workspace(name)
	if caller.Operator() && v.h.read(v.r, spaceCookie) != name {
		http.SetCookie(v.w, v.h.cookie(spaceCookie, name, http.SameSiteStrictMode))
	}
	return nil
}

// lastSpace is the workspace that an operator was in last, whose pages are still a
// step away while the host's own are shown.
func (v *visit) lastSpace() string {
	name := v.h.read(v.r, spaceCookie)
	if name == "" || v.h.cfg.Access.Exists(v.ctx(), name) != nil {
		return firstSpace
	}
	return name
}

// meant reports whether a form is one of this session's own.
func (v *visit) meant() bool { return isTokenOf(v.session, v.r.PostForm.Get("_token")) }

// ctx is the context of all that is done for the person.
func (v *visit) ctx() context.Context { return v.r.Context() }

// may reports whether the caller may follow a link.
func (v *visit) may(pattern string) bool { return v.h.allows(v.caller, pattern) }

// path returns a path within the workspace of this visit.
func (v *visit) path(parts ...string) string { return workspacePath(v.workspace(), parts...) }

// workspace is the name of the workspace of this visit, "" if it has none.
func (v *visit) workspace() string {
	if v.ws != nil {
		return v.ws.Name()
	}
	return v.caller.Workspace
}

func workspacePath(workspace string, parts ...string) string {
	var b strings.Builder
	b.WriteString("/w/" + url.PathEscape(workspace))
	for _, part := range parts {
		b.WriteString("/" + url.PathEscape(part))
	}
	return b.String()
}

// to sends the browser on, to a path of this page, with a word of what was done
// for that page to say.
func (v *visit) to(path, done string) error {
	if done != "" {
		path += "?done=" + url.QueryEscape(done)
	}
	http.Redirect(v.w, v.r, path, http.StatusSeeOther)
	return nil
}

// posted returns what one control posted, without the spaces around it.
func (v *visit) posted(name string) string { return strings.TrimSpace(v.r.PostForm.Get(name)) }

// themeOf returns a theme that there is.
func themeOf(name string) string {
	if name == "light" || name == "dark" {
		return name
	}
	return ""
}

// SPDX-License-Identifier: Apache-2.0

package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/sdk"
)

// A failure is a page that says what went wrong, and what to do.
type failure struct {
	Status  int
	Request string
	Text    string
	Next    string
	Back    string // a path
}

// fail answers with what went wrong. It tells a person what that person can do
// something about, and all else to the log.
func (v *visit) fail(err error) {
	switch {
	case errors.Is(err, context.Canceled) && v.r.Context().Err() != nil:
		return // nobody is there
	case errors.Is(err, errSignIn):
		v.mustSignIn()
		return
	case errors.Is(err, errStale):
		v.stale()
		return
	}
	f := v.failure(err)
	if f.Status >= 500 {
		v.h.log.ErrorContext(v.ctx(), "a page failed", "path", v.r.Pattern, "request", v.w.Header().Get(requestHeader), "err", fmt.Sprint(err))
	}
	v.show(f.Status, "failure", v.words.t(titles[f.Status]), f)
}

// titles are what the pages of failures are called.
var titles = map[int]string{
	http.StatusNotFound:            "There is nothing here",
	http.StatusForbidden:           "You may not do that",
	http.StatusConflict:            "Somebody else was faster",
	http.StatusUnprocessableEntity: "That cannot be done",
	http.StatusTooManyRequests:     "That was too often",
	http.StatusServiceUnavailable:  "That is not possible now",
	http.StatusInternalServerError: "Something went wrong",
}

// failure says what an error means to a person.
func (v *visit) failure(err error) failure {
	f := failure{Status: http.StatusInternalServerError, Request: v.w.Header().Get(requestHeader), Back: "/"}
	var e *sdk.Error
	switch {
	case errors.Is(err, errNowhere), errors.Is(err, host.ErrNotFound):
		f.Status, f.Text = http.StatusNotFound, v.words.t("It may have been deleted, or it is not yours to see.")
	case errors.Is(err, host.ErrConflict):
		f.Status, f.Text = http.StatusConflict, v.words.t("It was changed while you were looking at it. Look at it again, and repeat what you wanted to do.")
	case errors.As(err, &e) && e.Code != sdk.Internal:
		f.Status, f.Text = statusOf(e), v.words.say(sdk.Schema{}, e.Message)
		if e.RetryAfter > 0 {
			v.w.Header().Set("Retry-After", seconds(e.RetryAfter))
		}
	default:
		f.Text = v.words.t("It is not your fault. Try again; if it stays so, tell whoever runs this host the number of the request.")
	}
	return f
}

func statusOf(e *sdk.Error) int {
	switch {
	case e.Reason == access.ReasonRate:
		return http.StatusTooManyRequests
	case e.Code == sdk.Forbidden, e.Code == sdk.Denied:
		return http.StatusForbidden
	case e.Code == sdk.Unavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusUnprocessableEntity
}

// A resumption takes a person back to a form that was sent after the session had
// ended: what was typed comes along, but for secrets, which no page holds.
type resumption struct {
	Action  string
	Answers []answer
	SignIn  string
	Secrets bool // some must be typed again
}

type answer struct{ Name, Value string }

// mustSignIn asks somebody to sign in, and loses nothing of what was typed.
func (v *visit) mustSignIn() {
	next := "/signin?next=" + url.QueryEscape(v.r.URL.Path)
	if !v.route.posts() {
		if v.r.URL.Path == "/" {
			next = "/signin"
		}
		http.Redirect(v.w, v.r, next, http.StatusSeeOther)
		return
	}
	if !v.route.form || !v.r.PostForm.Has("_form") {
		http.Redirect(v.w, v.r, "/signin", http.StatusSeeOther)
		return
	}
	v.show(http.StatusUnauthorized, "resume", v.words.t("Your session has ended"), v.kept("/signin?next="+url.QueryEscape("/about")))
}

// stale answers a form that another session showed, or one that was made up. A
// form with answers comes back with them; nothing is done.
func (v *visit) stale() {
	if v.route.form && v.r.PostForm.Has("_form") {
		v.r.PostForm.Set("_again", "1")
		v.r.PostForm.Set("_stale", "1")
		if err := v.route.do(v); err != nil {
			v.fail(err)
		}
		return
	}
	v.show(http.StatusForbidden, "failure", v.words.t("Please do that again"), failure{Status: http.StatusForbidden, Request: v.w.Header().Get(requestHeader),
		Text: v.words.t("The page was of another session. Go back, load it anew, and repeat what you wanted to do."), Back: "/"})
}

// kept returns what was typed into a form, without its secrets: the form says
// which these are.
func (v *visit) kept(signIn string) resumption {
	res := resumption{Action: v.r.URL.Path, SignIn: signIn}
	secret := map[string]bool{"_token": true}
	for _, name := range v.r.PostForm["_secret"] {
		secret[name] = true
		res.Secrets = res.Secrets || v.r.PostForm.Get(name) != ""
	}
	for name, values := range v.r.PostForm {
		for _, value := range values {
			if !secret[name] {
				res.Answers = append(res.Answers, answer{name, value})
			}
		}
	}
	return res
}

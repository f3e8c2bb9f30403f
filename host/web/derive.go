// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/credhost/credhost/host/access"
)

type deriveForm struct {
	Scopes      []scopeChoice
	Methods     []choice
	URLs, Fault string
	Life        []choice
	Credentials []choice
	Token       string
	Expires     *time.Time
	Self, Back  string
}

// minutes are for how long derived keys can last.
var minutes = []string{"5", "15", "60", "240"}

// freshDerived shows the form of a key that lasts for minutes.
func (v *visit) freshDerived() error { return v.showDerived(http.StatusOK, "", "", nil) }

func (v *visit) showDerived(status int, fault, token string, expires *time.Time) error {
	k, err := v.keyForm()
	if err != nil {
		return err
	}
	f := deriveForm{Methods: k.Methods, URLs: k.URLs, Credentials: k.Credentials, Fault: fault, Token: token, Expires: expires, Self: v.path("short-key"), Back: v.path("keys")}
	for _, s := range k.Scopes {
		if s.Value != "admin" {
			f.Scopes = append(f.Scopes, s)
		}
	}
	for i, m := range minutes {
		f.Life = append(f.Life, choice{m, v.words.t("% minutes", m), v.posted("minutes") == m || !v.r.PostForm.Has("minutes") && i == 0})
	}
	v.show(status, "derive", v.words.t("Short-lived key"), f)
	return nil
}

// derive makes a key that may do less than the person, for minutes, and ends with
// the session. Nothing is stored of it, so that to make it twice is to make two.
func (v *visit) derive() error {
	l := v.r.PostForm
	var scopes []access.Scope
	for _, s := range l["scope"] {
		scopes = append(scopes, access.Scope(s))
	}
	life := 5 * time.Minute
	if i := slices.Index(minutes, v.posted("minutes")); i >= 0 {
		life = []time.Duration{5, 15, 60, 240}[i] * time.Minute
	}
	if len(scopes) == 0 {
		return v.showDerived(http.StatusUnprocessableEntity, v.words.t("Choose at least one of the things that it may do."), "", nil)
	}
	token, expires, err := v.h.cfg.Access.Derive(v.ctx(), v.caller, scopes, access.Limits{Credentials: l["credential"], Methods: l["method"], URLs: strings.Fields(v.posted("urls"))}, life)
	if err != nil {
		text, err := v.message(err)
		if err != nil {
			return err
		}
		return v.showDerived(http.StatusUnprocessableEntity, text, "", nil)
	}
	return v.showDerived(http.StatusOK, "", token, &expires)
}

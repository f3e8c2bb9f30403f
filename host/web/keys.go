// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/access"
)

type keysView struct {
	Keys  []keyRow
	Short string
	New   string // the path of the form; empty: the person may not
	More  string
}

type keyRow struct {
	access.Key
	Scopes []string
	Limits []string
	Ended  bool
	Delete string
}

// keys lists a workspace's.
func (v *visit) keys() error {
	const most = 100
	all, err := v.h.cfg.Access.Keys(v.ctx(), v.ws.Name(), v.r.URL.Query().Get("after"), most)
	if err != nil {
		return err
	}
	view := keysView{Short: v.path("short-key")}
	if v.may("GET " + within + "keys/new") {
		view.New = v.path("keys", "new")
	}
	for _, k := range all {
		r := keyRow{Key: k, Scopes: v.scopeTitles(k.Scopes), Limits: v.limitTexts(k.Limits), Ended: k.Expires != nil && k.Expires.Before(v.h.cfg.Host.Now())}
		if v.may("GET " + within + "keys/{id}/delete") {
			r.Delete = v.path("keys", k.ID, "delete")
		}
		view.Keys = append(view.Keys, r)
	}
	if len(all) == most {
		view.More = withQuery(v.path("keys"), "after", all[most-1].ID)
	}
	v.show(http.StatusOK, "keys", v.words.t("Keys"), view)
	return nil
}

// scopeTitle says what a scope is for.
func (v *visit) scopeTitle(s access.Scope) string {
	t := v.words.t
	switch s {
	case access.Read:
		return t("See")
	case access.Write:
		return t("Change")
	case access.Use:
		return t("Use")
	case access.Admin:
		return t("Administer")
	case access.Release:
		return t("Release")
	}
	return string(s)
}

func (v *visit) scopeTitles(all []access.Scope) []string {
	var titles []string
	for _, s := range all {
		titles = append(titles, v.scopeTitle(s))
	}
	return titles
}

func (v *visit) scopeHelp(s access.Scope) string {
	t := v.words.t
	switch s {
	case access.Read:
		return t("See types and credentials, what they need and when they end. No secret is ever among that.")
	case access.Write:
		return t("Make, edit, connect, revoke and delete credentials.")
	case access.Use:
		return t("Send requests with credentials through the proxy, and test them.")
	case access.Admin:
		return t("See to keys, applications, webhooks and the audit trail.")
	case access.Release:
		return t("Have a credential handed out in the clear, where an operator has opened that. Each time is audited.")
	}
	return ""
}

func (v *visit) limitTexts(l access.Limits) []string {
	var all []string
	add := func(title string, values []string) {
		if len(values) > 0 {
			all = append(all, title+": "+strings.Join(values, ", "))
		}
	}
	add(v.words.t("Credentials"), l.Credentials)
	add(v.words.t("Methods"), l.Methods)
	add(v.words.t("Addresses"), l.URLs)
	return all
}

// A keyForm is the form of a new key.
type keyForm struct {
	Name        string
	NameFault   string
	ScopeFault  string
	Fault       string
	Scopes      []scopeChoice
	Credentials []choice
	Methods     []choice
	URLs        string
	URLFault    string
	Life        []choice
	Once        string
	Back        string
	Self        string
}

type scopeChoice struct {
	choice
	Help string
}

// lives are for how long keys can last, in days; 0: until they are deleted.
var lives = []struct {
	days string
	life time.Duration
}{{"90", 90 * 24 * time.Hour}, {"1", 24 * time.Hour}, {"7", 7 * 24 * time.Hour}, {"30", 30 * 24 * time.Hour}, {"365", 365 * 24 * time.Hour}, {"0", 0}}

// freshKey shows the form of a new key.
func (v *visit) freshKey() error {
	f, err := v.keyForm()
	if err != nil {
		return err
	}
	f.Once = newOnce()
	v.show(http.StatusOK, "key", v.words.t("New key"), f)
	return nil
}

// keyForm returns the form as it was filled in. A person gives no more than that
// person has.
func (v *visit) keyForm() (keyForm, error) {
	posted := v.r.PostForm
	f := keyForm{Name: v.posted("name"), URLs: v.posted("urls"), Once: v.posted("_once"), Back: v.path("keys"), Self: v.path("keys", "new")}
	for _, s := range access.Scopes {
		if v.caller.Has(s) {
			f.Scopes = append(f.Scopes, scopeChoice{choice{string(s), v.scopeTitle(s), slices.Contains(posted["scope"], string(s))}, v.scopeHelp(s)})
		}
	}
	for _, m := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} {
		f.Methods = append(f.Methods, choice{m, m, slices.Contains(posted["method"], m)})
	}
	for i, l := range lives {
		text := v.words.t("% days", l.days)
		switch l.days {
		case "0":
			text = v.words.t("until it is deleted")
		case "1":
			text = v.words.t("1 day")
		}
		f.Life = append(f.Life, choice{l.days, text, posted.Get("life") == l.days || !posted.Has("life") && i == 0})
	}
	list, err := v.ws.List(v.ctx(), host.Page{Limit: 200})
	if err != nil {
		return f, err
	}
	for _, c := range list {
		if v.caller.Sees(c.ID) {
			f.Credentials = append(f.Credentials, choice{c.ID, v.nameOf(c), slices.Contains(posted["credential"], c.ID)})
		}
	}
	return f, nil
}

// A madeKey is shown once.
type madeKey struct {
	Name, Token string
	Repeated    bool
	Back        string
	Expires     *time.Time
}

// createKey makes a key, and shows its token: now, and never again.
func (v *visit) createKey() error {
	f, err := v.keyForm()
	if err != nil {
		return err
	}
	if v.ticked("_again") {
		v.show(http.StatusOK, "key", v.words.t("New key"), f)
		return nil
	}
	n := access.NewKey{Workspace: v.ws.Name(), Name: f.Name, Limits: access.Limits{Credentials: v.r.PostForm["credential"], Methods: v.r.PostForm["method"], URLs: strings.Fields(f.URLs)}}
	for _, s := range v.r.PostForm["scope"] {
		n.Scopes = append(n.Scopes, access.Scope(s))
	}
	for _, l := range lives {
		if l.days == v.posted("life") && l.life > 0 {
			n.Expires = v.h.cfg.Host.Now().Add(l.life)
		}
	}
	if f.Name == "" {
		f.NameFault = v.words.t("Give it a name, so that people know later what it is for.")
	}
	if len(n.Scopes) == 0 {
		f.ScopeFault = v.words.t("Choose at least one.")
	}
	if f.NameFault != "" || f.ScopeFault != "" {
		v.show(http.StatusUnprocessableEntity, "key", v.words.t("Error: %", v.words.t("New key")), f)
		return nil
	}
	var made madeKey
	_, repeated, err := v.once(f.Once, func() (string, error) {
		k, token, err := v.h.cfg.Access.CreateKey(v.ctx(), n)
		made = madeKey{Name: k.Name, Token: token, Expires: k.Expires}
		return k.ID, err
	})
	if err != nil {
		if f.Fault, err = v.message(err); err != nil {
			return err
		}
		v.show(http.StatusUnprocessableEntity, "key", v.words.t("Error: %", v.words.t("New key")), f)
		return nil
	}
	made.Repeated, made.Back = repeated, v.path("keys")
	v.show(http.StatusOK, "token", v.words.t("Your new key"), made)
	return nil
}

// askDeleteKey says what it means to delete a key.
func (v *visit) askDeleteKey() error {
	t := v.words.t
	id := v.r.PathValue("id")
	return v.ask(http.StatusOK, question{Heading: t("Delete the key %?", id), Action: v.path("keys", id, "delete"), Back: v.path("keys"), Button: t("Delete for good"),
		Lead:  t("Whoever shows it is refused from now on, on every host within two seconds."),
		Facts: []string{t("Keys that were derived of it end with it."), t("Credentials stay as they are.")}})
}

func (v *visit) deleteKey() error {
	if err := v.h.cfg.Access.DeleteKey(v.ctx(), v.ws.Name(), v.r.PathValue("id")); err != nil {
		return err
	}
	return v.to(v.path("keys"), "deleted")
}

// SPDX-License-Identifier: Apache-2.0

package web

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/audit"
	"github.com/credhost/credhost/sdk"
)

type credentialView struct {
	ID, Title   string
	Kind        kind
	Lang        string // of the type's own texts, if it is another than the page's
	Account     string
	Was         string
	State       state
	Tested      *host.Verdict
	Verdict     state // of the last test
	Ends        *time.Time
	Expiry      *time.Time
	Reconnect   *time.Time
	Facts       []answer
	Answers     []shownAnswer
	Origins     sdk.Origins
	TLS         *host.TLSView
	Unrevoked   []host.Unrevoked
	Application string
	Created     time.Time
	Updated     time.Time
	History     []event
	Paths       paths
	Granted     bool
	Broken      bool
}

// paths are where a credential's buttons lead; empty: there is none, or the
// person may not.
type paths struct{ Back, Self, Edit, Test, Connect, Revoke, Forget, Delete, Audit, Field, Application string }

// A shownAnswer is an answer as it is stored: a secret's is not shown.
type shownAnswer struct {
	Title, Text string
	Secret      bool
	Reference   string
}

// load returns the credential that the path names.
func (v *visit) load() (host.Credential, error) { return v.ws.Show(v.ctx(), v.r.PathValue("id")) }

// credential shows one.
func (v *visit) credential() error {
	c, err := v.load()
	if err != nil {
		return err
	}
	view := v.describe(c)
	if view.Paths.Audit != "" {
		entries, err := v.h.cfg.Audit.List(v.ctx(), audit.Query{Workspace: v.ws.Name(), Credential: c.ID, Limit: 8})
		if err != nil {
			v.h.log.WarnContext(v.ctx(), "the history of a credential cannot be read", "err", err)
		}
		view.History = v.events(entries)
	}
	v.show(http.StatusOK, "credential", view.Title, view)
	return nil
}

// describe says all that a person may know of a credential.
func (v *visit) describe(c host.Credential) credentialView {
	s := v.schema(c.Type)
	view := credentialView{ID: c.ID, Title: c.Name, Kind: v.kindOf(c.Type), Account: c.Account, Was: c.Was, State: v.stateOf(c, s), Tested: c.Tested,
		Ends: c.Ends, Expiry: c.Expiry, Reconnect: c.Reconnect, Origins: c.Origins, TLS: c.TLS, Unrevoked: c.Unrevoked,
		Created: c.Created, Updated: c.Updated, Granted: c.Granted}
	if view.Title == "" {
		view.Title = view.Kind.Title
	}
	if c.Tested != nil {
		view.Verdict = v.tested(*c.Tested, s)
	}
	view.Lang = v.otherLanguage(c.Type)
	for name, text := range c.Facts {
		view.Facts = append(view.Facts, answer{name, text})
	}
	slices.SortFunc(view.Facts, func(a, b answer) int { return strings.Compare(a.Name, b.Name) })
	for _, f := range s.Fields {
		if raw, ok := c.Answers[f.Name]; ok && f.Kind != sdk.Hidden {
			view.Answers = append(view.Answers, v.shown(f, raw))
		}
	}
	view.Paths = v.paths(c)
	view.Application, view.Paths.Application = v.applicationOf(c)
	return view
}

// applicationOf returns what a credential's application is called, and where it
// is; no path if the person may not go there.
func (v *visit) applicationOf(c host.Credential) (name, path string) {
	if c.Application == "" {
		return "", ""
	}
	app, err := v.h.cfg.Host.Applications().Show(v.ctx(), c.Application)
	if err == nil && v.may("GET /applications/{id}") {
		path = "/applications/" + app.ID
	}
	if errors.Is(err, host.ErrNotFound) {
		if app, err = v.ws.Applications().Show(v.ctx(), c.Application); err == nil && v.may("GET "+within+"applications/{id}") {
			path = v.path("applications", app.ID)
		}
	}
	return cmp.Or(app.Name, c.Application), path
}

// shown returns an answer in words.
func (v *visit) shown(f sdk.Field, raw json.RawMessage) shownAnswer {
	a := shownAnswer{Title: titleOf(f), Secret: f.Secret}
	if f.Secret {
		var set struct{ Reference string }
		if json.Unmarshal(raw, &set) == nil {
			a.Reference = set.Reference
		}
		return a
	}
	var value any
	if json.Unmarshal(raw, &value) != nil {
		return a
	}
	switch value := value.(type) {
	case string:
		a.Text = optionText(f, value)
	case bool:
		a.Text = v.words.t("No")
		if value {
			a.Text = v.words.t("Yes")
		}
	case []any:
		var all []string
		for _, one := range value {
			if text, ok := one.(string); ok {
				all = append(all, optionText(f, text))
			}
		}
		a.Text = strings.Join(all, "\n")
	default:
		a.Text = string(raw)
	}
	return a
}

// optionText returns what an option is called.
func optionText(f sdk.Field, value string) string {
	for _, o := range f.Options {
		if o.Value == value && o.Title != "" {
			return o.Title
		}
	}
	return value
}

// paths returns where the person may go from a credential.
func (v *visit) paths(c host.Credential) paths {
	at := func(method, what string) string {
		if !v.may(method + " " + within + "credentials/{id}/" + what) {
			return ""
		}
		return v.path("credentials", c.ID, what)
	}
	p := paths{Back: v.path("credentials"), Self: v.path("credentials", c.ID), Edit: at("GET", "edit"), Test: at("POST", "test"), Delete: at("GET", "delete")}
	if c.Tested != nil && c.Tested.Field != "" && p.Edit != "" {
		p.Field = withQuery(p.Edit, "field", c.Tested.Field)
	}
	t, err := v.h.cfg.Host.Type(c.Type)
	if err == nil && t.Can.Connect && c.Status != host.StatusAnswers && t.Schema.NeedsConnect(v.public(c, t.Schema)) {
		p.Connect = at("POST", "connect")
	}
	if err == nil && t.Can.Revoke && (c.Granted || len(c.Unrevoked) > 0) {
		p.Revoke = at("GET", "revoke")
	}
	if c.Granted && p.Connect != "" || len(c.Unrevoked) > 0 {
		p.Forget = at("GET", "forget")
	}
	if c.Status == host.StatusBroken || c.Status == host.StatusDraft || c.Status == host.StatusAnswers {
		p.Test = ""
	}
	if v.h.cfg.Audit != nil && v.may("GET "+within+"audit") {
		p.Audit = withQuery(v.path("audit"), "credential", c.ID)
	}
	return p
}

// test asks the service, and shows what it says.
func (v *visit) test() error {
	if _, err := v.ws.Test(v.ctx(), v.r.PathValue("id")); err != nil {
		return err
	}
	return v.to(v.path("credentials", v.r.PathValue("id")), "tested")
}

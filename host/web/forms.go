// SPDX-License-Identifier: Apache-2.0

package web

import (
	"encoding/json"
	"errors"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/form"
	"github.com/credhost/credhost/sdk"
)

// A formView is a page with the form of a type on it.
type formView struct {
	Kind    kind
	Heading string
	ID      string // of the form element
	Form    template.HTML
	Lead    string
	Name    string
	NameHas string // what is wrong with it
	Hidden  []answer
	Back    string

	Applications []choice // that may answer the operator's fields
	Application  string
	Choose       string // the path that takes another choice

	Draft, Draftable bool
	Stale            bool         // the form came from another session, and is to be sent again
	Delete           string       // where it is deleted; empty: elsewhere
	Theirs           []difference // what somebody else has changed meanwhile
	TLS              *tlsForm     // nil: it is no credential's
}

type choice struct {
	Value, Text string
	Chosen      bool
}

// A difference is an answer that somebody else has changed while this person
// was changing answers, too.
type difference struct{ Title, Theirs, Yours string }

// formPage shows a form, with what was typed, and with what is wrong.
func (v *visit) formPage(status int, title string, f *form.Form, s form.State, view formView) error {
	var b strings.Builder
	if err := f.WriteHTML(&b, s); err != nil {
		return err
	}
	view.ID, view.Form = f.ID(), template.HTML(b.String()) //nolint:gosec // package form writes texts as texts
	view.Hidden = append(view.Hidden, answer{"_token", tokenOf(v.session)}, answer{"_form", "1"})
	for _, field := range f.Schema().Fields {
		if field.Secret {
			view.Hidden = append(view.Hidden, answer{"_secret", field.Name})
		}
	}
	if view.TLS != nil {
		view.Hidden = append(view.Hidden, answer{"_tls", "1"}, answer{"_secret", tlsKey})
	}
	view.Stale, view.Heading = v.r.PostForm.Has("_stale"), title
	if len(s.Faults) > 0 || view.TLS != nil && len(view.TLS.Faults) > 0 {
		title = v.words.t("Error: %", title)
	}
	v.show(status, "form", title, view)
	return nil
}

// faultsOf returns what an error says about the answers, and whether it is
// about them at all; an error that is not the person's is returned.
func faultsOf(f *form.Form, err error) ([]form.Fault, error) {
	var e *sdk.Error
	if !errors.As(err, &e) || e.Code == sdk.Internal {
		return nil, err
	}
	return f.Faults(err), nil
}

// isTrue reports whether a box was ticked.
func (v *visit) ticked(name string) bool { return v.r.PostForm.Get(name) == "1" }

// fresh shows the form of a new credential.
func (v *visit) fresh() error {
	t, err := v.h.cfg.Host.Type(v.r.PathValue("type"))
	if err != nil {
		return typeError(err)
	}
	app := v.r.URL.Query().Get("application")
	f, view, err := v.freshForm(t, app)
	if err != nil {
		return err
	}
	view.Hidden = append(view.Hidden, answer{"_once", newOnce()})
	return v.formPage(http.StatusOK, v.words.t("New credential: %", view.Kind.Title), f, form.State{}, view)
}

// typeError makes a type that is not there a page that is not there.
func typeError(err error) error {
	if errors.Is(err, sdk.Invalid) {
		return errNowhere
	}
	return err
}

// freshForm returns the form of a new credential, with an application's answers
// if one is chosen.
func (v *visit) freshForm(t host.Type, app string) (*form.Form, formView, error) {
	view := formView{Kind: v.kind(t), Back: v.path("types"), Choose: v.path("types", t.Schema.Name), Draftable: suggests(t)}
	cfg := form.Config{Schema: t.Schema, Can: t.Can, Languages: v.words.tag, RedirectURL: v.ws.RedirectURL(t.Schema.Name),
		Links: form.Links{Save: v.path("types", t.Schema.Name)}}
	if err := v.offerApplications(t, app, &view, &cfg); err != nil {
		return nil, view, err
	}
	cfg.Draft = v.ticked("_draft")
	view.Draft, view.TLS = cfg.Draft, v.tlsForm(t.Schema, nil, view.Application)
	return form.New(cfg), view, nil
}

// suggests reports whether the service offers the choices of a field, so that a
// credential begins as a draft.
func suggests(t host.Type) bool {
	return t.Can.Suggest && slices.ContainsFunc(t.Schema.Fields, func(f sdk.Field) bool { return f.Suggest != nil })
}

// offerApplications puts the applications of a type before the person, and the
// answers of the chosen one into the form.
func (v *visit) offerApplications(t host.Type, chosen string, view *formView, cfg *form.Config) error {
	if !hasApplication(t) {
		return nil
	}
	for _, all := range []host.Applications{v.ws.Applications(), v.h.cfg.Host.Applications()} {
		list, err := all.List(v.ctx(), host.Page{Type: t.Schema.Name})
		if err != nil {
			return err
		}
		for _, app := range list {
			c := choice{Value: app.ID, Text: app.Name, Chosen: app.ID == chosen}
			if c.Text == "" {
				c.Text = app.ID
			}
			if c.Chosen {
				cfg.Given, view.Application = app.Answers, app.ID
			}
			view.Applications = append(view.Applications, c)
		}
	}
	return nil
}

// create stores a new credential, once, however often the button is pressed.
func (v *visit) create() error {
	t, err := v.h.cfg.Host.Type(v.r.PathValue("type"))
	if err != nil {
		return typeError(err)
	}
	f, view, err := v.freshForm(t, v.posted("_application"))
	if err != nil {
		return err
	}
	answers, again := f.Parse(v.r.PostForm)
	view.Name = v.posted("_name")
	once := v.posted("_once")
	view.Hidden = append(view.Hidden, answer{"_once", once})
	title := v.words.t("New credential: %", view.Kind.Title)
	if again {
		return v.formPage(http.StatusOK, title, f, form.State{Answers: answers}, view)
	}
	id, repeated, err := v.once(once, func() (string, error) {
		return v.ws.Add(v.ctx(), host.New{Type: t.Schema.Name, Name: view.Name, Values: answers, Application: view.Application, Draft: view.Draft, TLS: v.tlsOf()})
	})
	if err != nil {
		faults, err := view.TLS.faults(v, f, err)
		if err != nil {
			return err
		}
		return v.formPage(http.StatusUnprocessableEntity, title, f, form.State{Answers: answers, Faults: faults}, view)
	}
	if repeated {
		return v.to(v.path("credentials", id), "again")
	}
	return v.to(v.path("credentials", id), "created")
}

// editForm returns the form of a credential that is there.
func (v *visit) editForm(c host.Credential, suggestions map[string][]sdk.Option) (*form.Form, formView, error) {
	t, err := v.h.cfg.Host.Type(c.Type)
	if err != nil {
		return nil, formView{}, err
	}
	view := formView{Kind: v.kind(t), Name: c.Name, Back: v.path("credentials", c.ID), Application: c.Application, Draftable: suggests(t), Draft: c.Status == host.StatusDraft}
	cfg := form.Config{Schema: t.Schema, Can: t.Can, Languages: v.words.tag, RedirectURL: v.ws.RedirectURL(t.Schema.Name),
		Answers: c.Answers, Suggestions: suggestions, Links: form.Links{Save: v.path("credentials", c.ID, "edit")}}
	if view.Draftable {
		cfg.Links.Suggest = v.path("credentials", c.ID, "suggest")
	}
	if c.Application != "" {
		if cfg.Given, err = v.applicationAnswers(c.Application); err != nil {
			return nil, view, err
		}
	}
	if v.r.PostForm.Has("_form") {
		view.Draft = v.ticked("_draft")
	}
	cfg.Draft, view.TLS = view.Draft, v.tlsForm(t.Schema, c.TLS, c.Application)
	return form.New(cfg), view, nil
}

// applicationAnswers returns an application's answers: this workspace's, or
// everybody's.
func (v *visit) applicationAnswers(id string) (map[string]json.RawMessage, error) {
	app, err := v.ws.Applications().Show(v.ctx(), id)
	if errors.Is(err, host.ErrNotFound) {
		app, err = v.h.cfg.Host.Applications().Show(v.ctx(), id)
	}
	return app.Answers, err
}

// SPDX-License-Identifier: Apache-2.0

package web

import (
	"errors"
	"net/http"
	"strings"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/form"
	"github.com/credhost/credhost/sdk"
)

type applicationsView struct {
	Applications []row
	OfAll        []row  // those of the host, which this workspace may use
	Kinds        []kind // of which there can be one; empty: the person may not make any
	Host         bool   // the page is of the host's own
}

// apps are the applications that a page is about: a workspace's, or those that
// every workspace may use.
func (v *visit) apps() host.Applications {
	if v.ws == nil {
		return v.h.cfg.Host.Applications()
	}
	return v.ws.Applications()
}

// appPath is the path of a page about them.
func (v *visit) appPath(parts ...string) string {
	if v.ws != nil {
		return v.path(parts...)
	}
	return "/" + strings.Join(parts, "/")
}

// app returns the application that the path names. One of the host is edited on
// the host's own pages alone, though workspaces may use it.
func (v *visit) app() (host.ApplicationView, error) {
	id := v.r.PathValue("id")
	if v.ws != nil {
		if _, err := v.h.cfg.Host.Applications().Show(v.ctx(), id); !errors.Is(err, host.ErrNotFound) {
			return host.ApplicationView{}, errors.Join(err, errNowhere)
		}
	}
	return v.apps().Show(v.ctx(), id)
}

// applications lists a workspace's, or the host's own.
func (v *visit) applications() error {
	list, err := v.apps().List(v.ctx(), host.Page{Limit: 500})
	if err != nil {
		return err
	}
	view := applicationsView{Host: v.ws == nil}
	for _, app := range list {
		path := ""
		if v.allowed("applications/{id}") {
			path = v.appPath("applications", app.ID)
		}
		view.Applications = append(view.Applications, v.appRow(app, path))
	}
	if v.ws != nil {
		all, err := v.h.cfg.Host.Applications().List(v.ctx(), host.Page{Limit: 500})
		if err != nil {
			return err
		}
		for _, app := range all {
			path := ""
			if v.may("GET /applications/{id}") {
				path = "/applications/" + app.ID
			}
			view.OfAll = append(view.OfAll, v.appRow(app, path))
		}
	}
	if v.allowed("new-application/{type}") {
		for _, k := range v.kinds() {
			if k.Application {
				k.Path = v.appPath("new-application", k.Name)
				view.Kinds = append(view.Kinds, k)
			}
		}
	}
	v.show(http.StatusOK, "applications", v.words.t("Applications"), view)
	return nil
}

// allowed reports whether the caller may see a page about these applications.
func (v *visit) allowed(what string) bool {
	if v.ws == nil {
		return v.may("GET /" + what)
	}
	return v.may("GET " + within + what)
}

func (v *visit) appRow(app host.ApplicationView, path string) row {
	k := v.kindOf(app.Type)
	r := row{Title: app.Name, Type: k.Title, Icon: k.Icon, Path: path}
	if r.Title == "" {
		r.Title = k.Title
	}
	return r
}

func (v *visit) applicationForm(typ, save string, app *host.ApplicationView) (*form.Form, formView, error) {
	t, err := v.h.cfg.Host.Type(typ)
	if err != nil {
		return nil, formView{}, typeError(err)
	}
	view := formView{Kind: v.kind(t), Back: v.appPath("applications"), Lead: v.words.t("These answers hold for every credential that uses the application.")}
	if v.ws == nil {
		view.Lead = v.words.t("These answers hold for every credential that uses the application, in every workspace of this host.")
	}
	cfg := form.Config{Schema: t.Schema, Languages: v.words.tag, Application: true, Links: form.Links{Save: save}}
	if app != nil {
		cfg.Answers, view.Name = app.Answers, app.Name
	}
	return form.New(cfg), view, nil
}

// freshApplication shows the form of a new application.
func (v *visit) freshApplication() error {
	typ := v.r.PathValue("type")
	f, view, err := v.applicationForm(typ, v.appPath("new-application", typ), nil)
	if err != nil {
		return err
	}
	view.Hidden = []answer{{"_once", newOnce()}}
	return v.formPage(http.StatusOK, v.words.t("New application: %", view.Kind.Title), f, form.State{}, view)
}

func (v *visit) createApplication() error {
	typ := v.r.PathValue("type")
	f, view, err := v.applicationForm(typ, v.appPath("new-application", typ), nil)
	if err != nil {
		return err
	}
	view.Name, view.Hidden = v.posted("_name"), []answer{{"_once", v.posted("_once")}}
	answers, again := f.Parse(v.r.PostForm)
	s, title := form.State{Answers: answers}, v.words.t("New application: %", view.Kind.Title)
	if again {
		return v.formPage(http.StatusOK, title, f, s, view)
	}
	_, _, err = v.once(v.posted("_once"), func() (string, error) {
		return v.apps().Create(v.ctx(), host.New{Type: typ, Name: view.Name, Values: answers})
	})
	if err != nil {
		if s.Faults, err = faultsOf(f, err); err != nil {
			return err
		}
		return v.formPage(http.StatusUnprocessableEntity, title, f, s, view)
	}
	return v.to(v.appPath("applications"), "saved")
}

// application shows the form of an application that is there.
func (v *visit) application() error {
	app, err := v.app()
	if err != nil {
		return err
	}
	f, view, err := v.applicationForm(app.Type, v.appPath("applications", app.ID), &app)
	if err != nil {
		return err
	}
	view.Hidden = []answer{generationOf(app.Generation)}
	view.Delete = v.appPath("applications", app.ID, "delete")
	return v.formPage(http.StatusOK, v.words.t("Edit %", view.title()), f, form.State{}, view)
}

// title returns what a form is about.
func (view formView) title() string {
	if view.Name != "" {
		return view.Name
	}
	return view.Kind.Title
}

func (v *visit) saveApplication() error {
	app, err := v.app()
	if err != nil {
		return err
	}
	f, view, err := v.applicationForm(app.Type, v.appPath("applications", app.ID), &app)
	if err != nil {
		return err
	}
	title := v.words.t("Edit %", view.title())
	view.Name, view.Hidden = v.posted("_name"), []answer{{"_generation", v.posted("_generation")}}
	answers, again := f.Parse(v.r.PostForm)
	s := form.State{Answers: answers}
	if again {
		return v.formPage(http.StatusOK, title, f, s, view)
	}
	err = v.apps().Update(v.ctx(), app.ID, host.Patch{Whole: true, Values: answers, Name: &view.Name, Generation: v.generation()})
	if errors.Is(err, host.ErrConflict) {
		return v.applicationConflict(app, f, s, view, title)
	}
	if err != nil {
		if s.Faults, err = faultsOf(f, err); err != nil {
			return err
		}
		return v.formPage(http.StatusUnprocessableEntity, title, f, s, view)
	}
	return v.to(v.appPath("applications"), "saved")
}

// applicationConflict shows what somebody else has saved meanwhile beside what
// this person has typed.
func (v *visit) applicationConflict(app host.ApplicationView, f *form.Form, s form.State, view formView, title string) error {
	if app.Name != view.Name {
		view.Theirs = append(view.Theirs, difference{v.words.t("Name"), app.Name, view.Name})
	}
	for _, field := range f.Schema().Fields {
		theirs, yours := v.shownText(field, app.Answers[field.Name]), optionText(field, s.Answers[field.Name])
		if field.Secret {
			yours = ""
		} else if theirs == yours {
			continue
		}
		view.Theirs = append(view.Theirs, difference{titleOf(field), theirs, yours})
	}
	view.Hidden = []answer{generationOf(app.Generation)}
	return v.formPage(http.StatusConflict, title, f, s, view)
}

// askDeleteApplication says what it means to delete an application.
func (v *visit) askDeleteApplication() error {
	app, err := v.app()
	if err != nil {
		return err
	}
	return v.askToDelete(http.StatusOK, app, "")
}

// askToDelete says what it means to delete an application, and what came of it if
// it was tried.
func (v *visit) askToDelete(status int, app host.ApplicationView, fault string) error {
	t := v.words.t
	n, err := v.apps().Users(v.ctx(), app.ID)
	users := t("Credentials that use it now: %", n)
	if none := (*sdk.Error)(nil); errors.As(err, &none) && none.Code == sdk.Unavailable { // the store cannot be gone through
		users, err = t("Credentials of every workspace may use it."), nil
	}
	if err != nil {
		return err
	}
	name := app.Name
	if name == "" {
		name = v.kindOf(app.Type).Title
	}
	return v.ask(status, question{Heading: t("Delete the application %?", name), Action: v.appPath("applications", app.ID, "delete"), Back: v.appPath("applications", app.ID),
		Button: t("Delete for good"), Lead: t("Its answers are destroyed. Nobody can bring them back."), Fault: fault, Hidden: []answer{generationOf(app.Generation)},
		Facts: []string{users, t("Credentials that use it cannot be opened, used or renewed any more.")}})
}

func (v *visit) deleteApplication() error {
	app, err := v.app()
	if err != nil {
		return err
	}
	err = v.apps().DeleteUnchanged(v.ctx(), app.ID, v.generation())
	if errors.Is(err, host.ErrConflict) {
		return v.askToDelete(http.StatusConflict, app, v.words.t("Somebody has changed it since you looked at it. Look at it again before you delete it."))
	}
	if err != nil {
		return err
	}
	return v.to(v.appPath("applications"), "deleted")
}

// SPDX-License-Identifier: Apache-2.0

package web

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/form"
)

type applicationsView struct {
	Applications []row
	Kinds        []kind // of which there can be one; empty: the person may not make any
	Base         string
}

// applications lists a workspace's.
func (v *visit) applications() error {
	list, err := v.ws.Applications().List(v.ctx(), host.Page{Limit: 500})
	if err != nil {
		return err
	}
	view := applicationsView{Base: v.path("applications")}
	for _, app := range list {
		k := v.kindOf(app.Type)
		r := row{Title: app.Name, Type: k.Title, Icon: k.Icon, Path: v.path("applications", app.ID)}
		if r.Title == "" {
			r.Title = k.Title
		}
		view.Applications = append(view.Applications, r)
	}
	if v.may("GET " + within + "new-application/{type}") {
		for _, k := range v.kinds() {
			if k.Application {
				k.Path = v.path("new-application", k.Name)
				view.Kinds = append(view.Kinds, k)
			}
		}
	}
	v.show(http.StatusOK, "applications", v.words.t("Applications"), view)
	return nil
}

func (v *visit) applicationForm(typ, save string, app *host.ApplicationView) (*form.Form, formView, error) {
	t, err := v.h.cfg.Host.Type(typ)
	if err != nil {
		return nil, formView{}, typeError(err)
	}
	view := formView{Kind: v.kind(t), Back: v.path("applications"), Lead: v.words.t("These answers hold for every credential that uses the application.")}
	cfg := form.Config{Schema: t.Schema, Languages: v.words.tag, Application: true, Links: form.Links{Save: save}}
	if app != nil {
		cfg.Answers, view.Name = app.Answers, app.Name
	}
	return form.New(cfg), view, nil
}

// freshApplication shows the form of a new application.
func (v *visit) freshApplication() error {
	typ := v.r.PathValue("type")
	f, view, err := v.applicationForm(typ, v.path("new-application", typ), nil)
	if err != nil {
		return err
	}
	view.Hidden = []answer{{"_once", newOnce()}}
	return v.formPage(http.StatusOK, v.words.t("New application: %", view.Kind.Title), f, form.State{}, view)
}

func (v *visit) createApplication() error {
	typ := v.r.PathValue("type")
	f, view, err := v.applicationForm(typ, v.path("new-application", typ), nil)
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
		return v.ws.Applications().Create(v.ctx(), host.New{Type: typ, Name: view.Name, Values: answers})
	})
	if err != nil {
		if s.Faults, err = faultsOf(f, err); err != nil {
			return err
		}
		return v.formPage(http.StatusUnprocessableEntity, title, f, s, view)
	}
	return v.to(v.path("applications"), "saved")
}

// application shows the form of an application that is there.
func (v *visit) application() error {
	app, err := v.ws.Applications().Show(v.ctx(), v.r.PathValue("id"))
	if err != nil {
		return err
	}
	f, view, err := v.applicationForm(app.Type, v.path("applications", app.ID), &app)
	if err != nil {
		return err
	}
	view.Hidden = []answer{{"_generation", strconv.FormatUint(app.Generation, 10)}}
	view.Delete = v.path("applications", app.ID, "delete")
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
	app, err := v.ws.Applications().Show(v.ctx(), v.r.PathValue("id"))
	if err != nil {
		return err
	}
	f, view, err := v.applicationForm(app.Type, v.path("applications", app.ID), &app)
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
	seen, _ := strconv.ParseUint(v.posted("_generation"), 10, 64)
	err = v.ws.Applications().Update(v.ctx(), app.ID, host.Patch{Whole: true, Values: answers, Name: &view.Name, Generation: max(seen, 1)})
	if errors.Is(err, host.ErrConflict) {
		return v.applicationConflict(app, f, s, view, title)
	}
	if err != nil {
		if s.Faults, err = faultsOf(f, err); err != nil {
			return err
		}
		return v.formPage(http.StatusUnprocessableEntity, title, f, s, view)
	}
	return v.to(v.path("applications"), "saved")
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
	view.Hidden = []answer{{"_generation", strconv.FormatUint(app.Generation, 10)}}
	return v.formPage(http.StatusConflict, title, f, s, view)
}

// askDeleteApplication says what it means to delete an application.
func (v *visit) askDeleteApplication() error {
	app, err := v.ws.Applications().Show(v.ctx(), v.r.PathValue("id"))
	if err != nil {
		return err
	}
	t := v.words.t
	name := app.Name
	if name == "" {
		name = v.kindOf(app.Type).Title
	}
	return v.ask(http.StatusOK, question{Heading: t("Delete the application %?", name), Action: v.path("applications", app.ID, "delete"), Back: v.path("applications", app.ID),
		Button: t("Delete for good"), Lead: t("Its answers are destroyed. Nobody can bring them back."),
		Facts: []string{t("Credentials that use it cannot be opened, used or renewed any more.")}})
}

func (v *visit) deleteApplication() error {
	if err := v.ws.Applications().Delete(v.ctx(), v.r.PathValue("id")); err != nil {
		return err
	}
	return v.to(v.path("applications"), "deleted")
}

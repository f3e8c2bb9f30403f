// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/credhost/credhost/sdk"
)

// Applications are an operator's answers to the application-scope fields of
// types: of the registration at a provider, say, that all of a company's
// credentials use. Credentials refer to them by ID.
type Applications struct{ w *Workspace }

// Applications returns the workspace's applications.
func (w *Workspace) Applications() Applications { return Applications{w} }

// Applications returns those that every workspace may refer to.
func (h *Host) Applications() Applications { return Applications{&Workspace{h: h}} }

// An ApplicationView is what may be seen of an application.
type ApplicationView struct {
	ID      string                     `json:"id"`
	Type    string                     `json:"type"`
	Name    string                     `json:"name,omitempty"`
	Answers map[string]json.RawMessage `json:"answers"` // as a [Credential]'s
	Created time.Time                  `json:"created"`
	Updated time.Time                  `json:"updated"`

	Generation uint64 `json:"generation"` // how often it was saved: see [Patch].Generation
}

// application is an application's record that has been opened.
type application struct {
	w       *Workspace
	rec     Record
	typ     Type
	content // only SchemaVersion, Values and References
}

// Create stores an application. Its Values and References answer fields of
// the application's scope only.
func (a Applications) Create(ctx context.Context, n New) (id string, err error) {
	var t Type
	defer func() {
		a.w.report(ctx, Event{Action: "create application", Subject: id, Type: n.Type, Changed: a.w.changed(id, t.Schema, Patch{Values: n.Values, References: n.References})}, err)
	}()
	if t, err = a.w.typ(n.Type); err != nil {
		return "", err
	}
	if err := checkName(n.Name); err != nil {
		return "", err
	}
	if n.TLS != (TLS{}) {
		return "", errApplicationTLS
	}
	app := &application{w: a.w, typ: t, rec: Record{
		Workspace: a.w.name, ID: "a-" + strings.ToLower(rand.Text()), Kind: KindApplication,
		Type: n.Type, Name: n.Name, Generation: 1, Created: a.w.h.now().UTC(),
	}}
	if err := app.complete(ctx, merge(nil, n.Values), merge(nil, n.References)); err != nil {
		return "", err
	}
	app.SchemaVersion = t.Schema.Version
	if err := a.w.h.seal(ctx, &app.rec, app.content); err != nil {
		return "", err
	}
	return app.rec.ID, a.w.h.store.Create(ctx, app.rec)
}

var errApplicationTLS = sdk.Errorf(sdk.Invalid, "an application has no settings of TLS: give its credentials a client certificate, or have the operator set the rest for its origins: --tls (egress.Config.TLS)")

// Update changes an application. The credentials that refer to it use the new
// answers from their next grant on.
func (a Applications) Update(ctx context.Context, id string, p Patch) (err error) {
	var typ Type
	defer func() {
		a.w.report(ctx, Event{Action: "update application", Subject: id, Type: typ.Schema.Name, Changed: a.w.changed(id, typ.Schema, p)}, err)
	}()
	return forVersion(p.Generation, func() error { return a.update(ctx, id, p, &typ) })
}

// forVersion does what is for a version, or, if that is 0, for whatever version there
// is: then it is done anew if another has saved meanwhile, a few times.
func forVersion(generation uint64, do func() error) (err error) {
	for range 5 {
		if err = do(); !errors.Is(err, ErrConflict) || generation != 0 {
			break
		}
	}
	return err
}

func (a Applications) update(ctx context.Context, id string, p Patch, typ *Type) error {
	app, err := a.w.application(ctx, id)
	if err != nil {
		return err
	}
	*typ = app.typ
	if app.rec.Workspace != a.w.name {
		return ErrNotFound
	}
	if err := app.rec.unchanged(p.Generation); err != nil {
		return err
	}
	if p.Name != nil {
		if err := checkName(*p.Name); err != nil {
			return err
		}
		app.rec.Name = *p.Name
	}
	if p.TLS != nil {
		return errApplicationTLS
	}
	before := app.Values
	values, references := p.apply(app.typ.Schema, app.Values, app.References)
	if err := app.complete(ctx, values, references); err != nil {
		return err
	}
	if movesSecrets(app.typ.Schema, before, app.Values) {
		if err := app.freshSecrets(app.typ.Schema, p, true); err != nil {
			return err
		}
	}
	app.rec.Generation++
	app.SchemaVersion = app.typ.Schema.Version
	if err := a.w.h.seal(ctx, &app.rec, app.content); err != nil {
		return err
	}
	return a.w.h.store.Save(ctx, app.rec, nil)
}

// movesSecrets reports whether two sets of answers differ in one that decides
// where secrets go.
func movesSecrets(s sdk.Schema, before, after map[string]string) bool {
	for _, template := range slices.Concat(s.Origins, s.AnswerOrigins) {
		for _, name := range sdk.TemplateFields(template) {
			if before[name] != after[name] {
				return true
			}
		}
	}
	return false
}

// List returns a page of applications, in the order of their IDs.
func (a Applications) List(ctx context.Context, p Page) ([]ApplicationView, error) {
	recs, err := a.w.h.store.List(ctx, Query{Workspace: a.w.name, Kind: KindApplication, Type: p.Type, After: p.After, Limit: p.Limit})
	if err != nil {
		return nil, err
	}
	views := make([]ApplicationView, len(recs))
	for i, rec := range recs {
		app, err := a.w.openApplication(ctx, rec)
		if err != nil {
			return nil, err
		}
		views[i] = app.view()
	}
	return views, nil
}

// Show returns an application, its secrets as {"set":true}.
func (a Applications) Show(ctx context.Context, id string) (ApplicationView, error) {
	app, err := a.w.application(ctx, id)
	if err != nil {
		return ApplicationView{}, err
	}
	return app.view(), nil
}

func (app *application) view() ApplicationView {
	v := ApplicationView{ID: app.rec.ID, Type: app.rec.Type, Name: app.rec.Name,
		Answers: map[string]json.RawMessage{}, Created: app.rec.Created, Updated: app.rec.Updated, Generation: app.rec.Generation}
	shown(v.Answers, app.typ.Schema, app.Values, app.References)
	return v
}

// application opens an application of this workspace, or of all.
func (w *Workspace) application(ctx context.Context, id string) (*application, error) {
	rec, err := w.h.store.Get(ctx, w.name, id)
	if errors.Is(err, ErrNotFound) && w.name != "" {
		rec, err = w.h.store.Get(ctx, "", id)
	}
	if err == nil && rec.Kind != KindApplication {
		err = ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return w.openApplication(ctx, rec)
}

func (w *Workspace) openApplication(ctx context.Context, rec Record) (*application, error) {
	app := &application{w: w, rec: rec}
	if err := w.h.unseal(ctx, rec, &app.content); err != nil {
		return nil, err
	}
	t, err := w.h.plugins.Type(rec.Type)
	if err != nil {
		return nil, err
	}
	if app.SchemaVersion > t.Schema.Version {
		return nil, sdk.Errorf(sdk.Unavailable, "the application %s was saved with a newer version of its plugin: install that here", rec.ID)
	}
	app.typ = t
	return app, nil
}

// complete checks the answers against the fields of the application's scope.
func (app *application) complete(ctx context.Context, values, references map[string]string) error {
	s := app.typ.Schema.In(sdk.Application)
	if len(s.Fields) == 0 {
		return sdk.Errorf(sdk.Invalid, "the type %s has no fields for an application", app.rec.Type)
	}
	resolved, err := app.w.h.resolve(ctx, app.w.name, s, references)
	if err != nil {
		return err
	}
	all := sdk.Values(maps.Clone(values))
	maps.Copy(all, resolved)
	full, err := s.Complete(all)
	if err != nil {
		return fmt.Errorf("host: the application: %w", err)
	}
	for name := range references {
		delete(full, name)
	}
	app.Values, app.References = full, references
	return nil
}

// resolved returns the application's answers with its references opened.
func (app *application) resolved(ctx context.Context) (sdk.Values, error) {
	all, err := app.w.h.resolve(ctx, app.w.name, app.typ.Schema, app.References)
	if err != nil {
		return nil, err
	}
	maps.Copy(all, app.Values)
	return all, nil
}

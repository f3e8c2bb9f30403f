// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/host/form"
	"github.com/credhost/credhost/sdk"
)

// An Application is what may be seen of an operator's answers to the fields of
// application scope of a type.
type Application struct {
	ID      string    `json:"id"`
	Type    string    `json:"type" example:"faxplus"`
	Name    string    `json:"name,omitempty" doc:"What people call it."`
	Shared  bool      `json:"shared" doc:"It is the host's, and every workspace may refer to it."`
	Answers Answers   `json:"answers" doc:"A secret is {\"set\":true}, with its reference if it has one."`
	Created time.Time `json:"created"`
	Updated time.Time `json:"updated"`
}

// A NewApplication says what application to create.
type NewApplication struct {
	Type       string            `json:"type" maxLength:"200" example:"faxplus"`
	Name       string            `json:"name,omitempty" maxLength:"200" doc:"What people call it, in one line."`
	Answers    Answers           `json:"answers,omitempty" doc:"The answers to the fields of its scope: what a form of getTypeSchema with application sends."`
	References map[string]string `json:"references,omitempty" doc:"Answers to secret fields by reference."`
}

// An ApplicationPatch is a change to an application: a merge patch.
type ApplicationPatch struct {
	Name       change[string]                    `json:"name,omitzero" maxLength:"200"`
	Answers    change[Answers]                   `json:"answers,omitzero" doc:"Changed answers; null clears one. Objects are merged."`
	References change[map[string]change[string]] `json:"references,omitzero" doc:"Changed references; null clears one."`
}

// OneApplication is the part of a request that says which application is meant.
type OneApplication struct {
	Application string `path:"application" maxLength:"200" doc:"The application's ID."`
}

type createApplication struct {
	Once     string `header:"Idempotency-Key" maxLength:"210" doc:"A key of your choice: the same request with the same key is done once, and answered alike for 24 hours."`
	Language string `header:"Accept-Language" maxLength:"200" doc:"The languages of the person who reads what is wrong."`
	Body     NewApplication
}

type listApplications struct {
	Type   string `query:"type" maxLength:"200" doc:"Only those of this type."`
	Shared bool   `query:"shared" doc:"Those of the host, which every workspace may refer to, in the place of the workspace's own."`
	Paging
}

type applicationList struct {
	Link string `header:"Link" doc:"The next page (RFC 8288), if there is one."`
	Body struct {
		Applications []Application `json:"applications"`
		Next         string        `json:"next,omitempty" doc:"The cursor of the next page; absent on the last one."`
	}
}

type applicationOut struct {
	Noted
	Status   int
	Location string `header:"Location" doc:"Where what was created is."`
	Body     Application
}

type showApplication struct {
	OneApplication
	UnlessMatch
}

type updateApplication struct {
	OneApplication
	ForVersion
	Language string           `header:"Accept-Language" maxLength:"200" doc:"The languages of the person who reads what is wrong."`
	Body     ApplicationPatch `contentType:"application/merge-patch+json"`
}

type deleteApplication struct {
	OneApplication
	ForVersion
	InUse bool `query:"inUse" doc:"Delete it even if credentials refer to it, which cannot be used any more then."`
}

func (s *server) registerApplications() {
	one := "/applications/{application}"
	register(s, operation{id: "createApplication", method: http.MethodPost, path: "/applications", tag: tagApplications, action: access.SetApplications,
		hostAction: access.SetHostApplications, in: either, status: http.StatusCreated, once: true, summary: "Create an application",
		text: "With a key of the host and without a workspace it is the host's, and every workspace may refer to it."}, s.createApplication)
	register(s, operation{id: "listApplications", method: http.MethodGet, path: "/applications", tag: tagApplications, action: access.ReadApplications,
		in: either, summary: "List applications"}, s.listApplications)
	register(s, operation{id: "getApplication", method: http.MethodGet, path: one, tag: tagApplications, action: access.ReadApplications,
		in: either, summary: "Show an application", text: "One of the workspace, or of the host."}, s.getApplication)
	register(s, operation{id: "updateApplication", method: http.MethodPatch, path: one, tag: tagApplications, action: access.SetApplications,
		hostAction: access.SetHostApplications, in: either, takes: []string{mergePatch}, fails: editing, summary: "Change an application",
		text: "The credentials that refer to it use the new answers from their next grant on."}, s.updateApplication)
	register(s, operation{id: "deleteApplication", method: http.MethodDelete, path: one, tag: tagApplications, action: access.SetApplications,
		hostAction: access.SetHostApplications, in: either, status: http.StatusNoContent, fails: append([]string{"in-use"}, editing...), summary: "Delete an application",
		text: "While credentials refer to it, in any workspace, it is refused: without it they could not be used any more. See application of listCredentials, and inUse."}, s.deleteApplication)
}

// apps are the applications that a request is about.
func (s *server) apps(ctx context.Context) host.Applications {
	if workspaceOf(ctx) == "" {
		return s.h.Applications()
	}
	return s.of(ctx).Applications()
}

func (s *server) createApplication(ctx context.Context, in *createApplication) (*applicationOut, error) {
	t, err := s.h.Type(in.Body.Type)
	if err != nil {
		return nil, err
	}
	values, err := decodeAnswers(t.Schema, in.Body.Answers)
	if err != nil {
		return nil, err
	}
	id, err := s.apps(ctx).Create(ctx, host.New{Type: in.Body.Type, Name: in.Body.Name, Values: values, References: in.Body.References})
	if err != nil {
		return nil, s.wrongAnswers(ctx, err, form.New(form.Config{Schema: t.Schema, Can: t.Can, Languages: in.Language, Application: true}))
	}
	out, _, err := s.application(ctx, id)
	if err != nil {
		return nil, err
	}
	out.Status, out.Location = http.StatusCreated, "/v1/applications/"+url.PathEscape(id)
	return out, nil
}

// application is the answer that shows an application.
func (s *server) application(ctx context.Context, id string) (*applicationOut, host.ApplicationView, error) {
	v, err := s.apps(ctx).Show(ctx, id)
	if err != nil {
		return nil, v, err
	}
	out := &applicationOut{Body: s.applicationView(ctx, v)}
	out.Status, out.ETag = http.StatusOK, generationTag(v.Generation, encode(out.Body))
	return out, v, nil
}

func (s *server) applicationView(ctx context.Context, v host.ApplicationView) Application {
	_, err := s.h.Applications().Show(ctx, v.ID)
	return Application{ID: v.ID, Type: v.Type, Name: v.Name, Shared: err == nil, Answers: v.Answers, Created: v.Created, Updated: v.Updated}
}

func (s *server) listApplications(ctx context.Context, in *listApplications) (*applicationList, error) {
	apps, of := s.apps(ctx), workspaceOf(ctx)
	if in.Shared {
		apps, of = s.h.Applications(), ""
	}
	list := listOf("applications", of, in.Type)
	after, err := parseCursor(in.Cursor, list)
	if err != nil {
		return nil, err
	}
	all, err := apps.List(ctx, host.Page{Type: in.Type, After: after, Limit: in.Limit + 1})
	if err != nil {
		return nil, err
	}
	out := &applicationList{}
	out.Body.Applications = []Application{}
	for i, v := range all {
		if i == in.Limit {
			out.Body.Next = cursor{list, all[i-1].ID}.String()
			break
		}
		shown := Application{ID: v.ID, Type: v.Type, Name: v.Name, Shared: of == "", Answers: v.Answers, Created: v.Created, Updated: v.Updated}
		out.Body.Applications = append(out.Body.Applications, shown)
	}
	out.Link = nextLink(requestOf(ctx), out.Body.Next)
	return out, nil
}

func (s *server) getApplication(ctx context.Context, in *showApplication) (*applicationOut, error) {
	out, _, err := s.application(ctx, in.Application)
	if err == nil && matchesAny(in.IfNoneMatch, out.ETag) {
		out.Status = http.StatusNotModified
	}
	return out, err
}

func (s *server) updateApplication(ctx context.Context, in *updateApplication) (*applicationOut, error) {
	if in.Body.Answers.Null || in.Body.References.Null {
		return nil, fail("invalid", "answers and references are cleared one by one", Fault{Pointer: "/answers", Reason: sdk.ReasonRequired, Detail: "cannot be null"})
	}
	_, v, err := s.application(ctx, in.Application)
	if err != nil {
		return nil, err
	}
	p := host.Patch{Name: in.Body.Name.ptr()}
	if p.Generation, err = in.generation(v.Generation); err != nil {
		return nil, err
	}
	t, err := s.h.Type(v.Type)
	if err != nil {
		return nil, err
	}
	if p.Values, err = decodeAnswers(t.Schema, merged(t.Schema, v.Answers, in.Body.Answers.Value)); err != nil {
		return nil, err
	}
	for name, ref := range in.Body.References.Value {
		if p.References == nil {
			p.References = map[string]string{}
		}
		p.References[name] = ref.Value
	}
	if err := in.changed(s.apps(ctx).Update(ctx, in.Application, p)); err != nil {
		return nil, s.updateFailed(ctx, err, form.New(form.Config{Schema: t.Schema, Can: t.Can, Languages: in.Language, Application: true}))
	}
	out, _, err := s.application(ctx, in.Application)
	return out, err
}

func (s *server) deleteApplication(ctx context.Context, in *deleteApplication) (*struct{}, error) {
	_, v, err := s.application(ctx, in.Application)
	if err != nil {
		return nil, err
	}
	generation, err := in.generation(v.Generation)
	if err != nil {
		return nil, err
	}
	if in.InUse {
		err = s.apps(ctx).DeleteUnchanged(ctx, in.Application, generation)
	} else {
		err = s.apps(ctx).DeleteUnused(ctx, in.Application, generation)
	}
	var e *sdk.Error
	if errors.As(err, &e) && e.Reason == host.ReasonInUse {
		return nil, fail("in-use", e.Message)
	}
	return nil, in.changed(err)
}

// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"bytes"
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/host/form"
	"github.com/credhost/credhost/sdk"
)

// A Type is what a list of types says of one.
type Type struct {
	Name        string    `json:"name" example:"halopsa" doc:"What createCredential calls it."`
	Title       string    `json:"title" example:"HaloPSA" doc:"What people call it, in the caller's language."`
	Docs        string    `json:"docs,omitempty" format:"uri" doc:"Where its service says how to get such a credential."`
	Version     int       `json:"version" doc:"Of its schema."`
	Program     string    `json:"program" example:"halopsa" doc:"The plugin that serves it."`
	Can         Abilities `json:"can"`
	Application bool      `json:"application" doc:"An application may answer some of its fields."`
	Icon        string    `json:"icon,omitempty" format:"uri-reference" doc:"Where its icon is: an SVG."`
	Schema      string    `json:"schema" format:"uri-reference" doc:"Where its schema is, in all formats."`
	RedirectURL string    `json:"redirectUrl,omitempty" format:"uri" doc:"What to register at the service, if it can connect."`
}

// Abilities say what a type's credentials can do besides being used.
type Abilities struct {
	Test    bool `json:"test" doc:"See testCredential."`
	Connect bool `json:"connect" doc:"See connectCredential."`
	Revoke  bool `json:"revoke" doc:"See revokeCredential."`
	Suggest bool `json:"suggest" doc:"See suggestAnswers."`
}

type typeList struct {
	Link string `header:"Link" doc:"The next page (RFC 8288), if there is one."`
	Body struct {
		Types []Type `json:"types"`
		Next  string `json:"next,omitempty" doc:"The cursor of the next page; absent on the last one."`
	}
}

type listTypes struct {
	Search   string `query:"search" maxLength:"100" doc:"Only types whose name or title has this in it, whatever the case."`
	Language string `header:"Accept-Language" maxLength:"200" doc:"The languages that the person reads, best first."`
	Paging
}

// Paging is what every list takes.
type Paging struct {
	Cursor string `query:"cursor" maxLength:"400" doc:"Where the page begins: next of the page before. Absent: at the beginning."`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"The most entries that the page has."`
}

type typeView struct {
	Noted
	Status int
	Body   Type
}

// OneType is the part of a request that says which type is meant.
type OneType struct {
	Type     string `path:"type" example:"halopsa" doc:"The type's name."`
	Language string `header:"Accept-Language" maxLength:"200" doc:"The languages that the person reads, best first."`
	UnlessMatch
}

type aSchema struct {
	OneType
	Format      string `query:"format" enum:"json,jsonschema,rjsf,jsonforms,n8n,html" doc:"The format, for who cannot set Accept."`
	Application bool   `query:"application" doc:"The form of an operator, with the fields of an application alone."`
	Draft       bool   `query:"draft" doc:"Answers may be missing that the service suggests."`
}

type rendered struct {
	Noted
	Status      int
	ContentType string `header:"Content-Type"`
	Language    string `header:"Content-Language" doc:"The language that the form is in."`
	Policy      string `header:"Content-Security-Policy" hidden:"true"`
	Vary        string `header:"Vary" doc:"Which headers decided."`
	Body        []byte
}

func (s *server) registerTypes() {
	register(s, operation{id: "listTypes", method: http.MethodGet, path: "/types", tag: tagTypes, action: access.ReadTypes,
		summary: "List the types of credentials", text: "In the order of their names."}, s.listTypes)
	register(s, operation{id: "getType", method: http.MethodGet, path: "/types/{type}", tag: tagTypes, action: access.ReadTypes,
		kept: true, fails: []string{"not-found"}, summary: "Show a type"}, s.getType)
	register(s, operation{id: "getTypeSchema", method: http.MethodGet, path: "/types/{type}/schema", tag: tagTypes, action: access.ReadTypes,
		kept: true, fails: []string{"not-found"}, gives: formats(), summary: "Get what a type asks, for a form library",
		text: "In the format that Accept names, or format: the schema itself, JSON Schema for validators, or what a form library takes unmodified. What the form sends is what createCredential takes as answers."},
		s.getTypeSchema)
	register(s, operation{id: "getTypeIcon", method: http.MethodGet, path: "/types/{type}/icon", tag: tagTypes, action: access.ReadTypes,
		kept: true, fails: []string{"not-found"}, gives: []string{"image/svg+xml"}, summary: "Get a type's icon",
		text: "Show it as an image: then no browser runs what may be in it. It is served with a policy that forbids that, too."}, s.getTypeIcon)
}

// formats are the media types of the formats of a form.
func formats() []string {
	var all []string
	for _, f := range form.Formats() {
		all = append(all, mediaOf(f))
	}
	return all
}

// mediaOf is a format's media type without parameters.
func mediaOf(f form.Format) string {
	full, _, _ := strings.Cut(f.MediaType, ";")
	return full
}

func (s *server) listTypes(ctx context.Context, in *listTypes) (*typeList, error) {
	list := listOf("types", in.Search)
	after, err := parseCursor(in.Cursor, list)
	if err != nil {
		return nil, err
	}
	out := &typeList{}
	out.Body.Types = []Type{}
	search := strings.ToLower(in.Search)
	for _, t := range s.h.Types() {
		v := s.typeView(ctx, t, in.Language)
		if v.Name <= after || !strings.Contains(strings.ToLower(v.Name+"\n"+v.Title+"\n"+t.Schema.Title), search) {
			continue
		}
		if len(out.Body.Types) == in.Limit {
			out.Body.Next = cursor{list, out.Body.Types[in.Limit-1].Name}.String()
			break
		}
		out.Body.Types = append(out.Body.Types, v)
	}
	out.Link = nextLink(requestOf(ctx), out.Body.Next)
	return out, nil
}

// typeView is what may be seen of a type.
func (s *server) typeView(ctx context.Context, t host.Type, languages string) Type {
	f := form.New(form.Config{Schema: t.Schema, Can: t.Can, Languages: languages})
	path := "/v1/types/" + url.PathEscape(t.Schema.Name)
	v := Type{Name: t.Schema.Name, Title: f.Schema().Title, Docs: t.Schema.DocsURL, Version: t.Schema.Version, Program: t.Program,
		Can:    Abilities{t.Can.Test, t.Can.Connect, t.Can.Revoke, t.Can.Suggest},
		Schema: path + "/schema", Application: len(t.Schema.In(sdk.Application).Fields) > 0}
	if t.Schema.Icon != "" {
		v.Icon = path + "/icon"
	}
	if name := workspaceOf(ctx); t.Can.Connect && name != "" {
		v.RedirectURL = s.h.Workspace(name).RedirectURL(v.Name)
	}
	return v
}

// typ returns a type; what is not there, or cannot be used, is not found or
// unavailable.
func (s *server) typ(name string) (host.Type, error) {
	if !slices.ContainsFunc(s.h.Types(), func(t host.Type) bool { return t.Schema.Name == name }) {
		_, err := s.h.Type(name)
		if f := s.asFailure(context.Background(), err); err != nil && f.Status == http.StatusServiceUnavailable {
			return host.Type{}, f
		}
		return host.Type{}, notFound()
	}
	return s.h.Type(name)
}

func (s *server) getType(ctx context.Context, in *OneType) (*typeView, error) {
	t, err := s.typ(in.Type)
	if err != nil {
		return nil, err
	}
	out := &typeView{Body: s.typeView(ctx, t, in.Language)}
	out.Status = out.note(in.IfNoneMatch, "", encode(out.Body))
	return out, nil
}

func (s *server) getTypeSchema(ctx context.Context, in *aSchema) (*rendered, error) {
	t, err := s.typ(in.Type)
	if err != nil {
		return nil, err
	}
	f := form.New(form.Config{Schema: t.Schema, Can: t.Can, Languages: in.Language, Application: in.Application, Draft: in.Draft,
		RedirectURL: s.typeView(ctx, t, in.Language).RedirectURL})
	return s.render(ctx, f, in.Format, in.IfNoneMatch), nil
}

// render renders a form in the format that the request asks for.
func (s *server) render(ctx context.Context, f *form.Form, name, ifNoneMatch string) *rendered {
	r := requestOf(ctx)
	wanted := acceptable(joined(r.Header["Accept"]), formats())
	all := form.Formats()
	i := slices.IndexFunc(all, func(format form.Format) bool {
		return format.Name == name || name == "" && mediaOf(format) == wanted
	})
	format := all[max(i, 0)]
	out := &rendered{ContentType: format.MediaType, Language: f.Language(), Vary: "Accept, Accept-Language, Authorization", Body: format.Render(f)}
	if format.Name == "html" { // its script may show and hide fields; it is nobody's page
		out.Policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; sandbox allow-scripts"
	}
	if out.Status = out.note(ifNoneMatch, cmp.Or(name, format.Name), out.Body); out.Status == http.StatusNotModified {
		out.Body = nil
	}
	return out
}

type icon struct {
	Noted
	Status      int
	ContentType string `header:"Content-Type"`
	Policy      string `header:"Content-Security-Policy" doc:"That nothing in it is run or loaded."`
	Body        []byte
}

func (s *server) getTypeIcon(_ context.Context, in *OneType) (*icon, error) {
	t, err := s.typ(in.Type)
	if err != nil {
		return nil, err
	}
	if t.Schema.Icon == "" {
		return nil, fail("not-found", "this type has no icon")
	}
	out := &icon{ContentType: "image/svg+xml", Policy: "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox",
		Body: bytes.Clone([]byte(t.Schema.Icon))}
	if out.Status = out.note(in.IfNoneMatch, "", out.Body); out.Status == http.StatusNotModified {
		out.Body = nil
	}
	return out, nil
}

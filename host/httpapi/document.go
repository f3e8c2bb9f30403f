// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// The tags, by which the document is divided.
const (
	tagTypes        = "Types"
	tagCredentials  = "Credentials"
	tagConnecting   = "Connecting"
	tagApplications = "Applications"
	tagKeys         = "Keys"
	tagPeople       = "People"
	tagEvents       = "Events"
	tagWebhooks     = "Webhooks"
	tagAudit        = "Audit"
	tagPlugins      = "Plugins"
	tagWorkspaces   = "Workspaces"
	tagOperating    = "Operating"
)

var tags = []*huma.Tag{
	{Name: tagTypes, Description: "Kinds of credentials, and the forms that ask for them."},
	{Name: tagCredentials, Description: "What is kept, without its secrets."},
	{Name: tagConnecting, Description: "A person's visit to a provider, to approve what a credential may do."},
	{Name: tagApplications, Description: "An operator's answers that many credentials use."},
	{Name: tagKeys, Description: "What callers of this API show."},
	{Name: tagPeople, Description: "Who signs in to the page."},
	{Name: tagEvents, Description: "What happens, as it happens."},
	{Name: tagWebhooks, Description: "Addresses to which events are sent."},
	{Name: tagAudit, Description: "What was done, by whom, from where."},
	{Name: tagPlugins, Description: "The programs that teach a host its types."},
	{Name: tagWorkspaces, Description: "The tenants of a host."},
	{Name: tagOperating, Description: "For supervisors, load balancers and generators of clients."},
}

// A representation is a document that does not change.
type representation struct{ body []byte }

// about is the part of the document that no operation says.
func about() *huma.OpenAPI {
	return &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{Title: "credhost", Version: "1.0.0", Description: introduction(),
			License: &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"}},
		Servers: []*huma.Server{{URL: "/", Description: "The host that serves this document."}},
		Tags:    tags,
		Components: &huma.Components{
			SecuritySchemes: map[string]*huma.SecurityScheme{
				"key": {Type: "http", Scheme: "bearer", BearerFormat: "chk_…", Description: "A key of a workspace, or of the host itself, which then names the workspace with the header " + workspaceHeader + "."},
				"session": {Type: "apiKey", In: "cookie", Name: "__Host-credhost",
					Description: "For the script of the host's own page alone, which sends " + pageHeader + ": 1 besides."},
			},
		},
	}
}

// introduction is the description of the whole API: the rules, and the types of
// problems.
func introduction() string {
	var b strings.Builder
	b.WriteString(`Keeps the credentials of automation engines. No answer holds a secret, but where an operation says so.

Lists have pages: give next as cursor, or follow the header Link, until there is none. Every GET takes HEAD. What changes something that others may have changed wants the ETag of what it is for as If-Match. Every answer has the ID of its request in the header ` + requestHeader + `.

What fails is answered with a Problem (RFC 9457), whose type is one of these:

`)
	for _, kind := range kinds() {
		of := problems[kind]
		b.WriteString("- `" + urn + kind + "` (" + strconv.Itoa(of.status) + "): " + of.title + ".\n")
	}
	return b.String()
}

// kinds are the types of problems, in the order of their statuses.
func kinds() []string {
	return slices.SortedFunc(maps.Keys(problems), func(a, b string) int {
		return cmp.Or(problems[a].status-problems[b].status, strings.Compare(a, b))
	})
}

type document struct {
	Noted
	Status      int
	ContentType string `header:"Content-Type"`
	Body        []byte
}

type getDocument struct{ UnlessMatch }

func (s *server) registerDocument() {
	register(s, operation{id: "getOpenAPI", method: http.MethodGet, path: "/openapi.json", tag: tagOperating, kept: true,
		gives: []string{media[0]}, summary: "Get this document"},
		func(_ context.Context, in *getDocument) (*document, error) {
			return s.document.answer(in, media[0]), nil
		})
	register(s, operation{id: "getOpenAPIYAML", method: http.MethodGet, path: "/openapi.yaml", tag: tagOperating, kept: true,
		gives: []string{"application/yaml"}, summary: "Get this document as YAML"},
		func(_ context.Context, in *getDocument) (*document, error) {
			return s.documentYAML.answer(in, "application/yaml"), nil
		})
}

func (d *representation) answer(in *getDocument, mediaType string) *document {
	out := &document{ContentType: mediaType, Body: d.body}
	if out.Status = out.note(in.IfNoneMatch, "", d.body); out.Status == http.StatusNotModified {
		out.Body = nil
	}
	return out
}

// finish completes the document, when all operations are registered: with what
// huma does not say, or says of its own errors.
func (s *server) finish() {
	doc := s.api.OpenAPI()
	schemas := doc.Components.Schemas.Map()
	delete(schemas, "ErrorModel")
	delete(schemas, "ErrorDetail")
	delete(schemas, "TLSPatch") // which stands where it is used, since it may be null there
	doc.Components.Responses = problemAnswers(schemaOf[Problem](doc.Components.Schemas))
	for _, e := range s.routes {
		for _, to := range e.methods {
			to.complete()
		}
	}
	for _, schema := range schemas {
		strict(schema)
	}
	text, err := json.Marshal(doc)
	if err != nil {
		panic(err) // it is made of this package's own types
	}
	s.document = &representation{body: indented(text)}
	yaml, err := doc.YAML()
	if err != nil {
		panic(err)
	}
	s.documentYAML = &representation{body: yaml}
}

// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"bytes"
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// schemaOf registers a type's schema, and returns a reference to it.
func schemaOf[T any](r huma.Registry) *huma.Schema { return r.Schema(reflect.TypeFor[T](), true, "") }

// strict undoes what huma assumes of Go: a list is never null here, in requests
// and in answers.
func strict(s *huma.Schema) {
	if s == nil {
		return
	}
	if s.Type == huma.TypeArray {
		s.Nullable = false
	}
	for _, p := range s.Properties {
		strict(p)
	}
	strict(s.Items)
	if more, ok := s.AdditionalProperties.(*huma.Schema); ok {
		strict(more)
	}
}

// complete adds to an operation's part of the document what is true of all
// operations of its kind: problems, headers, parameters.
func (to *route) complete() {
	op := to.op
	if op.RequestBody != nil {
		for _, m := range op.RequestBody.Content {
			strict(m.Schema)
		}
	}
	if to.in != anywhere {
		op.Parameters = append(op.Parameters, &huma.Param{Name: workspaceHeader, In: "header", Schema: &huma.Schema{Type: huma.TypeString, MaxLength: ptrTo(64)},
			Description: to.workspaceText()})
	}
	delete(op.Responses, "default")
	for status, r := range op.Responses {
		to.completeAnswer(status, r)
	}
	for _, status := range statusOf(to.problemsOf(op.RequestBody != nil)) {
		op.Responses[strconv.Itoa(status)] = &huma.Response{Ref: "#/components/responses/" + problemName(status)}
	}
	if to.also != 0 {
		op.Responses[strconv.Itoa(to.also)] = &huma.Response{Description: http.StatusText(to.also) + ": the body says why.",
			Headers: op.Responses["200"].Headers, Content: op.Responses["200"].Content}
	}
	if slices.ContainsFunc(op.Parameters, func(p *huma.Param) bool { return p.Name == "If-None-Match" }) {
		op.Responses["304"] = &huma.Response{Description: "It is what the caller has.", Headers: map[string]*huma.Param{"ETag": header("Which version this is.")}}
	}
}

func (to *route) workspaceText() string {
	if to.in == either {
		return "Which workspace is meant, with a key of the host itself. Absent: the host."
	}
	return "Which workspace is meant, with a key of the host itself, which must say so. Another key's is its own."
}

// completeAnswer describes an answer that is no problem.
func (to *route) completeAnswer(status string, r *huma.Response) {
	if r.Description == "" || r.Description == http.StatusText(http.StatusOK) {
		r.Description = "Done."
	}
	if status == "204" {
		r.Content = nil
	}
	if r.Headers == nil {
		r.Headers = map[string]*huma.Param{}
	}
	delete(r.Headers, "Content-Type") // OpenAPI has it as the key of content
	r.Headers[requestHeader] = header("The ID of the request.")
	if to.once {
		r.Headers[replayedHeader] = header("true if this is the answer to an earlier request with the same Idempotency-Key.")
	}
	for mediaType, m := range r.Content {
		if m.Schema == nil || m.Schema.ContentEncoding == "base64" {
			m.Schema = contentSchema(mediaType)
		}
	}
}

// contentSchema is what can be said of what is no JSON of this package's types.
func contentSchema(mediaType string) *huma.Schema {
	if strings.HasSuffix(mediaType, "json") {
		return &huma.Schema{Description: "As its format says."}
	}
	return &huma.Schema{Type: huma.TypeString}
}

// problemName is what the document calls the answers of one status that are
// problems.
func problemName(status int) string {
	return strings.ReplaceAll(http.StatusText(status), " ", "")
}

// problemAnswers describes the answers that are problems, by their names.
func problemAnswers(schema *huma.Schema) map[string]*huma.Response {
	all := map[string]*huma.Response{}
	for _, kind := range kinds() {
		of := problems[kind]
		if kind == "method" {
			continue // that is the answer where there is no operation
		}
		r := all[problemName(of.status)]
		if r == nil {
			r = &huma.Response{Headers: map[string]*huma.Param{requestHeader: header("The ID of the request.")},
				Content: map[string]*huma.MediaType{problemType: {Schema: schema, Examples: map[string]*huma.Example{}}}}
			all[problemName(of.status)] = r
		}
		r.Description = strings.TrimSpace(r.Description + " " + of.title + ".")
		example := fail(kind, "what happened, and what to do next").Problem
		example.Request = "4cavwdp2hzlfx5tqk7mn3ryb6e"
		if kind == "invalid" {
			example.Errors = []Fault{{Field: "apiKey", Reason: "required", Detail: "is required"}}
		}
		r.Content[problemType].Examples[kind] = &huma.Example{Summary: of.title, Value: example}
	}
	for status, of := range map[int]map[string]string{
		http.StatusUnauthorized:         {"WWW-Authenticate": "How to show a key."},
		http.StatusConflict:             {"Retry-After": "After how many seconds to try again, if that may help."},
		http.StatusTooManyRequests:      {"Retry-After": "After how many seconds to try again.", "RateLimit": "What is left.", "RateLimit-Policy": "How much there is."},
		http.StatusServiceUnavailable:   {"Retry-After": "After how many seconds to try again."},
		http.StatusUnsupportedMediaType: {"Accept": "What is taken here."},
	} {
		for name, text := range of {
			all[problemName(status)].Headers[name] = header(text)
		}
	}
	return all
}

func header(text string) *huma.Param {
	return &huma.Param{Description: text, Schema: &huma.Schema{Type: huma.TypeString}}
}

func ptrTo[T any](v T) *T { return &v }

// indented is JSON for people, too.
func indented(text []byte) []byte {
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", "  "); err != nil {
		panic(err)
	}
	b.WriteByte('\n')
	return b.Bytes()
}

// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/credhost/credhost/host/access"
)

// A place says whose an operation's things are.
type place int

const (
	anywhere   place = iota // nobody's: types, say
	workspaced              // a workspace's
	either                  // a workspace's, or with a key of the host and no workspace named, the host's
)

// An operation is what can be done with a request: of what method to what path,
// by whom, in which way. The document, the checks of a request, and the tests of
// who may do what are all made of it.
type operation struct {
	id      string // of the operation, as generated clients name it
	method  string
	path    string // below /v1
	summary string
	text    string
	tag     string

	action     access.Action // what the caller must be allowed; empty: no key is needed
	hostAction access.Action // the same, if it is about the host itself and that is another
	in         place

	status   int           // of an answer without a failure; 0: 200, or 204 without a body
	also     int           // another status with the same body, in the place of a problem
	fails    []string      // the types of problems besides those that all operations have
	once     bool          // it takes an Idempotency-Key
	secret   string        // the member of its answer that is shown once
	takes    []string      // the media types of its body; nil: application/json, if it has one
	gives    []string      // the media types of its answer; nil: application/json
	patience time.Duration // how long it may take; 0: 30 s, negative: for ever
	kept     bool          // its answer may be kept by the caller's cache, if asked about each time
}

// metaKey is where a huma.Operation has its operation.
const metaKey = "credhost"

// media are the media types of an operation that says nothing else.
var media = []string{"application/json"}

const mergePatch = "application/merge-patch+json"

// offers are the media types of its answers.
func (o operation) offers() []string {
	if o.gives == nil {
		return media
	}
	return o.gives
}

// problemsOf are the types of problems that the operation may answer with.
func (o operation) problemsOf(body bool) []string {
	all := []string{"not-acceptable", "invalid", "internal", "unavailable", "rate"}
	if o.action != "" {
		all = append(all, "key", "scope")
	}
	if o.in != anywhere {
		all = append(all, "not-found")
	}
	if body {
		all = append(all, "malformed", "slow", "too-large", "media-type")
	}
	if o.once {
		all = append(all, "busy", "key-reused")
	}
	return append(all, o.fails...)
}

// register adds an operation to the API. I and O are as huma.Register says.
func register[I, O any](s *server, o operation, handler func(context.Context, *I) (*O, error)) {
	op := huma.Operation{
		OperationID: o.id, Method: o.method, Path: "/v1" + o.path, Summary: o.summary, Description: o.text, Tags: []string{o.tag},
		DefaultStatus: o.status, MaxBodyBytes: -1, BodyReadTimeout: -1, Metadata: map[string]any{metaKey: o},
		Responses: map[string]*huma.Response{},
	}
	if o.action != "" {
		op.Security = []map[string][]string{{"key": scopesOf(o.action)}, {"session": {}}}
		op.Extensions = map[string]any{"x-credhost-action": string(o.action), "x-credhost-rule": ruleOf(o.action)}
	} else {
		op.Security = []map[string][]string{{}}
	}
	if o.gives != nil {
		op.Responses[strconv.Itoa(max(o.status, http.StatusOK))] = given(o.gives)
	}
	huma.Register(s.api, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handler(ctx, in)
		if err != nil {
			f := s.asFailure(ctx, err)
			f.Request = requestID(ctx)
			return nil, f
		}
		return out, nil
	})
}

// given is the answer of an operation that gives something else than JSON.
func given(types []string) *huma.Response {
	r := &huma.Response{Description: "What was asked for.", Content: map[string]*huma.MediaType{}}
	for _, one := range types {
		r.Content[one] = &huma.MediaType{}
	}
	return r
}

// scopesOf are the scopes of which an action needs one.
func scopesOf(a access.Action) []string {
	scopes := []string{}
	for _, s := range access.Rules[a].Scopes {
		scopes = append(scopes, string(s))
	}
	return scopes
}

// ruleOf says in the document what [access.Rules] say.
func ruleOf(a access.Action) map[string]any {
	r := access.Rules[a]
	return map[string]any{"scopes": scopesOf(a), "operator": r.Operator, "unlimitedCredentials": r.Whole, "unlimitedRequests": r.Open}
}

// offered is the media type in which a caller wants an answer, "" if none.
func (o operation) offered(r *http.Request) string {
	return acceptable(joined(r.Header["Accept"]), o.offers())
}

// statusOf are the statuses of problems, sorted, without repetition.
func statusOf(kinds []string) []int {
	var all []int
	for _, kind := range kinds {
		all = append(all, problems[kind].status)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

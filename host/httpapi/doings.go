// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/sdk"
)

type verdict struct{ Body Verdict }

// A Revocation says what became of a grant that was to be made worthless.
type Revocation struct {
	Told    bool   `json:"told" doc:"The service has taken all revocations; false if there was nothing to revoke, too."`
	Grant   string `json:"grant" enum:"none,dead,unknown,alive" doc:"What is known of what requests carried: none, there was none; dead, the service was seen to refuse it; unknown, nobody could look; alive, the service takes it still."`
	Refresh string `json:"refresh" enum:"none,dead,unknown,alive" doc:"The same of what renews it. To look would be to spend it, so it is none or unknown."`
	Kept    bool   `json:"kept" doc:"What is needed to try again is kept. No request carries it meanwhile."`
	Reason  string `json:"reason,omitempty" doc:"Why the service was not told, or still takes the grant."`
	Code    string `json:"code,omitempty" enum:"invalid,denied,forbidden,unavailable,internal" doc:"Who must act, if not all was revoked: see Problem."`
}

type revocation struct{ Body Revocation }

type suggest struct {
	OneCredential
	Field  string `query:"field" required:"true" minLength:"1" maxLength:"200" doc:"The field's name."`
	Search string `query:"search" maxLength:"500" doc:"What the person has typed so far."`
}

// A Suggestion is one answer that a service offers.
type Suggestion struct {
	Value string `json:"value" doc:"The answer."`
	Title string `json:"title,omitempty" doc:"What people call it."`
	Help  string `json:"help,omitempty"`
}

type suggestions struct {
	Body struct {
		Options []Suggestion `json:"options"`
	}
}

// A Request is what a caller is about to send itself.
type Request struct {
	Method string              `json:"method" minLength:"1" maxLength:"20" pattern:"^[A-Z]+$" example:"GET"`
	URL    string              `json:"url" format:"uri" maxLength:"8000" example:"https://api.acme.example/v1/me"`
	Header map[string][]string `json:"header,omitempty" doc:"The headers that it has already, for types that sign them."`
	Body   string              `json:"body,omitempty" maxLength:"1000000" encoding:"base64" doc:"The body in base64, for types that sign it."`
}

// A SignedRequest is the request with its credential on it.
type SignedRequest struct {
	URL    string              `json:"url" format:"uri" doc:"Where to send it: to the letter."`
	Header map[string][]string `json:"header" doc:"All the headers that it must have. They are secret: keep them nowhere, and follow no redirect with them."`
}

type authenticate struct {
	OneCredential
	Body Request
}

type signed struct{ Body SignedRequest }

// A Released is a credential in the clear.
type Released struct {
	Answers json.RawMessage     `json:"answers" doc:"The answers, secrets included: native JSON."`
	Values  map[string]string   `json:"values,omitempty" doc:"What the grant adds."`
	Header  map[string][]string `json:"header,omitempty" doc:"What a request must carry."`
	Query   map[string][]string `json:"query,omitempty" doc:"What its query must have."`
	Expiry  *time.Time          `json:"expiry,omitempty" doc:"When header and query end; absent: unknown."`
}

// String says nothing of what it holds.
func (Released) String() string { return "released credential" }

type released struct{ Body Released }

func (s *server) registerDoings() {
	one := "/credentials/{credential}"
	register(s, operation{id: "testCredential", method: http.MethodPost, path: one + "/test", tag: tagCredentials, action: access.TestCredential,
		in: workspaced, patience: time.Minute, summary: "Ask the service whether a credential works",
		text: "Whatever it finds is an answer: an error means that it could not be tested at all."}, s.testCredential)
	register(s, operation{id: "revokeCredential", method: http.MethodPost, path: one + "/revoke", tag: tagCredentials, action: access.RevokeCredential,
		in: workspaced, patience: time.Minute, fails: []string{"denied", "forbidden"}, summary: "Make a credential's grant worthless at its service",
		text: "It is taken from use first, on every host. The answers stay: the next use obtains another grant, or asks to connect again. What could not be revoked is said; call it again, or forgetCredential."},
		s.revokeCredential)
	register(s, operation{id: "forgetCredential", method: http.MethodPost, path: one + "/forget", tag: tagCredentials, action: access.RevokeCredential,
		in: workspaced, status: http.StatusNoContent, fails: []string{"conflict"}, summary: "Drop a credential's grant without telling the service",
		text: "It lives there until it ends, and a copy that a thief has made lives on, too."},
		func(ctx context.Context, in *OneCredential) (*struct{}, error) {
			return nil, s.of(ctx).Forget(ctx, in.Credential)
		})
	register(s, operation{id: "suggestAnswers", method: http.MethodGet, path: one + "/suggest", tag: tagCredentials, action: access.SuggestAnswers,
		in: workspaced, fails: []string{"denied", "forbidden"}, summary: "Ask the service what a field offers to choose from",
		text: "The credential may be a draft."}, s.suggestAnswers)
	register(s, operation{id: "authenticateRequest", method: http.MethodPost, path: one + "/authenticate", tag: tagCredentials, action: access.SignRequest,
		in: workspaced, fails: []string{"denied", "forbidden"}, summary: "Put a credential on a request that you send yourself",
		text: "This hands the grant to the caller, so it takes what releaseCredential takes: the scope release, and an operator who has opened it for the workspace and the type. Prefer the proxy where it will do."},
		s.authenticateRequest)
	register(s, operation{id: "releaseCredential", method: http.MethodPost, path: one + "/release", tag: tagCredentials, action: access.ReleaseCredential,
		in: workspaced, fails: []string{"denied", "forbidden"}, summary: "Have a credential handed out in the clear",
		text: "For who cannot go through the proxy: a database driver, say. It takes the scope release, and an operator who has opened it for the workspace and the type. Each release is in the audit trail."},
		s.releaseCredential)
}

func (s *server) testCredential(ctx context.Context, in *OneCredential) (*verdict, error) {
	v, err := s.of(ctx).Test(ctx, in.Credential)
	if err != nil {
		return nil, err
	}
	return &verdict{*verdictOf(v)}, nil
}

func (s *server) revokeCredential(ctx context.Context, in *OneCredential) (*revocation, error) {
	r, err := s.of(ctx).Revoke(ctx, in.Credential)
	out := &revocation{Revocation{Told: r.Told, Grant: string(r.Grant), Refresh: string(r.Refresh), Kept: r.Kept, Reason: r.Reason}}
	var e *sdk.Error
	if err != nil && (!errors.As(err, &e) || r.Grant == "") {
		return nil, err // nothing was tried
	}
	if e != nil {
		out.Body.Code = e.Code.Error()
		if out.Body.Reason == "" {
			out.Body.Reason = e.Message
		}
	}
	return out, nil
}

func (s *server) suggestAnswers(ctx context.Context, in *suggest) (*suggestions, error) {
	options, err := s.of(ctx).Suggest(ctx, in.Credential, in.Field, in.Search)
	if err != nil {
		return nil, err
	}
	out := &suggestions{}
	out.Body.Options = []Suggestion{}
	for _, o := range options {
		out.Body.Options = append(out.Body.Options, Suggestion{o.Value, o.Title, o.Help})
	}
	return out, nil
}

// released refuses to hand out a credential unless an operator has opened that
// for its workspace and its type.
func (s *server) opened(ctx context.Context, id string) (host.Credential, error) {
	c, err := s.of(ctx).Show(ctx, id)
	if err != nil {
		return c, err
	}
	if !s.of(ctx).Releases(c.Type) {
		return c, fail("forbidden", "credentials of the type "+c.Type+" are not handed out in this workspace: an operator must open that")
	}
	return c, nil
}

func (s *server) authenticateRequest(ctx context.Context, in *authenticate) (_ *signed, err error) {
	c, err := s.of(ctx).Show(ctx, in.Credential)
	if err != nil {
		return nil, err
	}
	defer func() {
		if recorded := s.record(ctx, "authenticate", c.ID, c.Type, err); recorded != nil {
			err = recorded
		}
	}()
	if _, err := s.opened(ctx, in.Credential); err != nil {
		return nil, err
	}
	r, err := in.Body.request(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.of(ctx).Authenticate(ctx, in.Credential, r); err != nil {
		return nil, err
	}
	return &signed{SignedRequest{URL: r.URL.String(), Header: r.Header}}, nil
}

// request is what the caller is about to send.
func (q Request) request(ctx context.Context) (*http.Request, error) {
	body, err := base64.StdEncoding.DecodeString(q.Body)
	if err != nil {
		return nil, fail("invalid", "the body must be base64", Fault{Pointer: "/body", Reason: sdk.ReasonKind, Detail: "must be base64"})
	}
	u, err := url.Parse(q.URL)
	if err != nil || u.Host == "" {
		return nil, fail("invalid", "the URL must be absolute", Fault{Pointer: "/url", Reason: sdk.ReasonKind, Detail: "must be an absolute URL"})
	}
	r, err := http.NewRequestWithContext(ctx, q.Method, q.URL, bytes.NewReader(body))
	if err != nil {
		return nil, fail("invalid", "this is no request that can be sent", Fault{Pointer: "/url", Reason: sdk.ReasonKind, Detail: "must be an absolute URL"})
	}
	for name, values := range q.Header {
		for _, v := range values {
			r.Header.Add(name, v)
		}
	}
	return r, nil
}

func (s *server) releaseCredential(ctx context.Context, in *OneCredential) (*released, error) {
	r, err := s.of(ctx).Release(ctx, in.Credential)
	if err != nil {
		return nil, err
	}
	c, err := s.of(ctx).Show(ctx, in.Credential)
	if err != nil {
		return nil, err
	}
	t, err := s.h.Type(c.Type)
	if err != nil {
		return nil, err
	}
	out := &released{Released{Answers: t.Schema.Encode(r.Values), Values: map[string]string{}, Header: r.Header, Query: r.Query}}
	for name, v := range r.Values {
		if _, ok := t.Schema.Field(name); !ok {
			out.Body.Values[name] = v
		}
	}
	if !r.Expiry.IsZero() {
		out.Body.Expiry = &r.Expiry
	}
	return out, nil
}

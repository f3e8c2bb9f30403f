// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/host/form"
	"github.com/credhost/credhost/sdk"
)

// A NewCredential says what credential to create.
type NewCredential struct {
	Type        string            `json:"type" maxLength:"200" example:"acme" doc:"The name of the type."`
	Name        string            `json:"name,omitempty" maxLength:"200" example:"helpdesk" doc:"What people call it, in one line."`
	Answers     Answers           `json:"answers,omitempty" doc:"The answers to the fields of the type: what a form of getTypeSchema sends."`
	References  map[string]string `json:"references,omitempty" doc:"Answers to secret fields by reference, such as env:HALO_SECRET: the host looks there when it needs them."`
	Application string            `json:"application,omitempty" maxLength:"200" doc:"The ID of the application that answers the fields of that scope. Absent: the answers have them too."`
	TLS         *TLS              `json:"tls,omitempty"`
	Draft       bool              `json:"draft,omitempty" doc:"Answers may be missing that the service suggests. A draft can be connected and asked for suggestions, not used."`
}

// TLS says how TLS is spoken for a credential, if not as ever.
type TLS struct {
	CA          string `json:"ca,omitempty" maxLength:"100000" doc:"Authorities in PEM that are trusted besides the host's."`
	Certificate string `json:"certificate,omitempty" maxLength:"100000" doc:"The client's certificate with its chain, in PEM."`
	Key         string `json:"key,omitempty" maxLength:"100000" writeOnly:"true" doc:"Its private key, in PEM. It is never shown."`
	SkipVerify  bool   `json:"skipVerify,omitempty" doc:"Take any certificate, where the operator allows that."`
}

// String says nothing of what is set.
func (TLS) String() string { return "TLS" }

type createCredential struct {
	Once     string `header:"Idempotency-Key" maxLength:"210" doc:"A key of your choice: the same request with the same key is done once, and answered alike for 24 hours."`
	Language string `header:"Accept-Language" maxLength:"200" doc:"The languages of the person who reads what is wrong."`
	Body     NewCredential
}

type credentialOut struct {
	Noted
	Status   int
	Location string `header:"Location" doc:"Where what was created is."`
	Body     Credential
}

// OneCredential is the part of a request that says which credential is meant.
type OneCredential struct {
	Credential string `path:"credential" maxLength:"200" example:"c-4cavwdp2hzlfx5tqk7mn3ryb6e" doc:"The credential's ID."`
}

type showCredential struct {
	OneCredential
	UnlessMatch
}

type deleteCredential struct {
	OneCredential
	ForVersion
}

type listCredentials struct {
	Type        string    `query:"type" maxLength:"200" doc:"Only those of this type."`
	Status      string    `query:"status" enum:"ready,draft,needs answers,needs connecting,connect again,denied,cannot be opened" doc:"Only those of this status."`
	Search      string    `query:"search" maxLength:"100" doc:"Only those whose name or account has this in it, whatever the case, or whose ID this is."`
	Application string    `query:"application" maxLength:"200" doc:"Only those that refer to this application."`
	Ending      time.Time `query:"endingBefore" doc:"Only those that die before this time if nobody does anything (RFC 3339)."`
	Paging
}

type credentialList struct {
	Link string `header:"Link" doc:"The next page (RFC 8288), if there is one."`
	Body struct {
		Credentials []Credential `json:"credentials"`
		Next        string       `json:"next,omitempty" doc:"The cursor of the next page; absent on the last one. A page may have fewer entries than its limit, or none, and not be the last."`
	}
}

type formOf struct {
	OneCredential
	Language string `header:"Accept-Language" maxLength:"200" doc:"The languages that the person reads, best first."`
	Format   string `query:"format" enum:"json,jsonschema,rjsf,jsonforms,n8n,html" doc:"The format, for who cannot set Accept."`
	UnlessMatch
}

func (s *server) registerCredentials() {
	one := "/credentials/{credential}"
	register(s, operation{id: "createCredential", method: http.MethodPost, path: "/credentials", tag: tagCredentials, action: access.CreateCredential,
		in: workspaced, status: http.StatusCreated, once: true, summary: "Create a credential",
		text: "It contacts no service: see testCredential. All that is wrong with the answers is said at once, in errors."}, s.createCredential)
	register(s, operation{id: "listCredentials", method: http.MethodGet, path: "/credentials", tag: tagCredentials, action: access.ReadCredentials,
		in: workspaced, summary: "List credentials",
		text: "In an order that stays the same while others create and delete: nothing is listed twice or left out."}, s.listCredentials)
	register(s, operation{id: "getCredential", method: http.MethodGet, path: one, tag: tagCredentials, action: access.ReadCredentials,
		in: workspaced, summary: "Show a credential", text: "Without its secrets, which nobody reads again."}, s.getCredential)
	register(s, operation{id: "updateCredential", method: http.MethodPatch, path: one, tag: tagCredentials, action: access.UpdateCredential,
		in: workspaced, takes: []string{mergePatch}, fails: editing, summary: "Change a credential",
		text: "With a merge patch (RFC 7396): what is absent stays, null clears. Changed answers cost it its grant. Answers that change where secrets go must come with the secrets: those that are stored are for the old destinations."},
		s.updateCredential)
	register(s, operation{id: "putAnswers", method: http.MethodPut, path: one + "/answers", tag: tagCredentials, action: access.UpdateCredential,
		in: workspaced, fails: editing, summary: "Put all answers, as a form does",
		text: "What is left out is cleared, but for secrets, which a form is never told: form libraries leave out fields that were emptied."}, s.putAnswers)
	register(s, operation{id: "deleteCredential", method: http.MethodDelete, path: one, tag: tagCredentials, action: access.DeleteCredential,
		in: workspaced, status: http.StatusNoContent, fails: editing, summary: "Delete a credential for good",
		text: "It does not tell the service: see revokeCredential."}, s.deleteCredential)
	register(s, operation{id: "getCredentialForm", method: http.MethodGet, path: one + "/form", tag: tagCredentials, action: access.ReadCredentials,
		in: workspaced, gives: formats(), kept: true, summary: "Get the form to edit a credential with",
		text: "As getTypeSchema, with what is stored. No secret is in it. What the form sends is what putAnswers takes."}, s.getCredentialForm)
}

// editing are the problems of changes that are for a certain version.
var editing = []string{"conflict", "changed", "precondition-required"}

func (s *server) createCredential(ctx context.Context, in *createCredential) (*credentialOut, error) {
	b := in.Body
	t, err := s.h.Type(b.Type)
	if err != nil {
		return nil, err
	}
	f := form.New(form.Config{Schema: t.Schema, Can: t.Can, Languages: in.Language, Draft: b.Draft})
	values, err := decodeAnswers(t.Schema, b.Answers)
	if err != nil {
		return nil, err
	}
	n := host.New{Type: b.Type, Name: b.Name, Values: values, References: b.References, Application: b.Application, Draft: b.Draft}
	if b.TLS != nil {
		n.TLS = host.TLS{CA: b.TLS.CA, Certificate: b.TLS.Certificate, Key: b.TLS.Key, SkipVerify: b.TLS.SkipVerify}
	}
	id, err := s.of(ctx).Add(ctx, n)
	if err != nil {
		return nil, s.wrongAnswers(ctx, err, f)
	}
	out, err := s.shown(ctx, id)
	if err != nil {
		return nil, err
	}
	out.Status, out.Location = http.StatusCreated, "/v1/credentials/"+url.PathEscape(id)
	return out, nil
}

// decodeAnswers reads native answers.
func decodeAnswers(schema sdk.Schema, answers Answers) (sdk.Values, error) {
	if answers == nil {
		answers = Answers{}
	}
	return schema.Decode(encode(answers))
}

// wrongAnswers says what is wrong with answers, in the language of the person.
// An application that does not exist is a wrong answer, too.
func (s *server) wrongAnswers(ctx context.Context, err error, f *form.Form) error {
	if errors.Is(err, host.ErrNotFound) {
		return fail("invalid", "there is no application with this ID here", Fault{Pointer: "/application", Reason: sdk.ReasonUnknown, Detail: "must be the ID of an application"})
	}
	failed := s.asFailure(ctx, err)
	if failed.Status == http.StatusUnprocessableEntity {
		failed.Errors = faultsOf(err, f)
	}
	return failed
}

// shown is the answer that shows a credential.
func (s *server) shown(ctx context.Context, id string) (*credentialOut, error) {
	c, err := s.of(ctx).Show(ctx, id)
	if err != nil {
		return nil, err
	}
	out := &credentialOut{Body: credentialView(c)}
	out.Status, out.ETag = http.StatusOK, generationTag(c.Generation, encode(out.Body))
	return out, nil
}

func (s *server) getCredential(ctx context.Context, in *showCredential) (*credentialOut, error) {
	out, err := s.shown(ctx, in.Credential)
	if err == nil && matchesAny(in.IfNoneMatch, out.ETag) {
		out.Status = http.StatusNotModified
	}
	return out, err
}

func (s *server) deleteCredential(ctx context.Context, in *deleteCredential) (*struct{}, error) {
	wanted, err := in.wanted()
	if err != nil {
		return nil, err
	}
	for _, generation := range wanted {
		if generation == 0 {
			err = s.of(ctx).Delete(ctx, in.Credential)
		} else {
			err = s.of(ctx).DeleteUnchanged(ctx, in.Credential, generation)
		}
		if !errors.Is(err, host.ErrConflict) {
			return nil, err
		}
	}
	return nil, changed()
}

func (s *server) getCredentialForm(ctx context.Context, in *formOf) (*rendered, error) {
	c, err := s.of(ctx).Show(ctx, in.Credential)
	if err != nil {
		return nil, err
	}
	f, err := s.editForm(ctx, c, in.Language)
	if err != nil {
		return nil, err
	}
	return s.render(ctx, f, in.Format, in.IfNoneMatch), nil
}

// editForm is the form of a credential that is there.
func (s *server) editForm(ctx context.Context, c host.Credential, languages string) (*form.Form, error) {
	t, err := s.h.Type(c.Type)
	if err != nil {
		return nil, err
	}
	cfg := form.Config{Schema: t.Schema, Can: t.Can, Languages: languages, Answers: c.Answers, Draft: c.Status == host.StatusDraft}
	if t.Can.Connect {
		cfg.RedirectURL = s.of(ctx).RedirectURL(c.Type)
	}
	if c.Application != "" {
		app, err := s.of(ctx).Applications().Show(ctx, c.Application)
		if err != nil {
			return nil, err
		}
		cfg.Given = map[string]json.RawMessage(app.Answers)
	}
	return form.New(cfg), nil
}

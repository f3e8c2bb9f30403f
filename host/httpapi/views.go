// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"encoding/json"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/sdk"
)

// Answers are native JSON: booleans, numbers, lists and objects where the
// type's fields are of that kind.
type Answers map[string]json.RawMessage

// Schema implements [huma.SchemaProvider].
func (Answers) Schema(huma.Registry) *huma.Schema {
	limit := 500
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: &huma.Schema{Description: "The answer to the field of that name."}, MaxProperties: &limit,
		Examples: []any{map[string]any{"baseUrl": "https://api.acme.example", "apiKey": map[string]any{"set": true}}}}
}

// A Credential is what may be seen of one.
type Credential struct {
	ID          string            `json:"id" example:"c-4cavwdp2hzlfx5tqk7mn3ryb6e"`
	Workspace   string            `json:"workspace" example:"default"`
	Type        string            `json:"type" example:"acme"`
	Name        string            `json:"name,omitempty" example:"helpdesk" doc:"What people call it."`
	Application string            `json:"application,omitempty" doc:"The ID of the application that answers some of its fields."`
	Status      string            `json:"status" enum:"ready,draft,needs answers,needs connecting,connect again,denied,cannot be opened" doc:"What it needs before it can be used; ready: nothing."`
	Reason      string            `json:"reason,omitempty" doc:"Why it is not ready."`
	Since       *time.Time        `json:"since,omitempty" doc:"When its service began to refuse it."`
	Answers     Answers           `json:"answers" doc:"The answers. A secret is {\"set\":true}, with its reference if it has one."`
	Origins     Origins           `json:"origins"`
	TLS         *TLSView          `json:"tls,omitempty"`
	Account     string            `json:"account,omitempty" doc:"Whose it is at the service."`
	Was         string            `json:"was,omitempty" doc:"Whose it was before it was connected last, if that was somebody else."`
	Granted     bool              `json:"granted" doc:"There is a grant, or what renews one."`
	Unrevoked   []Unrevoked       `json:"unrevoked,omitempty" doc:"Grants that are not used any more, and may live at the service: see revokeCredential and forgetCredential."`
	Facts       map[string]string `json:"facts,omitempty" doc:"Public things learnt from the service."`
	Expiry      *time.Time        `json:"expiry,omitempty" doc:"When the grant at hand ends. It is renewed before."`
	Reconnect   *time.Time        `json:"reconnect,omitempty" doc:"When a person must connect it again."`
	Ends        *time.Time        `json:"ends,omitempty" doc:"When it dies, if nobody connects or uses it before."`
	Warning     string            `json:"warning,omitempty" doc:"What to do before it dies, once that is near."`
	Tested      *Verdict          `json:"tested,omitempty" doc:"What the last test found."`
	Created     time.Time         `json:"created"`
	Updated     time.Time         `json:"updated"`
}

// Origins are where a credential's secrets may go.
type Origins struct {
	Answers []string `json:"answers" doc:"To obtain a grant."`
	Grant   []string `json:"grant" doc:"With a request."`
}

// An Unrevoked grant is one that was to be revoked, and could not be.
type Unrevoked struct {
	Since  time.Time `json:"since"`
	Reason string    `json:"reason"`
}

// A TLSView is what may be seen of how TLS is spoken for a credential.
type TLSView struct {
	CA          []Certificate `json:"ca,omitempty" doc:"Authorities that are trusted besides the host's."`
	Certificate *Certificate  `json:"certificate,omitempty" doc:"The client's certificate. Its key is never shown."`
	SkipVerify  bool          `json:"skipVerify,omitempty" doc:"Any certificate is taken: whoever is on the way reads and changes everything."`
}

// A Certificate is what may be seen of one.
type Certificate struct {
	Subject     string    `json:"subject"`
	Issuer      string    `json:"issuer"`
	Fingerprint string    `json:"fingerprint" doc:"SHA-256 of all of it, in hexadecimal."`
	Expiry      time.Time `json:"expiry"`
}

// A Verdict is what a test of a credential found.
type Verdict struct {
	Outcome string    `json:"outcome" enum:"works,limited,wrong,down,unknown" doc:"works; limited: works, but lacks a permission; wrong: the answers or the approval, see code and field; down: the service or the plugin could not be asked; unknown: its type has no test."`
	Code    string    `json:"code,omitempty" enum:"invalid,denied,forbidden,unavailable,internal" doc:"Who must act: see Problem."`
	Field   string    `json:"field,omitempty" doc:"The field whose answer is wrong, if it is one."`
	Message string    `json:"message,omitempty" doc:"What was found: for a person."`
	Advice  string    `json:"advice" doc:"What to do next: for a person."`
	At      time.Time `json:"at" doc:"When it was found."`
}

// verdictOf is a verdict with advice.
func verdictOf(v host.Verdict) *Verdict {
	out := &Verdict{Outcome: string(v.Outcome), Code: v.Code, Field: v.Field, Message: v.Message, At: v.At}
	switch {
	case v.Outcome == host.Works:
		out.Advice = "nothing"
	case v.Outcome == host.Limited:
		out.Advice = "ask whoever gives permissions at the service for the one that lacks, or do without"
	case v.Outcome == host.Wrong && v.Field != "":
		out.Advice = "correct the field " + v.Field + ", and test it again"
	case v.Outcome == host.Wrong:
		out.Advice = "enter the credential again, or connect it again"
	case v.Outcome == host.Down && v.Code == sdk.Internal.Error():
		out.Advice = "tell who runs this host"
	case v.Outcome == host.Down:
		out.Advice = "test it again later"
	default:
		out.Advice = "use it, and see"
	}
	return out
}

// credentialView is what callers see of a credential.
func credentialView(c host.Credential) Credential {
	v := Credential{ID: c.ID, Workspace: c.Workspace, Type: c.Type, Name: c.Name, Application: c.Application, Status: string(c.Status),
		Reason: c.Reason, Since: c.Since, Answers: c.Answers, Origins: Origins{listed(c.Origins.Answers), listed(c.Origins.Grant)}, Account: c.Account,
		Was: c.Was, Granted: c.Granted, Facts: c.Facts, Expiry: c.Expiry, Reconnect: c.Reconnect, Ends: c.Ends, Warning: c.Warning,
		Created: c.Created, Updated: c.Updated}
	if v.Answers == nil {
		v.Answers = Answers{}
	}
	for _, u := range c.Unrevoked {
		v.Unrevoked = append(v.Unrevoked, Unrevoked(u))
	}
	if c.Tested != nil {
		v.Tested = verdictOf(*c.Tested)
	}
	if c.TLS != nil {
		v.TLS = &TLSView{SkipVerify: c.TLS.SkipVerify}
		for _, ca := range c.TLS.CA {
			v.TLS.CA = append(v.TLS.CA, Certificate(ca))
		}
		if c.TLS.Certificate != nil {
			own := Certificate(*c.TLS.Certificate)
			v.TLS.Certificate = &own
		}
	}
	return v
}

// listed is a list that JSON shows as one even if it is empty.
func listed(all []string) []string {
	if all == nil {
		return []string{}
	}
	return all
}

// A change is a member of a merge patch (RFC 7396): absent, null, or a value.
type change[T any] struct {
	Set, Null bool
	Value     T
}

// UnmarshalJSON implements [json.Unmarshaler].
func (c *change[T]) UnmarshalJSON(text []byte) error {
	c.Set, c.Null = true, string(text) == "null"
	if c.Null {
		return nil
	}
	return json.Unmarshal(text, &c.Value)
}

// Schema implements [huma.SchemaProvider].
func (change[T]) Schema(r huma.Registry) *huma.Schema {
	s := *r.Schema(reflect.TypeFor[T](), false, "")
	s.Nullable = true
	return &s
}

// ptr is the value of a change as the host wants it: nil if it is absent, and
// empty if it is null.
func (c change[T]) ptr() *T {
	if !c.Set {
		return nil
	}
	v := c.Value
	return &v
}

// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/form"
	"github.com/credhost/credhost/sdk"
)

// A CredentialPatch is a change to a credential: a merge patch of what it is
// made of.
type CredentialPatch struct {
	Name       change[string]                    `json:"name,omitzero" maxLength:"200" doc:"What people call it."`
	Answers    change[Answers]                   `json:"answers,omitzero" doc:"Changed answers; null clears one. Objects are merged."`
	References change[map[string]change[string]] `json:"references,omitzero" doc:"Changed references; null clears one."`
	TLS        change[TLSPatch]                  `json:"tls,omitzero" doc:"Changed settings of TLS; null: none are left."`
	Draft      change[bool]                      `json:"draft,omitzero" doc:"Whether answers may be missing that the service suggests."`
}

// A TLSPatch is a change to how TLS is spoken for a credential.
type TLSPatch struct {
	CA          change[string] `json:"ca,omitzero" maxLength:"100000" doc:"Authorities in PEM that are trusted besides the host's."`
	Certificate change[string] `json:"certificate,omitzero" maxLength:"100000" doc:"The client's certificate with its chain, in PEM."`
	Key         change[string] `json:"key,omitzero" maxLength:"100000" writeOnly:"true" doc:"Its private key, in PEM."`
	SkipVerify  change[bool]   `json:"skipVerify,omitzero" doc:"Take any certificate, where the operator allows that."`
}

type updateCredential struct {
	OneCredential
	ForVersion
	Language string          `header:"Accept-Language" maxLength:"200" doc:"The languages of the person who reads what is wrong."`
	Body     CredentialPatch `contentType:"application/merge-patch+json"`
}

type putAnswers struct {
	OneCredential
	ForVersion
	Language string `header:"Accept-Language" maxLength:"200" doc:"The languages of the person who reads what is wrong."`
	Body     Answers
}

func (s *server) updateCredential(ctx context.Context, in *updateCredential) (*credentialOut, error) {
	b := in.Body
	if b.Answers.Null || b.References.Null {
		return nil, fail("invalid", "answers and references are cleared one by one", Fault{Pointer: "/answers", Reason: sdk.ReasonRequired, Detail: "cannot be null"})
	}
	return s.edit(ctx, in.OneCredential.Credential, in.ForVersion, in.Language, func(c host.Credential, schema sdk.Schema) (p host.Patch, err error) {
		if p.Values, err = decodeAnswers(schema, merged(schema, c.Answers, b.Answers.Value)); err != nil {
			return p, err
		}
		p.Name, p.Draft = b.Name.ptr(), b.Draft.ptr()
		for name, ref := range b.References.Value {
			if p.References == nil {
				p.References = map[string]string{}
			}
			p.References[name] = ref.Value
		}
		p.TLS = b.TLS.Value.patch(b.TLS)
		return p, nil
	})
}

// patch is a change to TLS as the host wants it.
func (t TLSPatch) patch(of change[TLSPatch]) *host.TLSPatch {
	switch {
	case !of.Set:
		return nil
	case of.Null:
		none, no := "", false
		return &host.TLSPatch{CA: &none, Certificate: &none, Key: &none, SkipVerify: &no}
	}
	return &host.TLSPatch{CA: t.CA.ptr(), Certificate: t.Certificate.ptr(), Key: t.Key.ptr(), SkipVerify: t.SkipVerify.ptr()}
}

func (s *server) putAnswers(ctx context.Context, in *putAnswers) (*credentialOut, error) {
	return s.edit(ctx, in.OneCredential.Credential, in.ForVersion, in.Language, func(_ host.Credential, schema sdk.Schema) (p host.Patch, err error) {
		p.Whole = true
		p.Values, err = decodeAnswers(schema, in.Body)
		return p, err
	})
}

// edit changes a credential as patch says of what it is now. A change that is
// for whatever it is now is made again if somebody else was faster.
func (s *server) edit(ctx context.Context, id string, m ForVersion, languages string, patch func(host.Credential, sdk.Schema) (host.Patch, error)) (*credentialOut, error) {
	for try := 0; ; try++ {
		c, err := s.of(ctx).Show(ctx, id)
		if err != nil {
			return nil, err
		}
		certain, err := m.match(c.Generation)
		if err != nil {
			return nil, err
		}
		f, err := s.editForm(ctx, c, languages)
		if err != nil {
			return nil, err
		}
		t, err := s.h.Type(c.Type)
		if err != nil {
			return nil, err
		}
		p, err := patch(c, t.Schema)
		if err != nil {
			return nil, err
		}
		p.Generation = c.Generation
		err = s.of(ctx).Update(ctx, id, p)
		switch {
		case err == nil:
			return s.shown(ctx, id)
		case !errors.Is(err, host.ErrConflict):
			return nil, s.updateFailed(ctx, err, f)
		case certain:
			return nil, changed()
		case try == 5:
			return nil, err
		}
	}
}

// updateFailed says why a change was not made.
func (s *server) updateFailed(ctx context.Context, err error, f *form.Form) error {
	if errors.Is(err, host.ErrNotFound) {
		return err
	}
	return s.wrongAnswers(ctx, err, f)
}

// merged are the changed answers: objects are merged with what is there. A
// secret is not known, and replaced.
func merged(schema sdk.Schema, stored map[string]json.RawMessage, patch Answers) Answers {
	all := make(Answers, len(patch))
	for name, change := range patch {
		target := stored[name]
		if f, ok := schema.Field(name); !ok || f.Secret {
			target = nil
		}
		all[name] = mergeJSON(target, change)
	}
	return all
}

// mergeJSON applies a merge patch (RFC 7396, section 2) to a value; nil is none.
// What is no JSON is returned as it is.
func mergeJSON(target, patch json.RawMessage) json.RawMessage {
	var changes map[string]json.RawMessage
	if json.Unmarshal(patch, &changes) != nil || changes == nil {
		return patch
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(target, &members) != nil || members == nil {
		members = map[string]json.RawMessage{}
	}
	for name, v := range changes {
		if string(v) == "null" {
			delete(members, name)
		} else {
			members[name] = mergeJSON(members[name], v)
		}
	}
	return json.RawMessage(bytes.TrimSpace(encode(members)))
}

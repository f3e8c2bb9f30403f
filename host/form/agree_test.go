// SPDX-License-Identifier: Apache-2.0

package form_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/credhost/credhost/host/form"
	"github.com/credhost/credhost/sdk"
)

// validator compiles the JSON Schema of a form.
func validator(t *testing.T, f *form.Form) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(f.JSONSchema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("schema.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func object(answers map[string]json.RawMessage) []byte {
	text, _ := json.Marshal(answers)
	return text
}

// judge returns what the host says of native answers.
func judge(s sdk.Schema, answers []byte) error {
	values, err := s.Decode(answers)
	if err == nil {
		_, err = s.Complete(values)
	}
	return err
}

// A validator that knows nothing but the JSON Schema takes what the host takes,
// and nothing else.
func TestJSONSchemaAgrees(t *testing.T) {
	t.Parallel()
	taken, refused := 0, 0
	randoms(t, 1500, func(r *rand.Rand, s sdk.Schema) {
		schema := validator(t, form.New(form.Config{Schema: s}))
		for range 25 {
			answers := object(randomAnswers(r, s))
			instance, _ := jsonschema.UnmarshalJSON(bytes.NewReader(answers))
			host, other := judge(s, answers), schema.Validate(instance)
			if (host == nil) != (other == nil) && !onlyJSON(s, host) {
				t.Errorf("answers %s\nthe host says: %v\nthe validator: %v", answers, host, other)
				return
			}
			if host == nil {
				taken++
			} else {
				refused++
			}
		}
	})
	t.Logf("%d sets of answers taken, %d refused", taken, refused)
	if taken < 5000 || refused < 5000 {
		t.Errorf("%d sets of answers taken, %d refused: too few to say anything", taken, refused)
	}
}

// onlyJSON reports whether nothing is wrong but that a text holds no JSON, which
// a JSON Schema cannot say.
func onlyJSON(s sdk.Schema, err error) bool {
	faults, _ := err.(sdk.Errors)
	for _, e := range faults {
		f, _ := s.Field(e.Field)
		if f.Kind != sdk.JSON || e.Reason != sdk.ReasonKind {
			return false
		}
	}
	return true
}

// A form of a credential that is edited, or whose application answers a part,
// agrees with the verdict of its own Check; and that with the host's, which
// knows the secrets.
func TestEditAgrees(t *testing.T) {
	t.Parallel()
	forms, taken := 0, 0
	randoms(t, 3000, func(r *rand.Rand, s sdk.Schema) {
		for i := range s.Fields {
			if r.IntN(4) == 0 {
				s.Fields[i].Scope = sdk.Application
			}
		}
		stored := map[string]json.RawMessage{}
		values, err := s.Decode(object(randomAnswers(r, s)))
		if err == nil {
			values, err = s.Complete(values)
		}
		if err != nil || s.Validate() != nil {
			return
		}
		forms++
		cfg := form.Config{Schema: s, Answers: map[string]json.RawMessage{}}
		if r.IntN(2) == 0 {
			cfg.Given = map[string]json.RawMessage{}
		}
		if err := json.Unmarshal(s.Encode(values), &stored); err != nil {
			t.Fatal(err)
		}
		for name, native := range stored {
			f, _ := s.Field(name)
			if f.Secret {
				native = json.RawMessage(`{"set":true}`)
			}
			if f.Scope == sdk.Application && cfg.Given != nil {
				cfg.Given[name] = native
			} else {
				cfg.Answers[name] = native
			}
		}
		f := form.New(cfg)
		schema := validator(t, f)
		for range 10 {
			put := randomAnswers(r, f.Schema())
			delete(put, "nope")
			instance, _ := jsonschema.UnmarshalJSON(bytes.NewReader(object(put)))
			typed, err := f.Schema().Decode(object(put))
			if err != nil {
				t.Fatal(err)
			}
			host := hostOf(s, cfg, values, typed)
			own, other := f.Check(typed), schema.Validate(instance)
			if (host == nil) != (own == nil) || (host == nil) != (other == nil) && !onlyJSON(s, host) {
				t.Errorf("stored %s given %s put %s\nthe host says: %v\nthe form: %v\nthe validator: %v", object(cfg.Answers), object(cfg.Given), object(put), host, own, other)
				return
			}
			if host == nil {
				taken++
			}
		}
	})
	t.Logf("%d forms, %d puts taken", forms, taken)
	if forms < 500 || taken < 2000 {
		t.Errorf("%d forms, %d puts taken: too few to say anything", forms, taken)
	}
}

// hostOf is what a host makes of a put: secrets that are set stay unless they
// are put anew, and the application's answers are added.
func hostOf(s sdk.Schema, cfg form.Config, stored, put sdk.Values) error {
	all := sdk.Values{}
	for _, f := range s.Fields {
		given := cfg.Given != nil && f.Scope == sdk.Application
		answer, answered := put[f.Name]
		switch {
		case given || f.Secret && !answered:
			all[f.Name] = stored[f.Name]
		default:
			all[f.Name] = answer
		}
	}
	_, err := s.Complete(all)
	return err
}

// SPDX-License-Identifier: Apache-2.0

package form_test

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/credhost/credhost/host/form"
	"github.com/credhost/credhost/sdk"
)

// A property is what n8n reads of one of N8N's properties to decide whether it
// is displayed.
type property struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	Options []struct {
		Value string `json:"value"`
	} `json:"options"`
	DisplayOptions struct {
		Show map[string][]any `json:"show"`
		Hide map[string][]any `json:"hide"`
	} `json:"displayOptions"`
}

// displayed decides as n8n does: each key of show has to match, and none of hide
// may.
func (p property) displayed(data map[string]any) bool {
	for name, conditions := range p.DisplayOptions.Show {
		if !matches(data[name], conditions) {
			return false
		}
	}
	for name, conditions := range p.DisplayOptions.Hide {
		if matches(data[name], conditions) {
			return false
		}
	}
	return true
}

// matches reports whether one of the conditions holds of a value: a list contains
// a literal, and each of its items is as an operator says, but an empty one is
// nothing.
func matches(value any, conditions []any) bool {
	all, many := value.([]any)
	if !many {
		all = []any{value}
	}
	return slices.ContainsFunc(conditions, func(c any) bool {
		if _, operator := c.(map[string]any); operator { // exists, the only one that is used
			return len(all) > 0 && !slices.ContainsFunc(all, func(v any) bool { return v == nil || v == "" })
		}
		return slices.ContainsFunc(all, func(v any) bool {
			switch v.(type) {
			case string, bool, float64:
				return v == c
			}
			return false
		})
	})
}

// n8nData is what n8n holds of answers: defaults are filled in where a field is
// asked, and what is left over in others stays.
func n8nData(t *testing.T, s sdk.Schema, answers map[string]json.RawMessage, full sdk.Values) map[string]any {
	t.Helper()
	data := map[string]any{}
	for _, f := range s.Fields {
		native, ok := answers[f.Name]
		if asked := s.Holds(f.When, full); f.Kind == sdk.Hidden || !ok && asked {
			var assumed map[string]json.RawMessage
			if err := json.Unmarshal(s.Encode(sdk.Values{f.Name: full[f.Name]}), &assumed); err != nil {
				t.Fatal(err)
			}
			native = assumed[f.Name]
		}
		var v any
		if native == nil {
			v = ""
		} else if err := json.Unmarshal(native, &v); err != nil {
			t.Fatal(err)
		}
		switch multi := f.Many && f.Kind == sdk.Choice && f.Suggest == nil; {
		case multi && v == "":
			v = []any{}
		case multi:
		case f.Many || f.Kind == sdk.Pairs:
			v = map[string]any{"items": v}
		}
		data[f.Name] = v
	}
	return data
}

// onlyMissing reports whether nothing is wrong with answers but that some are
// not there. Of others n8n knows nothing.
func onlyMissing(err error) bool {
	var faults sdk.Errors
	if err == nil {
		return true
	}
	return errors.As(err, &faults) && !slices.ContainsFunc(faults, func(e *sdk.Error) bool { return e.Reason != sdk.ReasonRequired })
}

// In n8n a field is displayed exactly when it is asked, once, and offers what
// goes with the other answers; unless displayOptions cannot say when, and it is
// displayed always.
func TestN8NAgrees(t *testing.T) {
	t.Parallel()
	checked, always := 0, 0
	randoms(t, 1500, func(r *rand.Rand, s sdk.Schema) {
		var properties []property
		if err := json.Unmarshal(form.New(form.Config{Schema: s}).N8N(), &properties); err != nil {
			t.Fatal(err)
		}
		for range 15 {
			answers := randomAnswers(r, s)
			values, _ := s.Decode(object(answers))
			if _, err := s.Complete(values); !onlyMissing(err) {
				continue
			}
			full := s.Assume(values)
			data := n8nData(t, s, answers, full)
			for _, f := range s.Fields {
				var shown []property
				unconditional := false
				for _, p := range properties {
					if p.Name == f.Name && p.displayed(data) {
						shown = append(shown, p)
						unconditional = p.DisplayOptions.Show == nil && p.DisplayOptions.Hide == nil
					}
				}
				switch asked := s.Holds(f.When, full); {
				case f.Kind == sdk.Hidden:
				case unconditional && len(shown) == 1 && !asked:
					always++
				case asked != (len(shown) == 1) || len(shown) > 1:
					t.Errorf("field %s: asked is %t, displayed %d times\nanswers %s\ndata %v\nproperties %+v", f.Name, asked, len(shown), object(answers), data, properties)
					return
				case asked:
					checked++
					offers(t, s, f, full, shown[0])
				}
			}
		}
	})
	t.Logf("%d displayed, %d displayed though not asked", checked, always)
	if checked < 10000 {
		t.Errorf("%d fields displayed: too few to say anything", checked)
	}
}

// offers demands that a property offers just the options that go with the other
// answers; or else all, where displayOptions cannot say which do.
func offers(t *testing.T, s sdk.Schema, f sdk.Field, full sdk.Values, p property) {
	t.Helper()
	if p.Type != "options" && p.Type != "multiOptions" {
		return
	}
	var want, got []string
	for _, o := range f.Options {
		if s.Holds(o.When, full) {
			want = append(want, o.Value)
		}
	}
	for _, o := range p.Options {
		got = append(got, o.Value)
	}
	if !slices.Equal(want, got) && len(got) < len(f.Options) {
		t.Errorf("field %s offers %v, want %v", f.Name, got, want)
	}
}

// SPDX-License-Identifier: Apache-2.0

package sdk_test

import (
	"encoding/json"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/credhost/credhost/sdk"
	"github.com/google/go-cmp/cmp"
)

// node is what this test reads of a JSON Schema.
type node struct {
	Title, Description, Ref string
	Type                    string
	Required                []string
	Properties              map[string]*node
	Items                   *node
	AdditionalProperties    json.RawMessage
	Enum                    []string
	Defs                    map[string]*node `json:"$defs"`
}

// UnmarshalJSON takes the members that Go's names do not fit.
func (n *node) UnmarshalJSON(text []byte) error {
	type plain node
	var ref struct {
		Ref string `json:"$ref"`
	}
	if string(text) == "false" {
		return nil
	}
	if err := json.Unmarshal(text, &ref); err != nil {
		return err
	}
	err := json.Unmarshal(text, (*plain)(n))
	n.Ref = strings.TrimPrefix(ref.Ref, "#/$defs/")
	return err
}

// The document that other languages read must say what Go's structs say.
func TestSchemaDocumentIsTheStruct(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../schemas/schema.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var root node
	if err := json.Unmarshal(text, &root); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{"origin": true, "line": true, "text": true} // strings, which are no structs
	compare(t, &root, root.Defs, reflect.TypeFor[sdk.Schema](), seen)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(root.Defs)), slices.Sorted(maps.Keys(seen))); diff != "" {
		t.Errorf("definitions that no struct has:\n%s", diff)
	}
	var kinds, scopes []string
	for _, kind := range allKinds {
		kinds = append(kinds, string(kind))
	}
	for _, scope := range []sdk.Scope{sdk.Connection, sdk.Application} {
		scopes = append(scopes, string(scope))
	}
	field := root.Defs["field"].Properties
	if diff := cmp.Diff(kinds, slices.Sorted(slices.Values(field["kind"].Enum))); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(scopes, field["scope"].Enum); diff != "" {
		t.Error(diff)
	}
}

// compare fails if n is not the JSON form of the struct of.
func compare(t *testing.T, n *node, defs map[string]*node, of reflect.Type, seen map[string]bool) {
	t.Helper()
	var names, required []string
	for i := range of.NumField() {
		name, option, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
		names = append(names, name)
		if option == "" {
			required = append(required, name)
		}
		member := n.Properties[name]
		if member == nil {
			t.Errorf("%v: no property %q", of, name)
			continue
		}
		if member.Title == "" || member.Description == "" {
			t.Errorf("%v: %q needs a title and a description", of, name)
		}
		compareType(t, of.Name()+"."+name, member, defs, of.Field(i).Type, seen)
	}
	if diff := cmp.Diff(slices.Sorted(slices.Values(names)), slices.Sorted(maps.Keys(n.Properties))); diff != "" {
		t.Errorf("%v: properties\n%s", of, diff)
	}
	if diff := cmp.Diff(required, n.Required); diff != "" {
		t.Errorf("%v: required\n%s", of, diff)
	}
	if n.Type != "object" || string(n.AdditionalProperties) != "false" {
		t.Errorf("%v: must be an object of these properties alone", of)
	}
}

// compareType fails if n is not the JSON form of the type of a struct's field.
func compareType(t *testing.T, where string, n *node, defs map[string]*node, of reflect.Type, seen map[string]bool) {
	t.Helper()
	if n.Ref != "" {
		def := defs[n.Ref]
		if def == nil {
			t.Errorf("%s: there is no %s", where, n.Ref)
			return
		}
		if def.Title == "" || def.Description == "" {
			t.Errorf("%s needs a title and a description", n.Ref)
		}
		for of.Kind() == reflect.Pointer {
			of = of.Elem()
		}
		if of.Kind() == reflect.Struct && !seen[n.Ref] {
			seen[n.Ref] = true
			if !strings.EqualFold(n.Ref, of.Name()) {
				t.Errorf("%s: %s stands for a %v", where, n.Ref, of)
			}
			compare(t, def, defs, of, seen)
		}
		n = def
	}
	want := map[reflect.Kind]string{reflect.String: "string", reflect.Bool: "boolean", reflect.Int: "integer", reflect.Float64: "number",
		reflect.Slice: "array", reflect.Map: "object", reflect.Struct: "object", reflect.Pointer: "number"}[of.Kind()]
	if n.Type != want && where != "Condition.present" { // which is never false
		t.Errorf("%s: the type is %q, want %q", where, n.Type, want)
	}
	if of.Kind() == reflect.Slice {
		compareType(t, where+"[]", n.Items, defs, of.Elem(), seen)
	}
}

// The torture schema must be torture: whoever adds a member adds it there.
func TestTortureSchemaUsesEverything(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/torture.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []reflect.Type
	for _, of := range []any{sdk.Schema{}, sdk.Field{}, sdk.Option{}, sdk.Default{}, sdk.Bounds{}, sdk.Suggest{}, sdk.Notice{}, sdk.Condition{}} {
		all = append(all, reflect.TypeOf(of))
	}
	for _, of := range all {
		for i := range of.NumField() {
			name, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
			if !strings.Contains(string(text), `"`+name+`":`) {
				t.Errorf("no %v has %q", of, name)
			}
		}
	}
	for _, kind := range allKinds {
		if !strings.Contains(string(text), `"kind": "`+string(kind)+`"`) && kind != sdk.Text {
			t.Errorf("no field is of kind %q", kind)
		}
	}
	s := torture(t)
	if full, err := s.Complete(tortured); err != nil {
		t.Error(err)
	} else if _, err := s.Expand(full); err != nil {
		t.Error(err)
	}
}

// SPDX-License-Identifier: Apache-2.0

package sdk_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/credhost/credhost/sdk"
)

// torture returns a schema that uses everything there is.
func torture(t testing.TB) sdk.Schema {
	t.Helper()
	text, err := os.ReadFile("testdata/torture.json")
	if err != nil {
		t.Fatal(err)
	}
	var s sdk.Schema
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTortureSchemaIsValid(t *testing.T) {
	t.Parallel()
	if err := torture(t).Validate(); err != nil {
		t.Error(err)
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	a := sdk.Field{Name: "a", Title: "A"}
	secret := sdk.Field{Name: "secret", Title: "S", Secret: true}
	app := sdk.Field{Name: "app", Title: "App", Scope: sdk.Application}
	pick := sdk.Field{Name: "pick", Title: "Pick", Kind: sdk.Choice, Options: []sdk.Option{{Value: "x"}}}
	free := sdk.Field{Name: "free", Title: "Free", Suggest: &sdk.Suggest{}}
	nan, inf := math.NaN(), math.Inf(1)
	schema := func(change func(s *sdk.Schema)) sdk.Schema {
		s := sdk.Schema{Name: "t", Title: "T", Fields: []sdk.Field{a, secret, app, pick, free}}
		change(&s)
		return s
	}
	field := func(change func(f *sdk.Field)) sdk.Schema {
		f := sdk.Field{Name: "f", Title: "F"}
		change(&f)
		return schema(func(s *sdk.Schema) { s.Fields = append(s.Fields, f) })
	}
	when := func(c *sdk.Condition) sdk.Schema { return field(func(f *sdk.Field) { f.When = c }) }
	deep := a.Is("x")
	for range 20 {
		deep = sdk.Not(deep)
	}
	loop := &sdk.Condition{}
	loop.Not = loop
	tests := []struct {
		want string // a part of the only fault; none if empty
		s    sdk.Schema
	}{
		{"", schema(func(*sdk.Schema) {})},
		{"name must begin", schema(func(s *sdk.Schema) { s.Name = "T" })},
		{"name must begin", schema(func(s *sdk.Schema) { s.Name = "t\n" })},
		{"name must begin", schema(func(s *sdk.Schema) { s.Name = strings.Repeat("t", 65) })},
		{"needs a title", schema(func(s *sdk.Schema) { s.Title = "" })},
		{"needs a title", schema(func(s *sdk.Schema) { s.Title = "\x1b[2J" })},
		{"version is negative", schema(func(s *sdk.Schema) { s.Version = -1 })},
		{"icon is larger", schema(func(s *sdk.Schema) { s.Icon = strings.Repeat("x", sdk.MaxIcon+1) })},
		{"docsUrl must begin", schema(func(s *sdk.Schema) { s.DocsURL = "javascript:alert(1)" })},
		{"more than 200 fields", schema(func(s *sdk.Schema) { s.Notices = make([]sdk.Notice, 201) })},
		{"or 100 origins", schema(func(s *sdk.Schema) { s.Origins = make([]string, 101) })},
		{"stands before \"nope\"", schema(func(s *sdk.Schema) { s.Notices = []sdk.Notice{{Before: "nope", Text: "x"}} })},
		{"notice needs a text", schema(func(s *sdk.Schema) { s.Notices = []sdk.Notice{{}} })},
		{"notice: condition names", schema(func(s *sdk.Schema) { s.Notices = []sdk.Notice{{Text: "x", When: sdk.Field{Name: "nope"}.Present()}} })},
		{"connectWhen: condition names", schema(func(s *sdk.Schema) { s.ConnectWhen = sdk.Field{Name: "nope"}.Present() })},
		{"", schema(func(s *sdk.Schema) {
			s.Words = map[string]map[string]string{"pt-BR": {"A": "Á\nÊ"}, "zh-Hant-TW": nil}
		})},
		{"not a language tag", schema(func(s *sdk.Schema) { s.Words = map[string]map[string]string{"../de": nil} })},
		{"a text of \"de\"", schema(func(s *sdk.Schema) { s.Words = map[string]map[string]string{"de": {"A": "\x1b"}} })},

		{"issuer must be an https URL", schema(func(s *sdk.Schema) { s.Issuer = "http://issuer.example" })},
		{"issuer must be an https URL", schema(func(s *sdk.Schema) { s.Issuer = "https://issuer.example/?tenant=1" })},
		{`issuer: there is no field "nothing"`, schema(func(s *sdk.Schema) { s.Issuer = "https://{nothing}.example.com" })},
		{"reuseSeconds must be", schema(func(s *sdk.Schema) { s.ReuseSeconds = -1 })},
		{"reuseSeconds must be", schema(func(s *sdk.Schema) { s.ReuseSeconds = sdk.MaxReuse + 1 })},
		{"", schema(func(s *sdk.Schema) { s.ReuseSeconds = sdk.MaxReuse })},

		{"name must begin", field(func(f *sdk.Field) { f.Name = "__proto__" })},
		{"name must begin", field(func(f *sdk.Field) { f.Name = "é" })},
		{"name is reserved", field(func(f *sdk.Field) { f.Name = "constructor" })},
		{"name is used twice", field(func(f *sdk.Field) { f.Name = "a" })},
		{"needs a title", field(func(f *sdk.Field) { f.Title = "" })},
		{"has control characters", field(func(f *sdk.Field) { f.Help = "\x9b" })},
		{"longer than 4 KiB", field(func(f *sdk.Field) { f.Example = strings.Repeat("x", sdk.MaxText+1) })},
		{"no kind \"texts\"", field(func(f *sdk.Field) { f.Kind = "te\u202exts" })},
		{"no scope", field(func(f *sdk.Field) { f.Scope = "x" })},
		{"cannot be secret", field(func(f *sdk.Field) { f.Kind, f.Secret = sdk.Bool, true })},
		{"cannot have many", field(func(f *sdk.Field) { f.Kind, f.Many = sdk.Bool, true })},
		{"secret cannot have a default", field(func(f *sdk.Field) { f.Secret, f.Default = true, "x" })},
		{"choice needs options", field(func(f *sdk.Field) { f.Kind = sdk.Choice })},
		{"only a choice", field(func(f *sdk.Field) { f.Options = []sdk.Option{{Value: "x"}} })},
		{"more than 1000 options", field(func(f *sdk.Field) { f.Kind, f.Options = sdk.Choice, make([]sdk.Option, sdk.MaxOptions+1) })},
		{"bounds exclude", field(func(f *sdk.Field) { f.Bounds = sdk.Between(2, 1) })},
		{"bounds must be numbers", field(func(f *sdk.Field) { f.Bounds = &sdk.Bounds{Min: &nan} })},
		{"bounds must be numbers", field(func(f *sdk.Field) { f.Bounds = &sdk.Bounds{Max: &inf} })},
		{"not a regular expression", field(func(f *sdk.Field) { f.Pattern = "(" })},
		{"option \"\": needs", field(func(f *sdk.Field) { f.Kind, f.Options = sdk.Choice, []sdk.Option{{}} })},
		{"option \"x\": needs", field(func(f *sdk.Field) { f.Kind, f.Options = sdk.Choice, []sdk.Option{{Value: "x"}, {Value: "x"}} })},
		{"option \"x \": needs", field(func(f *sdk.Field) { f.Kind, f.Options = sdk.Choice, []sdk.Option{{Value: "x "}} })},
		{"option \"xy\": needs", field(func(f *sdk.Field) { f.Kind, f.Options = sdk.Choice, []sdk.Option{{Value: "x\ny"}} })},
		{"option \"x\": title", field(func(f *sdk.Field) { f.Kind, f.Options = sdk.Choice, []sdk.Option{{Value: "x", Title: "\n"}} })},
		{"default is not a valid", field(func(f *sdk.Field) { f.Kind, f.Default = sdk.Number, "1.0" })},
		{"default is not a valid", field(func(f *sdk.Field) { f.Kind, f.Defaults = sdk.Bool, []sdk.Default{{Value: "no"}} })},
		{"default is not a valid", field(func(f *sdk.Field) { f.Kind, f.Default = sdk.URL, "https://example.com/" })},
		{"default is not one of", field(func(f *sdk.Field) { *f = pick; f.Name, f.Default = "f", "y" })},
		{"default is not one of", field(func(f *sdk.Field) { *f = pick; f.Name, f.Many, f.Default = "f", true, `["x","y"]` })},
		{"suggestions need \"nope\"", field(func(f *sdk.Field) { f.Suggest = &sdk.Suggest{Needs: []string{"nope"}} })},
		{"suggestions need \"f\"", field(func(f *sdk.Field) { f.Suggest = &sdk.Suggest{Needs: []string{"f"}} })},
		{"suggestions need \"free\"", field(func(f *sdk.Field) { f.Suggest = &sdk.Suggest{Needs: []string{"free"}} })},

		{"exactly one of", when(&sdk.Condition{})},
		{"exactly one of", when(a.Is(""))},
		{"exactly one of", when(sdk.And())},
		{"exactly one of", when(&sdk.Condition{Field: "a", Is: "x", Present: true})},
		{"names a field, but", when(&sdk.Condition{Field: "a", Not: a.Is("x")})},
		{"has an empty part", when(sdk.Or(a.Is("x"), nil))},
		{"more than 16 deep", when(deep)},
		{"more than 16 deep", when(loop)},
		{"which is not a field", when(sdk.Field{Name: "nope"}.Is("x"))},
		{"which is secret", when(secret.Is("x"))},
		{"", when(secret.Present())},
		{"what cannot be its answer", when(pick.Is("y"))},
		{"what cannot be its answer", when(a.Is(" x"))},
		{"another person answers", field(func(f *sdk.Field) { f.Scope, f.When = sdk.Application, a.Is("x") })},
		{"", field(func(f *sdk.Field) { f.Scope, f.When = sdk.Application, app.Is("x") })},
		{"depend on itself", when(sdk.Field{Name: "f"}.Is("x"))},
	}
	for _, test := range tests {
		err := test.s.Validate()
		switch {
		case err == nil && test.want != "":
			t.Errorf("no fault, want %q", test.want)
		case err != nil && (test.want == "" || !strings.Contains(err.Error(), test.want)):
			t.Errorf("the fault is %q, want %q", err, test.want)
		case err != nil && len(err.(interface{ Unwrap() []error }).Unwrap()) != 1:
			t.Errorf("want only %q:\n%v", test.want, err)
		}
	}
}

func TestValidateListsEveryFault(t *testing.T) {
	t.Parallel()
	s := sdk.Schema{Name: "T", Fields: []sdk.Field{
		{Name: "1", Kind: "x", Scope: "y", Secret: true, Default: "z"},
		{Name: "a", Title: "A", When: sdk.Field{Name: "b"}.Is("x")},
		{Name: "b", Title: "B", Pattern: "(", When: sdk.Field{Name: "a"}.Present()},
	}, Origins: []string{"ftp://x", "{nope}"}}
	err := s.Validate()
	for _, want := range []string{"name must begin with a lower", "needs a title", `field "1": name`, `field "1": needs a title`, "no kind",
		"no scope", "a secret cannot", `field "b": pattern`, "depend on itself", "must begin with https://", `no field "nope"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not among the faults:\n%v", want, err)
		}
	}
}

func TestValidateFindsCycles(t *testing.T) {
	t.Parallel()
	var ring []sdk.Field
	for i := range 100 {
		ring = append(ring, sdk.Field{Name: fmt.Sprintf("f%d", i), Title: "F",
			When: sdk.Field{Name: fmt.Sprintf("f%d", (i+1)%100)}.Present()})
	}
	s := sdk.Schema{Name: "t", Title: "T", Fields: ring}
	if err := s.Validate(); err == nil || !strings.Contains(err.Error(), "depend on itself") {
		t.Errorf("a ring of 100 fields gives %v", err)
	}
	ring[99].When = nil
	if err := s.Validate(); err != nil {
		t.Errorf("a chain of 100 fields gives %v", err)
	}
	if complete, err := s.Complete(sdk.Values{"f99": "x"}); err == nil || complete != nil {
		t.Error("a chain is not asked to its end")
	}
	ring[99].When = sdk.Field{Name: "f0"}.Present()
	done := make(chan bool)
	go func() { s.Complete(sdk.Values{"f0": "x"}); close(done) }() // an invalid schema must not hang either
	<-done
}

// A hostile plugin must not keep its host busy: work is bounded, not time.
func TestValidateOfHugeSchemas(t *testing.T) { // not parallel: it counts allocations
	s := sdk.Schema{Name: "t", Title: "T"}
	for i := range 10_000 {
		f := sdk.Field{Name: fmt.Sprintf("f%d", i), Title: "F", Kind: sdk.Choice}
		f.When = sdk.And(sdk.Field{Name: "f0"}.Present(), sdk.Field{Name: "f9999"}.Present())
		s.Fields = append(s.Fields, f)
		s.Notices = append(s.Notices, sdk.Notice{Before: f.Name, Text: "x", When: f.When})
		s.Origins = append(s.Origins, "{f9999}")
	}
	if err := s.Validate(); err == nil || !strings.Contains(err.Error(), "more than 200 fields") {
		t.Errorf("10,000 fields give %v", err)
	}
	if n := testing.AllocsPerRun(1, func() { s.Validate() }); n > 100 {
		t.Errorf("10,000 fields take %v allocations", n)
	}
}

func TestFaultsAreFitToPrint(t *testing.T) {
	t.Parallel()
	hostile := "\x1b]0;x\a\u202e{}" + strings.Repeat("A", 1000)
	c := &sdk.Condition{Field: hostile, Is: hostile}
	s := sdk.Schema{Name: hostile, Title: hostile, Origins: []string{"https://" + hostile, "{" + hostile + "}"},
		Notices:     []sdk.Notice{{Before: hostile, Text: hostile, When: c}},
		ConnectWhen: c, Words: map[string]map[string]string{hostile: {hostile: hostile}},
		Fields: []sdk.Field{{Name: hostile, Title: hostile, Kind: sdk.Kind(hostile), Scope: sdk.Scope(hostile), Pattern: hostile, When: c,
			Options: []sdk.Option{{Value: hostile, When: c}}, Default: hostile, Suggest: &sdk.Suggest{Needs: []string{hostile}}}}}
	for line := range strings.Lines(s.Validate().Error()) {
		if len(line) > 400 || strings.ContainsAny(line, "\x1b\a\u202e") {
			t.Errorf("%d bytes: %q", len(line), line)
		}
	}
}

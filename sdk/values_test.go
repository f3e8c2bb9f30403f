// SPDX-License-Identifier: Apache-2.0

package sdk_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/credhost/credhost/sdk"
	"github.com/google/go-cmp/cmp"
)

// everyKind has a field of each kind, and of each that takes many.
var everyKind = sdk.Schema{Name: "t", Title: "T", Fields: []sdk.Field{
	{Name: "text", Title: "T", Optional: true}, {Name: "texts", Title: "T", Optional: true, Many: true},
	{Name: "flag", Title: "T", Optional: true, Kind: sdk.Bool},
	{Name: "number", Title: "T", Optional: true, Kind: sdk.Number}, {Name: "numbers", Title: "T", Optional: true, Kind: sdk.Number, Many: true},
	{Name: "json", Title: "T", Optional: true, Kind: sdk.JSON}, {Name: "jsons", Title: "T", Optional: true, Kind: sdk.JSON, Many: true},
	{Name: "pairs", Title: "T", Optional: true, Kind: sdk.Pairs}, {Name: "listed", Title: "T", Optional: true, Kind: sdk.Pairs},
}}

func TestDecode(t *testing.T) {
	t.Parallel()
	tests := []struct {
		object string
		want   sdk.Values
	}{
		{`{"text":"a\nb","texts":["a",null,""],"flag":false,"number":1e2,"numbers":[1,2.50],"json":{"a": [1]},"jsons":[1,"[2]",null],"pairs":{"a":"b"},"listed":[{"name":"a","value":"b"},{"name":"c"},{}]}`,
			sdk.Values{"text": "a\nb", "texts": `["a","",""]`, "flag": "false", "number": "1e2", "numbers": `["1","2.50"]`, "json": `{"a":[1]}`,
				"jsons": `["1","[2]",""]`, "pairs": `{"a":"b"}`, "listed": `{"a":"b","c":""}`}},
		{`{"json":"\"x\"","listed":[{"name":"a"},{"name":"a"}],"pairs":[{"value":"b"}]}`, sdk.Values{"json": `"x"`, "listed": "\x00", "pairs": "\x00"}},
		{`{"text":null,"texts":null,"flag":null,"number":null,"json":null,"pairs":null}`,
			sdk.Values{"text": "", "texts": "", "flag": "", "number": "", "json": "", "pairs": ""}},
		{` {} `, sdk.Values{}},
		{`{"nope":{"a":1},"other":"x"}`, sdk.Values{"nope": `{"a":1}`, "other": `"x"`}},
	}
	for _, test := range tests {
		got, err := everyKind.Decode([]byte(test.object))
		if diff := cmp.Diff(map[string]string(test.want), map[string]string(got)); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", test.object, err, diff)
		}
	}
	for _, object := range []string{"", "null", "[]", `"x"`, "{", `{"a":1}{}`, `{"text":"` + canary} {
		if got, err := everyKind.Decode([]byte(object)); err == nil || got != nil || strings.Contains(err.Error(), canary) {
			t.Errorf("%q gives %v, %v", object, map[string]string(got), err)
		}
	}
}

// What is of another kind than its field is refused with all else that is
// wrong, in the order of the fields; where the field is not asked, it is
// dropped like any answer to it.
func TestAnswersOfAnotherKind(t *testing.T) {
	t.Parallel()
	s := everyKind
	s.Fields = append(slices.Clone(s.Fields),
		sdk.Field{Name: "needed", Title: "T"},
		sdk.Field{Name: "depends", Title: "T", Kind: sdk.Number, When: s.Fields[2].Is("true")},
		sdk.Field{Name: "fixed", Kind: sdk.Hidden, Default: "x"})
	values, err := s.Decode([]byte(`{"depends":"x","nope":1,"fixed":["x"],"text":1,"texts":"a","flag":"true","number":"1","numbers":["1"],"pairs":{"a":1},"listed":"x"}`))
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Complete(values)
	want := []fault{{"text", sdk.ReasonKind}, {"texts", sdk.ReasonKind}, {"flag", sdk.ReasonKind}, {"number", sdk.ReasonKind},
		{"numbers", sdk.ReasonKind}, {"pairs", sdk.ReasonKind}, {"listed", sdk.ReasonKind}, {"needed", sdk.ReasonRequired},
		{"fixed", sdk.ReasonFixed}, {"nope", sdk.ReasonUnknown}}
	if diff := cmp.Diff(want, faults(t, err)); diff != "" {
		t.Error(diff)
	}
}

func TestEncode(t *testing.T) {
	t.Parallel()
	answers := sdk.Values{"text": "<a>", "texts": `["a"]`, "flag": "true", "number": "1.5", "numbers": `["1"]`, "json": `{"a":1}`, "jsons": `["1","{}","\"x\""]`,
		"pairs": `{"a":"b"}`, "nope": "x"}
	const want = `{"flag":true,"json":{"a":1},"jsons":[1,{},"\"x\""],"number":1.5,"numbers":[1],"pairs":{"a":"b"},"text":"<a>","texts":["a"]}`
	if got := string(everyKind.Encode(answers)); got != want {
		t.Errorf("Encode gives %s", got)
	}
	if got := string(everyKind.Encode(sdk.Values{"text": "", "number": "oops"})); got != `{"number":"oops"}` {
		t.Errorf("Encode of an answer that Complete did not see gives %s", got)
	}
	if got := string(everyKind.Encode(nil)); got != "{}" {
		t.Errorf("Encode of nothing gives %s", got)
	}
}

func TestInput(t *testing.T) {
	t.Parallel()
	number := sdk.Field{Name: "number", Kind: sdk.Number}
	in := sdk.NewInput(everyKind, sdk.Values{"text": "x", "texts": `["a","b"]`, "flag": "true", "number": "12.9", "json": `{"A":7}`, "pairs": `{"a":"b"}`})
	if in.Get(sdk.Field{Name: "text"}) != "x" || !in.Bool(sdk.Field{Name: "flag"}) || in.Int(number) != 12 {
		t.Error("Get, Bool or Int is wrong")
	}
	if diff := cmp.Diff([]string{"a", "b"}, in.List(sdk.Field{Name: "texts"})); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"a": "b"}, in.Pairs(sdk.Field{Name: "pairs"})); diff != "" {
		t.Error(diff)
	}
	var object struct{ A int }
	if !in.JSON(sdk.Field{Name: "json"}, &object) || object.A != 7 {
		t.Error("JSON is wrong")
	}
	if v, ok := in.Lookup("text"); v != "x" || !ok {
		t.Error("Lookup does not find an answer")
	}
	if v, ok := in.Lookup("nope"); v != "" || ok {
		t.Error("Lookup finds what is not there")
	}
	in.Values()["text"] = "changed"
	if in.Get(sdk.Field{Name: "text"}) != "x" {
		t.Error("Values is no copy")
	}
}

func TestInputWithoutAnswers(t *testing.T) {
	t.Parallel()
	in := sdk.NewInput(everyKind, nil)
	if in.Get(sdk.Field{Name: "text"}) != "" || in.Bool(sdk.Field{Name: "flag"}) || in.Int(sdk.Field{Name: "number"}) != 0 ||
		in.List(sdk.Field{Name: "texts"}) != nil || in.Pairs(sdk.Field{Name: "pairs"}) != nil || in.JSON(sdk.Field{Name: "json"}, new(any)) {
		t.Error("what is not answered has an answer")
	}
	defer func() {
		if text, _ := recover().(string); !strings.Contains(text, `"txet"`) {
			t.Errorf("a misspelt field panics with %q", text)
		}
	}()
	in.Get(sdk.Field{Name: "txet"})
}

func TestInt(t *testing.T) {
	t.Parallel()
	f := sdk.Field{Name: "number", Kind: sdk.Number}
	for text, want := range map[string]int64{
		"9223372036854775807": math.MaxInt64, "-9223372036854775808": math.MinInt64, "9223372036854775808": 0, "1e+30": 0, "-1e+30": 0,
		"-1.9": -1, "1e+3": 1000, "oops": 0, "": 0,
	} {
		if got := sdk.NewInput(everyKind, sdk.Values{"number": text}).Int(f); got != want {
			t.Errorf("%q is %d, want %d", text, got, want)
		}
	}
}

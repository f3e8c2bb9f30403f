// SPDX-License-Identifier: Apache-2.0

package form_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/credhost/credhost/sdk"
)

// natives are native answers for each kind: some that are taken, then some that
// are not. None is in a form that only the host takes: see the package comment.
var natives = map[sdk.Kind][]string{
	sdk.Text:     {`"a"`, `"b"`, `"ab c"`, `"žluťoučký"`, `"שלום"`, `"abcdefghij"`, `"a\nb"`, `"a\u0001b"`, `1`, `{"set":true}`, `true`},
	sdk.LongText: {`"a"`, `" a\n\tb\n"`, `"b"`, `"🐎🐎🐎🐎"`, `1`, `[]`},
	sdk.URL:      {`"https://example.com"`, `"http://[::1]:8080/a"`, `"https://example.com/"`, `"https://b.example/x%20y"`, `"nope"`, `"https://u@example.com"`, `"https://example.com?x"`, `"ftp://example.com"`, `"https://127.1"`, `1`},
	sdk.Choice:   {`"a"`, `"b"`, `"c"`, `"d"`, `1`},
	sdk.Bool:     {`true`, `false`, `"true"`, `0`},
	sdk.Number:   {`1`, `2`, `-2.5`, `1e3`, `"1"`, `true`},
	sdk.DateTime: {`"2026-11-21T22:17:00Z"`, `"2026-11-21T22:17:00.5+02:00"`, `"2026-11-21"`, `"x"`, `5`},
	sdk.JSON:     {`"{\"a\":[1]}"`, `"5"`, `"[]"`, `"nope"`, `"x y"`},
	sdk.Pairs:    {`[{"name":"a","value":"b"}]`, `[{"name":"b","value":"1"},{"name":"a","value":""}]`, `[{"value":"x"}]`, `[{"name":1,"value":"x"}]`, `"x"`},
	sdk.Hidden:   {`"fixed"`, `"other"`, `1`},
}

// good is how many of the natives of a kind are taken.
var good = map[sdk.Kind]int{sdk.Text: 6, sdk.LongText: 4, sdk.URL: 4, sdk.Choice: 3, sdk.Bool: 2, sdk.Number: 4, sdk.DateTime: 2, sdk.JSON: 3, sdk.Pairs: 2, sdk.Hidden: 1}

var defaults = map[sdk.Kind][]string{
	sdk.Text: {"a", "b"}, sdk.LongText: {"a"}, sdk.URL: {"https://example.com"}, sdk.Choice: {"a", "b", "c"}, sdk.Bool: {"true", "false"},
	sdk.Number: {"1", "2"}, sdk.DateTime: {"2026-11-21T22:17:00Z"}, sdk.JSON: {`{"a":[1]}`}, sdk.Pairs: {`{"a":"b"}`}, sdk.Hidden: {"fixed"},
}

// comparisons are what a condition may compare an answer of each kind with.
var comparisons = map[sdk.Kind][]string{
	sdk.Text: {"a", "b"}, sdk.Choice: {"a", "b", "c"}, sdk.Bool: {"true", "false"}, sdk.Number: {"1", "2"}, sdk.Hidden: {"fixed"},
}

var kinds = []sdk.Kind{sdk.Text, sdk.LongText, sdk.URL, sdk.Choice, sdk.Choice, sdk.Choice, sdk.Bool, sdk.Bool, sdk.Number, sdk.DateTime, sdk.JSON, sdk.Pairs, sdk.Hidden}

func pick[T any](r *rand.Rand, items []T) T { return items[r.IntN(len(items))] }

// randomSchema returns a valid schema that makes use of everything.
func randomSchema(r *rand.Rand) sdk.Schema {
	for {
		s := sdk.Schema{Name: "t", Title: "T", Fields: make([]sdk.Field, 1+r.IntN(6))}
		order := r.Perm(len(s.Fields)) // conditions name fields before or after
		for i, at := range order {
			s.Fields[at] = randomField(r, fmt.Sprintf("f%d", i), s, order[:i])
		}
		s.ConnectWhen = randomCondition(r, s, order, 2)
		s.Origins = randomOrigins(r, s)
		if s.Validate() == nil {
			return s
		}
	}
}

// randomOrigins makes origins of answers.
func randomOrigins(r *rand.Rand, s sdk.Schema) []string {
	origins := []string{"https://api.example.com"}
	for _, f := range s.Fields {
		switch {
		case f.Secret || f.Many || r.IntN(3) > 0:
		case f.Kind == sdk.URL:
			origins = append(origins, "{"+f.Name+"}")
		case f.Kind == sdk.Number:
			origins = append(origins, "tcp://db.example.com:{"+f.Name+"}")
		case f.Kind == sdk.Text && r.IntN(2) == 0:
			origins = append(origins, "tcp://{"+f.Name+"}:5432")
		case f.Kind == sdk.Text:
			origins = append(origins, "https://{"+f.Name+"}.example.com")
		}
	}
	return origins
}

func randomField(r *rand.Rand, name string, s sdk.Schema, below []int) sdk.Field {
	f := sdk.Field{Name: name, Title: "F", Kind: pick(r, kinds), Optional: r.IntN(2) == 0, When: randomCondition(r, s, below, 2)}
	f.Secret = r.IntN(6) == 0 && f.Kind != sdk.Choice && f.Kind != sdk.Bool && f.Kind != sdk.Hidden
	f.Many = r.IntN(5) == 0 && f.Kind != sdk.Bool && f.Kind != sdk.Hidden && f.Kind != sdk.Pairs
	if f.Kind == sdk.Choice {
		for _, value := range []string{"a", "b", "c"} {
			f.Options = append(f.Options, sdk.Option{Value: value, When: randomCondition(r, s, below, 1)})
		}
		if r.IntN(6) == 0 {
			f.Suggest = &sdk.Suggest{}
		}
	}
	switch {
	case r.IntN(4) > 0:
	case f.Kind == sdk.Number:
		f.Bounds = sdk.Between(0, 100)
	case f.Kind == sdk.LongText:
		f.Bounds = sdk.AtMost(3)
	case f.Kind == sdk.Text:
		f.Pattern, f.Bounds = `^[^x]{1,5}$`, sdk.AtMost(9)
	}
	if f.Kind == sdk.Hidden {
		f.Default = "fixed"
	}
	if f.Secret || f.Many || r.IntN(2) == 0 {
		return f
	}
	f.Default = pick(r, defaults[f.Kind])
	for range r.IntN(3) {
		f.Defaults = append(f.Defaults, sdk.Default{Value: pick(r, defaults[f.Kind]), When: randomCondition(r, s, below, 1)})
	}
	return f
}

func randomCondition(r *rand.Rand, s sdk.Schema, among []int, depth int) *sdk.Condition {
	if len(among) == 0 || r.IntN(3) == 0 {
		return nil
	}
	if depth > 0 && r.IntN(2) == 0 {
		a, b := randomCondition(r, s, among, depth-1), randomCondition(r, s, among, depth-1)
		switch {
		case a != nil && b != nil && r.IntN(2) == 0:
			return sdk.And(a, b)
		case a != nil && b != nil:
			return sdk.Or(a, b)
		case a != nil:
			return sdk.Not(a)
		}
	}
	f := s.Fields[pick(r, among)]
	if f.Secret || comparisons[f.Kind] == nil || r.IntN(4) == 0 {
		return f.Present()
	}
	return f.Is(pick(r, comparisons[f.Kind]))
}

// randomAnswers returns a native object that is mostly taken.
func randomAnswers(r *rand.Rand, s sdk.Schema) map[string]json.RawMessage {
	answers := map[string]json.RawMessage{}
	for _, f := range s.Fields {
		if r.IntN(5) == 0 {
			continue
		}
		from := natives[f.Kind][:good[f.Kind]]
		if r.IntN(12) == 0 {
			from = natives[f.Kind]
		}
		native := pick(r, from)
		if f.Many {
			if more := pick(r, from); more != native && r.IntN(2) == 0 {
				native += "," + more
			}
			native = "[" + native + "]"
		}
		answers[f.Name] = json.RawMessage(native)
	}
	if r.IntN(40) == 0 {
		answers["nope"] = json.RawMessage(`"x"`)
	}
	return answers
}

// schemas returns a number of random schemas, the same ones each time.
func randoms(t *testing.T, count int, yield func(r *rand.Rand, s sdk.Schema)) {
	t.Helper()
	for seed := range count {
		r := rand.New(rand.NewPCG(uint64(seed), 7))
		s := randomSchema(r)
		yield(r, s)
		if t.Failed() {
			text, _ := json.MarshalIndent(s, "", " ")
			t.Fatalf("seed %d, schema %s", seed, text)
		}
	}
}

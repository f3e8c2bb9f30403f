// SPDX-License-Identifier: Apache-2.0

package sdk_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/credhost/credhost/sdk"
	"github.com/google/go-cmp/cmp"
)

// sample has answers of every sort for each kind: canonical ones first, then
// others that are taken, then some that are not.
var sample = map[sdk.Kind][]string{
	sdk.Text:     {"x", "ž 🐎", "a.b", " x ", "a\nb", "\xff", "\x00"},
	sdk.LongText: {"x", " a\n\tb\n", "\u2028", "\x00"},
	sdk.URL:      {"https://example.com", "http://[::1]:8080/a", "HTTPS://Example.com:443//", "https://example.com/a%20b", "nope", "https://u@example.com"},
	sdk.Choice:   {"a", "b", "ab", " a ", "c"},
	sdk.Bool:     {"true", "false", " true", "yes"},
	sdk.Number:   {"1", "-2.5", "1e+21", "1E3", "-0", "0.10", "x", "1e999"},
	sdk.DateTime: {"2026-11-21T22:17:00Z", "2026-11-21T22:17:00.123456789+02:00", "2026-11-21T22:17:00.500-00:00", "2026-11-21"},
	sdk.JSON:     {`{"a":[1,"<&>\u2028"]}`, "0", ` [ 1 , {} ] `, "null", "{"},
	sdk.Pairs:    {`{"a":"b"}`, `{"b":"1", "a":"<\u2028>"}`, "{}", `{"a":1}`},
	sdk.Hidden:   {"fixed", "other"},
}

var allKinds = slices.Sorted(maps.Keys(sample))

// pick returns one of items.
func pick[T any](r *rand.Rand, items []T) T { return items[r.IntN(len(items))] }

// randomSchema returns a schema that may or may not be valid. Conditions name
// any field of the same rank or below, so that most are free of cycles.
func randomSchema(r *rand.Rand) sdk.Schema {
	s := sdk.Schema{Name: "t", Title: "T", Fields: make([]sdk.Field, 1+r.IntN(7))}
	rank := r.Perm(len(s.Fields))
	for i := range rank {
		s.Fields[rank[i]] = randomField(r, fmt.Sprintf("f%d", i), s, rank[:i])
	}
	s.ConnectWhen = randomCondition(r, s, rank, 2)
	if r.IntN(3) == 0 {
		s.Notices = []sdk.Notice{{Text: "n", When: randomCondition(r, s, rank, 2)}}
	}
	for _, f := range s.Fields {
		switch {
		case r.IntN(2) == 0:
		case f.Kind == sdk.URL:
			s.Origins = append(s.Origins, "{"+f.Name+"}")
		case f.Kind == sdk.Text && !f.Many && !f.Secret:
			s.Origins = append(s.Origins, "https://{"+f.Name+"}.example.com")
		}
	}
	return s
}

func randomField(r *rand.Rand, name string, s sdk.Schema, below []int) sdk.Field {
	f := sdk.Field{Name: name, Title: "F", Kind: pick(r, allKinds), Optional: r.IntN(2) == 0, When: randomCondition(r, s, below, 2)}
	f.Secret = r.IntN(5) == 0 && f.Kind != sdk.Choice && f.Kind != sdk.Bool && f.Kind != sdk.Hidden
	f.Many = r.IntN(4) == 0 && f.Kind != sdk.Bool && f.Kind != sdk.Hidden && f.Kind != sdk.Pairs
	if f.Kind == sdk.Choice {
		for _, value := range []string{"a", "b", "ab"} {
			f.Options = append(f.Options, sdk.Option{Value: value, When: randomCondition(r, s, below, 1)})
		}
	}
	if r.IntN(6) == 0 && f.Kind != sdk.Hidden {
		f.Suggest = &sdk.Suggest{}
	}
	if r.IntN(5) == 0 && f.Kind != sdk.Bool && f.Kind != sdk.Hidden {
		f.Bounds = sdk.Between(-3, 30)
	}
	if !f.Secret && !f.Many && r.IntN(2) == 0 {
		f.Default = sample[f.Kind][r.IntN(2)]
		f.Defaults = []sdk.Default{{Value: sample[f.Kind][0], When: randomCondition(r, s, below, 1)}}
	}
	return f
}

func randomCondition(r *rand.Rand, s sdk.Schema, among []int, depth int) *sdk.Condition {
	if len(among) == 0 || r.IntN(2) == 0 {
		return nil
	}
	f := s.Fields[pick(r, among)]
	if depth > 0 {
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
	compared := []sdk.Kind{sdk.Text, sdk.Choice, sdk.Bool, sdk.Number, sdk.Hidden}
	if f.Secret || !slices.Contains(compared, f.Kind) || r.IntN(3) == 0 {
		return f.Present()
	}
	return f.Is(sample[f.Kind][0])
}

func randomAnswers(r *rand.Rand, s sdk.Schema) sdk.Values {
	answers := sdk.Values{}
	for _, f := range s.Fields {
		if r.IntN(4) == 0 {
			continue
		}
		limit := len(sample[f.Kind]) // else only what is taken, or most sets would have a fault
		if r.IntN(10) > 0 {
			limit = 2
		}
		answers[f.Name] = sample[f.Kind][r.IntN(limit)]
		if f.Many {
			list, _ := json.Marshal([]string{answers[f.Name], pick(r, sample[f.Kind][:limit])})
			answers[f.Name] = string(list)
		}
	}
	if r.IntN(20) == 0 {
		answers["nope"] = "x"
	}
	return answers
}

// properties fails if answers to a valid schema do not keep the promises of
// Complete, Draft, Encode, Decode and Expand. It reports whether they are
// complete.
func properties(t *testing.T, s sdk.Schema, answers sdk.Values) bool {
	t.Helper()
	draft, draftErr := s.Draft(answers)
	if draftErr == nil {
		again, err := s.Draft(draft)
		if err != nil || !maps.Equal(again, draft) {
			t.Errorf("the draft %q becomes %q, %v", map[string]string(draft), map[string]string(again), err)
		}
	}
	full, err := s.Complete(answers)
	if err != nil {
		checkFaults(t, s, faults(t, err))
		return false
	}
	if draftErr != nil || !maps.Equal(full, draft) {
		t.Errorf("complete %q, but the draft is %q, %v", map[string]string(full), map[string]string(draft), draftErr)
	}
	again, err := s.Complete(full)
	if err != nil || !maps.Equal(again, full) {
		t.Errorf("%q becomes %q, %v", map[string]string(full), map[string]string(again), err)
	}
	for _, f := range s.Fields {
		v, answered := full[f.Name]
		asked := s.Holds(f.When, full)
		switch {
		case answered && (v == "" || !asked):
			t.Errorf("%s is answered with %q although asked is %t", f.Name, v, asked)
		case !answered && asked && !f.Optional && f.Kind != sdk.Hidden:
			t.Errorf("%s is required and has no answer", f.Name)
		}
	}
	native := s.Encode(full)
	back, err := s.Decode(native)
	if err != nil || !maps.Equal(back, full) {
		t.Errorf("%q is encoded as %s and comes back as %q, %v", map[string]string(full), native, map[string]string(back), err)
	}
	checkOrigins(t, s, full)
	return true
}

// checkFaults fails if faults are not in the order of the fields.
func checkFaults(t *testing.T, s sdk.Schema, all []fault) {
	t.Helper()
	last := -1
	for _, fault := range all {
		i := slices.IndexFunc(s.Fields, func(f sdk.Field) bool { return f.Name == fault.Field })
		if fault.Reason == sdk.ReasonUnknown {
			i = len(s.Fields) + 1
		}
		if i < last || i < 0 {
			t.Errorf("faults are out of order: %v", all)
		}
		last = i
	}
}

func checkOrigins(t *testing.T, s sdk.Schema, full sdk.Values) {
	t.Helper()
	origins, err := s.Expand(full)
	if err != nil {
		return
	}
	for _, origin := range slices.Concat(origins.Grant, origins.Answers) {
		if !sdk.MatchOrigin([]string{origin}, origin) && sdk.Origin(origin) == origin {
			t.Errorf("%s does not match itself", origin)
		}
	}
}

func TestProperties(t *testing.T) {
	t.Parallel()
	valid, complete := 0, 0
	const rounds = 2000
	for seed := range uint64(rounds) {
		r := rand.New(rand.NewPCG(seed, 0))
		s := randomSchema(r)
		if s.Validate() != nil {
			continue
		}
		valid++
		text, err := json.Marshal(s)
		var back sdk.Schema
		if err != nil || json.Unmarshal(text, &back) != nil || !reflect.DeepEqual(s, back) {
			t.Errorf("the schema does not survive JSON:\n%s", cmp.Diff(s, back))
		}
		for range 4 {
			if properties(t, s, randomAnswers(r, s)) {
				complete++
			}
		}
		if t.Failed() {
			t.Fatalf("seed %d: %s", seed, text)
		}
	}
	t.Logf("%d schemas of %d are valid, %d sets of answers complete", valid, rounds, complete)
	if valid < rounds/4 || complete < valid/4 {
		t.Error("too few for a test")
	}
}

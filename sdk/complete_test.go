// SPDX-License-Identifier: Apache-2.0

package sdk_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/credhost/credhost/sdk"
	"github.com/google/go-cmp/cmp"
)

// fault is what a test says of an error.
type fault struct{ Field, Reason string }

// faults returns the faults of a set of answers, in their order.
func faults(t *testing.T, err error) []fault {
	t.Helper()
	if err == nil {
		return nil
	}
	var all sdk.Errors
	if !errors.As(err, &all) {
		t.Fatalf("the error is a %T, not sdk.Errors: %v", err, err)
	}
	var got []fault
	for _, e := range all {
		if e.Code != sdk.Invalid || e.Message == "" {
			t.Errorf("fault %+v has code %v and message %q", e, e.Code, e.Message)
		}
		got = append(got, fault{e.Field, e.Reason})
	}
	return got
}

// halo has what a real type has: a choice that decides what else is asked.
func halo() sdk.Schema {
	hosting := sdk.Field{Name: "hosting", Title: "Hosting", Kind: sdk.Choice, Default: "hosted",
		Options: []sdk.Option{{Value: "hosted"}, {Value: "own"}}}
	tenant := sdk.Field{Name: "tenant", Title: "Tenant", When: hosting.Is("hosted")}
	grant := sdk.Field{Name: "grant", Title: "Grant", Kind: sdk.Choice, Default: "client",
		Options:  []sdk.Option{{Value: "client", When: hosting.Is("hosted")}, {Value: "password"}},
		Defaults: []sdk.Default{{Value: "password", When: hosting.Is("own")}}}
	password := sdk.Field{Name: "password", Title: "Password", Secret: true, When: grant.Is("password")}
	list := sdk.Field{Name: "list", Title: "List", Kind: sdk.Choice, Suggest: &sdk.Suggest{Needs: []string{"tenant"}}}
	version := sdk.Field{Name: "version", Kind: sdk.Hidden, Default: "2",
		Defaults: []sdk.Default{{Value: "1", When: hosting.Is("own")}}}
	return sdk.Schema{Name: "halo", Title: "Halo", Fields: []sdk.Field{
		password, grant, tenant, hosting, list, version}} // asked in this order, decided in another
}

func TestComplete(t *testing.T) {
	t.Parallel()
	s := halo()
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name    string
		answers sdk.Values
		want    sdk.Values
		faults  []fault
	}{
		{"defaults are filled in",
			sdk.Values{"tenant": " acme ", "list": "l1"},
			sdk.Values{"tenant": "acme", "list": "l1", "hosting": "hosted", "grant": "client", "version": "2"}, nil},
		{"a default may depend on an answer",
			sdk.Values{"hosting": "own", "password": " p ", "list": "l1"},
			sdk.Values{"hosting": "own", "grant": "password", "password": " p ", "list": "l1", "version": "1"}, nil},
		{"what is not asked is left out, right or wrong",
			sdk.Values{"hosting": "own", "password": "p", "list": "l1", "tenant": "a\nb"},
			sdk.Values{"hosting": "own", "grant": "password", "password": "p", "list": "l1", "version": "1"}, nil},
		{"an option may depend on an answer",
			sdk.Values{"hosting": "own", "grant": "client", "list": "l1"}, nil,
			[]fault{{"grant", sdk.ReasonOption}}},
		{"every fault, in the order of the fields, what is unknown last",
			sdk.Values{"grant": "password", "hosting": "hosted", "version": "7", "zzz": "1", "aaa": ""}, nil,
			[]fault{{"password", sdk.ReasonRequired}, {"tenant", sdk.ReasonRequired}, {"list", sdk.ReasonRequired},
				{"version", sdk.ReasonFixed}, {"aaa", sdk.ReasonUnknown}, {"zzz", sdk.ReasonUnknown}}},
		{"an answer to what is hidden is taken if it is the only one",
			sdk.Values{"tenant": "t", "list": "l", "version": "2"},
			sdk.Values{"tenant": "t", "list": "l", "hosting": "hosted", "grant": "client", "version": "2"}, nil},
		{"an answer to what is hidden is refused if it was the default under another condition",
			sdk.Values{"tenant": "t", "list": "l", "version": "1"}, nil,
			[]fault{{"version", sdk.ReasonFixed}}},
		{"empty is not answered",
			sdk.Values{"tenant": "  ", "list": "", "hosting": "", "grant": " "}, nil,
			[]fault{{"tenant", sdk.ReasonRequired}, {"list", sdk.ReasonRequired}}},
	}
	for _, test := range tests {
		got, err := s.Complete(test.answers)
		if diff := cmp.Diff(map[string]string(test.want), map[string]string(got)); diff != "" {
			t.Errorf("%s:\n%s", test.name, diff)
		}
		if diff := cmp.Diff(test.faults, faults(t, err)); diff != "" {
			t.Errorf("%s: faults\n%s", test.name, diff)
		}
	}
}

func TestCompleteLeavesTheAnswersAlone(t *testing.T) {
	t.Parallel()
	answers := sdk.Values{"tenant": " acme ", "list": "l1", "password": "p"}
	if _, err := halo().Complete(answers); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"tenant": " acme ", "list": "l1", "password": "p"}, map[string]string(answers)); diff != "" {
		t.Error(diff)
	}
}

func TestDraftLacksOnlyWhatIsSuggested(t *testing.T) {
	t.Parallel()
	draft, err := halo().Draft(sdk.Values{"tenant": "t"})
	want := map[string]string{"tenant": "t", "hosting": "hosted", "grant": "client", "version": "2"}
	if diff := cmp.Diff(want, map[string]string(draft)); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	_, err = halo().Draft(nil)
	if diff := cmp.Diff([]fault{{"tenant", sdk.ReasonRequired}}, faults(t, err)); diff != "" {
		t.Error(diff)
	}
}

// A person who answered nothing must not be told that the answer is wrong.
func TestDefaultThatIsNotOffered(t *testing.T) {
	t.Parallel()
	s := halo()
	s.Fields[1].Defaults = nil // leaves "client", which is offered only to hosted ones
	_, err := s.Complete(sdk.Values{"hosting": "own", "list": "l"})
	if diff := cmp.Diff([]fault{{"grant", sdk.ReasonRequired}}, faults(t, err)); diff != "" {
		t.Error(diff)
	}
}

func TestMessagesQuoteNoAnswer(t *testing.T) {
	t.Parallel()
	const canary = "c4n4ry"
	for _, kind := range []sdk.Kind{sdk.Text, sdk.LongText, sdk.URL, sdk.Choice, sdk.Bool, sdk.Number, sdk.DateTime, sdk.JSON, sdk.Pairs, sdk.Hidden} {
		for _, many := range []bool{false, true} {
			f := sdk.Field{Name: "f", Kind: kind, Many: many, Pattern: "^x$", Bounds: sdk.Between(99, 100), Options: []sdk.Option{{Value: "o"}}}
			s := sdk.Schema{Name: "t", Fields: []sdk.Field{f}}
			for _, answer := range []string{canary, `["` + canary + `"]`, `{"` + canary, `"` + canary + `"`, canary + "\x00", canary + "\n", canary + "\xff"} {
				_, err := s.Complete(sdk.Values{"f": answer})
				if err == nil {
					t.Errorf("kind %q takes %q", kind, answer)
				} else if strings.Contains(err.Error(), canary) {
					t.Errorf("kind %q quotes its answer: %v", kind, err)
				}
			}
		}
	}
}

func TestUnknownNamesAreFitToPrint(t *testing.T) {
	t.Parallel()
	hostile := "\x1b[2J\u202e" + strings.Repeat("é", 100)
	_, err := halo().Complete(sdk.Values{"tenant": "t", "list": "l", hostile: "x"})
	got := faults(t, err)
	if want := []fault{{"[2J" + strings.Repeat("é", 28), sdk.ReasonUnknown}}; !cmp.Equal(want, got) {
		t.Errorf("faults are %q", got)
	}
}

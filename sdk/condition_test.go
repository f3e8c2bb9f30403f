// SPDX-License-Identifier: Apache-2.0

package sdk_test

import (
	"testing"

	"github.com/credhost/credhost/sdk"
)

var (
	mode  = sdk.Field{Name: "mode", Title: "Mode", Kind: sdk.Choice, Optional: true, Options: []sdk.Option{{Value: "a"}, {Value: "b"}}}
	many  = sdk.Field{Name: "many", Title: "Many", Kind: sdk.Choice, Many: true, Optional: true, Options: []sdk.Option{{Value: "a"}, {Value: "b"}, {Value: "ab"}}}
	flag  = sdk.Field{Name: "flag", Title: "Flag", Kind: sdk.Bool, When: mode.Is("a")}
	note  = sdk.Field{Name: "note", Title: "Note", Optional: true}
	asked = sdk.Schema{Name: "t", Title: "T", Fields: []sdk.Field{mode, many, flag, note}}
)

func TestConditions(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		c       *sdk.Condition
		answers sdk.Values
		want    bool
	}{
		{"nil always holds", nil, nil, true},
		{"is", mode.Is("a"), sdk.Values{"mode": "a"}, true},
		{"is something else", mode.Is("b"), sdk.Values{"mode": "a"}, false},
		{"is, not answered", mode.Is("a"), nil, false},
		{"contains", many.Is("a"), sdk.Values{"many": `["b","a"]`}, true},
		{"contains no part of an answer", many.Is("a"), sdk.Values{"many": `["ab"]`}, false},
		{"contains, not answered", many.Is("a"), nil, false},
		{"present", note.Present(), sdk.Values{"note": "x"}, true},
		{"present, not answered", note.Present(), nil, false},
		{"present, asked bool", flag.Present(), sdk.Values{"mode": "a"}, true},
		{"present, bool not asked", flag.Present(), sdk.Values{"mode": "b"}, false},
		{"absent bool is false", flag.Is("false"), sdk.Values{"mode": "a"}, true},
		{"absent bool is not true", flag.Is("true"), sdk.Values{"mode": "a"}, false},
		{"bool not asked is not false either", flag.Is("false"), sdk.Values{"mode": "b"}, false},
		{"and", sdk.And(mode.Is("a"), note.Present()), sdk.Values{"mode": "a", "note": "x"}, true},
		{"and, one fails", sdk.And(mode.Is("a"), note.Present()), sdk.Values{"mode": "a"}, false},
		{"or", sdk.Or(mode.Is("a"), mode.Is("b")), sdk.Values{"mode": "b"}, true},
		{"or, both fail", sdk.Or(mode.Is("a"), mode.Is("b")), nil, false},
		{"not", sdk.Not(mode.Is("a")), nil, true},
		{"not, holds", sdk.Not(mode.Is("a")), sdk.Values{"mode": "a"}, false},
		{"nested", sdk.Not(sdk.And(sdk.Or(mode.Is("a"), mode.Is("b")), sdk.Not(note.Present()))), sdk.Values{"mode": "b"}, false},
	}
	for _, test := range tests {
		complete, err := asked.Complete(test.answers)
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		if got := asked.Holds(test.c, complete); got != test.want {
			t.Errorf("%s: holds for %v is %t", test.name, map[string]string(complete), got)
		}
	}
}

func TestNeedsConnect(t *testing.T) {
	t.Parallel()
	s := asked
	if !s.NeedsConnect(nil) {
		t.Error("without ConnectWhen, a connector's type needs no approval")
	}
	s.ConnectWhen = mode.Is("b")
	if s.NeedsConnect(sdk.Values{"mode": "a"}) || !s.NeedsConnect(sdk.Values{"mode": "b"}) {
		t.Error("ConnectWhen does not decide")
	}
}

func TestInScope(t *testing.T) {
	t.Parallel()
	id := sdk.Field{Name: "id", Title: "ID", Scope: sdk.Application}
	own := sdk.Field{Name: "own", Title: "Own", Kind: sdk.Bool, Scope: sdk.Application}
	region := sdk.Field{Name: "region", Title: "Region", Scope: sdk.Application, When: own.Is("true")}
	user := sdk.Field{Name: "user", Title: "User", When: id.Is("x")}
	s := sdk.Schema{Name: "t", Title: "T", Fields: []sdk.Field{id, own, region, user}}
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	app := s.In(sdk.Application)
	if len(app.Fields) != 3 || len(s.In(sdk.Connection).Fields) != 1 || len(s.Fields) != 4 {
		t.Errorf("In(Application) has %d fields, In(Connection) %d, and the schema now %d",
			len(app.Fields), len(s.In(sdk.Connection).Fields), len(s.Fields))
	}
	complete, err := app.Complete(sdk.Values{"id": "x", "region": "eu"})
	if err != nil || complete["region"] != "" || complete["own"] != "false" {
		t.Errorf("an operator's answers are %v, %v", map[string]string(complete), err)
	}
}

// SPDX-License-Identifier: Apache-2.0

package access_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/sdk"
)

// roles are the callers that a table has a column for.
var roles = map[string]access.Caller{
	"read":     {Actor: "key:k", Workspace: "w", Scopes: []access.Scope{access.Read}},
	"write":    {Actor: "key:k", Workspace: "w", Scopes: []access.Scope{access.Write}},
	"use":      {Actor: "key:k", Workspace: "w", Scopes: []access.Scope{access.Use}},
	"admin":    {Actor: "key:k", Workspace: "w", Scopes: []access.Scope{access.Admin}},
	"release":  {Actor: "key:k", Workspace: "w", Scopes: []access.Scope{access.Release}},
	"operator": {Actor: "key:k", Scopes: access.Scopes},
}

// may says for each action who may do it: written down once more, so that nobody
// changes a rule by mistake.
var may = map[access.Action]string{
	access.SeeSelf:             "read write use admin release operator",
	access.DeriveKey:           "read write use admin release operator",
	access.ReadTypes:           "read write use admin operator",
	access.ReadPlugins:         "read admin operator",
	access.SetPlugins:          "operator",
	access.ReadCredentials:     "read operator",
	access.CreateCredential:    "write operator",
	access.UpdateCredential:    "write operator",
	access.DeleteCredential:    "write operator",
	access.ConnectCredential:   "write operator",
	access.RevokeCredential:    "write operator",
	access.SuggestAnswers:      "write operator",
	access.TestCredential:      "write use operator",
	access.UseCredential:       "use operator",
	access.SignRequest:         "release operator",
	access.ReleaseCredential:   "release operator",
	access.ReadApplications:    "read admin operator",
	access.SetApplications:     "admin operator",
	access.SetHostApplications: "operator",
	access.ReadEvents:          "read operator",
	access.SetWebhooks:         "admin operator",
	access.ReadAudit:           "admin operator",
	access.VerifyAudit:         "admin operator",
	access.ReadKeys:            "admin operator",
	access.CreateKey:           "admin operator",
	access.DeleteKey:           "admin operator",
	access.RotateSigner:        "operator",
	access.InvitePeople:        "admin operator",
	access.ReadSessions:        "admin operator",
	access.EndSessions:         "admin operator",
	access.ReadWorkspaces:      "operator",
	access.SetWorkspaces:       "operator",
}

func TestMay(t *testing.T) {
	t.Parallel()
	if len(may) != len(access.Rules) {
		t.Errorf("there are %d actions, and %d in this test", len(access.Rules), len(may))
	}
	for a, who := range may {
		for name, c := range roles {
			want := slices.Contains(strings.Fields(who), name)
			if err := c.May(a); (err == nil) != want || err != nil && !errors.Is(err, sdk.Forbidden) {
				t.Errorf("%s: %s: %v", a, name, err)
			}
			c.Scopes = nil
			if err := c.May(a); err == nil && a != access.SeeSelf {
				t.Errorf("%s: without a scope", a)
			}
		}
		if (access.Caller{Scopes: access.Scopes}).May(a) == nil || (access.Caller{Workspace: "w", Scopes: access.Scopes}).May(a) == nil {
			t.Errorf("%s: nobody may", a)
		}
	}
	if roles["operator"].May("made.up") == nil {
		t.Error("an action without a rule")
	}
}

// What concerns all of a workspace, or leads out of it, is nothing for callers that
// are limited to a part.
func TestMayWithLimits(t *testing.T) {
	t.Parallel()
	all := roles["operator"]
	some, there, gets := all, all, all
	some.Limits = []access.Limits{{}, {Credentials: []string{"c-1"}}}
	there.Limits = []access.Limits{{URLs: []string{"/v1/*"}}}
	gets.Limits = []access.Limits{{Methods: []string{"GET"}}}
	for a, r := range access.Rules {
		if err := some.May(a); (err != nil) != r.Whole {
			t.Errorf("%s of some credentials: %v", a, err)
		}
		for _, c := range []access.Caller{there, gets} {
			if err := c.May(a); (err != nil) != r.Open {
				t.Errorf("%s with some requests: %v", a, err)
			}
		}
	}
	if err := some.MayWith(access.DeleteCredential, "c-1"); err != nil {
		t.Error(err)
	}
	if err := some.MayWith(access.DeleteCredential, "c-2"); !errors.Is(err, host.ErrNotFound) {
		t.Errorf("another credential: %v", err)
	}
	some.Scopes = nil
	if err := some.MayWith(access.DeleteCredential, "c-2"); !errors.Is(err, host.ErrNotFound) {
		t.Errorf("another credential, without the scope: %v", err)
	}
}

// The table in docs/access.md is the one that decides.
func TestTableOfActions(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("| action | one of the scopes | only |\n| --- | --- | --- |\n")
	for _, a := range slices.Sorted(maps.Keys(access.Rules)) {
		r := access.Rules[a]
		scopes := make([]string, len(r.Scopes))
		for i, s := range r.Scopes {
			scopes[i] = string(s)
		}
		var only []string
		for word, holds := range map[string]bool{"operators": r.Operator, "keys that are not limited to credentials": r.Whole, "keys that are not limited to methods or URLs": r.Open} {
			if holds {
				only = append(only, word)
			}
		}
		slices.Sort(only)
		slices.Reverse(only)
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", a, strings.Join(scopes, ", "), strings.Join(only, ", "))
	}
	text, err := os.ReadFile("../../docs/access.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), b.String()) {
		t.Errorf("docs/access.md needs this table:\n%s", b.String())
	}
}

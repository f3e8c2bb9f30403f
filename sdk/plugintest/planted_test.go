// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/credhost/credhost/sdk"
)

// A planted fault is one that the suite must find: in the test of that name,
// or below it, with a message that contains says.
type planted struct {
	name     string
	in, says string
	plugin   altered
	suite    func(s *Suite) // changes the suite; may be nil
}

// The suite catches every fault, in the test that is about it.
func TestPlantedFaults(t *testing.T) {
	var all []planted
	for _, some := range [][]planted{schemaFaults, grantFaults, stateFaults, connectFaults, useFaults, errorFaults, upgradeFaults, specialFaults} {
		all = append(all, some...)
	}
	for _, f := range all {
		t.Run(f.name, func(t *testing.T) {
			s := modelSuite(func() sdk.Plugin { return f.plugin })
			s.Patience = time.Second
			if f.suite != nil {
				f.suite(&s)
			}
			failed := record(t, s, f.in)
			for _, name := range slices.Sorted(maps.Keys(failed)) {
				if strings.Contains(strings.Join(failed[name], "\n"), f.says) {
					t.Logf("caught by %s", name)
					return
				}
			}
			t.Errorf("%s does not say %q; what failed:", f.in, f.says)
			for _, name := range slices.Sorted(maps.Keys(failed)) {
				t.Logf("%s: %s", name, strings.Join(failed[name], "\n\t"))
			}
		})
	}
}

// field returns a change of one field of the schema.
func field(name string, change func(f *sdk.Field)) func(sdk.Schema) sdk.Schema {
	return func(s sdk.Schema) sdk.Schema {
		for i := range s.Fields {
			if s.Fields[i].Name == name {
				change(&s.Fields[i])
			}
		}
		return s
	}
}

var schemaFaults = []planted{
	{name: "invalid schema", in: "Schema", says: "needs a title",
		plugin: altered{schema: field("key", func(f *sdk.Field) { f.Title = "" })}},
	{name: "schema that is too large", in: "Schema", says: "larger than 1 MiB",
		plugin: altered{schema: func(s sdk.Schema) sdk.Schema {
			s.Words = map[string]map[string]string{"de": {}}
			for i := range 300 {
				s.Words["de"][fmt.Sprint(i)] = strings.Repeat("x", sdk.MaxText)
			}
			return s
		}}},
	{name: "schema that changes", in: "Schema/Stable", says: "another value",
		plugin: altered{schema: func(s sdk.Schema) sdk.Schema { s.Title = rand.Text(); return s }}},
	{name: "condition for a Connect that is not there", in: "Schema/Abilities", says: "no Connect",
		plugin: altered{can: sdk.Abilities{Connect: true}}},
	{name: "suggestions without Suggest", in: "Schema/Abilities", says: "no Suggest",
		plugin: altered{can: sdk.Abilities{Suggest: true}}},
	{name: "Suggest without suggestions", in: "Schema/Abilities", says: "set Field.Suggest",
		plugin: altered{schema: field("site", func(f *sdk.Field) { f.Suggest, f.Kind = nil, sdk.Text })}},
	{name: "Upgrade of the first version", in: "Schema/Abilities", says: "raise Schema.Version",
		plugin: altered{schema: func(s sdk.Schema) sdk.Schema { s.Version = 0; return s }}},
	{name: "old answers without Upgrade", in: "Schema/Abilities", says: "implement sdk.Upgrader",
		plugin: altered{can: sdk.Abilities{Upgrade: true}}},
	{name: "Upgrade without old answers", in: "Schema/Abilities", says: "Suite.Old",
		suite: func(s *Suite) { s.Old = nil }},
	{name: "old answers of a future version", in: "Schema/Abilities", says: "not older",
		suite: func(s *Suite) { s.Old[7] = nil }},
	{name: "secret that nobody can find", in: "Schema/Texts", says: "where to find key",
		plugin: altered{schema: field("key", func(f *sdk.Field) { f.Help = "" })}},
	{name: "title that is a name", in: "Schema/Texts", says: "title of baseUrl",
		plugin: altered{schema: field("baseUrl", func(f *sdk.Field) { f.Title = f.Name })}},
	{name: "documentation at no address", in: "Schema/Texts", says: "DocsURL",
		plugin: altered{schema: func(s sdk.Schema) sdk.Schema { s.DocsURL = "https:///docs"; return s }}},
	{name: "icon that is no picture", in: "Schema/Icon", says: "not an svg",
		plugin: altered{schema: icon(`<html xmlns="http://www.w3.org/1999/xhtml"/>`)}},
	{name: "icon that is broken", in: "Schema/Icon", says: "not XML",
		plugin: altered{schema: icon(`<svg`)}},
	{name: "icon that cannot be scaled", in: "Schema/Icon", says: "viewBox",
		plugin: altered{schema: icon(`<svg xmlns="http://www.w3.org/2000/svg"/>`)}},
	{name: "icon with a script", in: "Schema/Icon", says: "script",
		plugin: altered{schema: icon(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><script/></svg>`)}},
	{name: "icon with a handler", in: "Schema/Icon", says: "onload",
		plugin: altered{schema: icon(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1" onload="x()"/>`)}},
	{name: "icon with entities", in: "Schema/Icon", says: "document type",
		plugin: altered{schema: icon(`<!DOCTYPE svg><svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"/>`)}},
	{name: "answers that are not complete", in: "Schema/Answers/key", says: "not complete",
		suite: func(s *Suite) { delete(s.Answers["key"], "key") }},
	{name: "field that no answers answer", in: "Schema/Answers", says: "answers clientSecret",
		suite: func(s *Suite) { delete(s.Answers, "oauth") }},
	{name: "secret that is too short", in: "Schema/Answers/key", says: "too short",
		suite: func(s *Suite) { s.Answers["key"]["key"] = "short" }},
	{name: "origin that the answers do not make", in: "Schema/Answers", says: "must be one part of a host name",
		plugin: altered{schema: func(s sdk.Schema) sdk.Schema {
			s.Origins = append(s.Origins, "https://{team}.model.example")
			return s
		}},
		suite: func(s *Suite) { s.Answers["key"]["team"] = "not a label" }},
}

func icon(svg string) func(sdk.Schema) sdk.Schema {
	return func(s sdk.Schema) sdk.Schema { s.Icon = svg; return s }
}

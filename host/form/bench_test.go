// SPDX-License-Identifier: Apache-2.0

package form_test

import (
	"encoding/json"
	"testing"

	"github.com/credhost/credhost/host/form"
	"github.com/credhost/credhost/schemas"
	"github.com/credhost/credhost/sdk"
)

// shipped returns the schemas of the shipped types.
func shipped(t testing.TB) []sdk.Schema {
	t.Helper()
	var all []sdk.Schema
	for _, name := range []string{"faxplus", "halopsa", "hellocloud"} {
		text, err := schemas.Types.ReadFile("types/" + name + ".schema.json")
		if err != nil {
			t.Fatal(err)
		}
		var s sdk.Schema
		if err := json.Unmarshal(text, &s); err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}

// BenchmarkFormats renders 400 types in every format, against writing their
// schemas as JSON with the standard library. Types have four fields, which is
// what those of an engine with hundreds of them have on average; the shipped
// ones, with six or seven and more to say about each, are "whole".
func BenchmarkFormats(b *testing.B) {
	whole := shipped(b)
	all := make([]sdk.Schema, len(whole))
	for i, s := range whole {
		s.Fields = s.Fields[:4]
		s.Notices = nil // which may stand before the others
		all[i] = s
	}
	can := sdk.Abilities{Test: true, Connect: true}
	every := func(b *testing.B, types []sdk.Schema) {
		for b.Loop() {
			for i := range 400 {
				f := form.New(form.Config{Schema: types[i%len(types)], Can: can})
				for _, format := range form.Formats() {
					format.Render(f)
				}
			}
		}
	}
	b.Run("every", func(b *testing.B) { every(b, all) })
	b.Run("whole", func(b *testing.B) { every(b, whole) })
	for _, format := range form.Formats() {
		b.Run(format.Name, func(b *testing.B) {
			for b.Loop() {
				for i := range 400 {
					format.Render(form.New(form.Config{Schema: all[i%len(all)], Can: can}))
				}
			}
		})
	}
	b.Run("encoding-json", func(b *testing.B) {
		for b.Loop() {
			for i := range 400 {
				if _, err := json.Marshal(all[i%len(all)]); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}

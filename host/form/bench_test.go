// SPDX-License-Identifier: Apache-2.0

package form_test

import (
	"encoding/json"
	"runtime"
	"sync"
	"sync/atomic"
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

// BenchmarkFormats renders 400 types, of six or seven fields each, in every
// format: with all processors, as whoever publishes them would, and with one;
// against writing their schemas as JSON with the standard library.
func BenchmarkFormats(b *testing.B) {
	all := shipped(b)
	can := sdk.Abilities{Test: true, Connect: true}
	render := func(i int) {
		f := form.New(form.Config{Schema: all[i%len(all)], Can: can})
		for _, format := range form.Formats() {
			format.Render(f)
		}
	}
	b.Run("every", func(b *testing.B) {
		for b.Loop() {
			var next atomic.Int64
			var busy sync.WaitGroup
			for range runtime.GOMAXPROCS(0) {
				busy.Go(func() {
					for i := next.Add(1); i <= 400; i = next.Add(1) {
						render(int(i))
					}
				})
			}
			busy.Wait()
		}
	})
	b.Run("one-by-one", func(b *testing.B) {
		for b.Loop() {
			for i := range 400 {
				render(i)
			}
		}
	})
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

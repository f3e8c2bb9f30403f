// SPDX-License-Identifier: Apache-2.0

package form

import (
	"slices"

	"github.com/credhost/credhost/sdk"
)

// A variant is one shape of a field: JSON Schema has no options or defaults
// that depend on other answers, so a field that has some becomes several, of
// which one is shown.
type variant struct {
	field   *sdk.Field
	when    *expr
	options []*sdk.Option
	def     string // the answer that is assumed; "" is none

	// required says that there must be an answer. It is not set where one is
	// assumed: such a field may be left empty.
	required bool

	wide bool // this stands for more shapes than are told apart: see limits
}

// maxChoices is up to how many conditions of options and defaults are told
// apart: each doubles the number of variants.
const maxChoices = 3

// variantsOf returns the shapes of a field. Where their conditions are too many
// there is one wide shape with all options and no default.
func (l *logic) variantsOf(f *sdk.Field) []variant {
	when := l.when(f)
	choices := l.choices(f, when)
	if len(choices) > maxChoices {
		return []variant{l.widest(f, when)}
	}
	var shapes []variant
	for set := range 1 << len(choices) {
		assume := func(e *expr) bool {
			if i := slices.IndexFunc(choices, e.equal); i >= 0 {
				return set&(1<<i) != 0
			}
			return l.possible(allOf(when, e)) // since it always holds then, or never
		}
		shapes = l.addVariant(shapes, f, when, choices, assume)
	}
	for i := range shapes {
		shapes[i].when = l.shorten(shapes[i].when)
	}
	return shapes
}

// choices returns the conditions of f's options and defaults that may hold or
// not where f is asked.
func (l *logic) choices(f *sdk.Field, when *expr) []*expr {
	var choices []*expr
	note := func(c *sdk.Condition) {
		e := l.full(c)
		if !slices.ContainsFunc(choices, e.equal) && l.possible(allOf(when, e)) && l.possible(allOf(when, negate(e))) {
			choices = append(choices, e)
		}
	}
	for i := range f.Options {
		note(f.Options[i].When)
	}
	for i := range f.Defaults {
		note(f.Defaults[i].When)
	}
	return choices
}

// limits says of a wide shape what it takes under which conditions.
func (l *logic) limits(v variant) []branch {
	var branches []branch
	for _, o := range v.options {
		if when := allOf(v.when, negate(l.full(o.When))); l.possible(when) {
			b := branch{when: when}
			refused := object{{"not", object{{"const", o.Value}}}}
			if v.field.Many {
				refused = object{{"not", object{{"type", "array"}, {"contains", object{{"const", o.Value}}}}}}
			}
			b.add(v.field.Name, refused, false)
			branches = append(branches, b)
		}
	}
	if !l.f.needed(v.field) {
		return branches
	}
	answered := l.assumed(v.field, func(def string) bool { return def != "" })
	if when := allOf(v.when, negate(answered)); l.possible(when) {
		b := branch{when: when}
		b.add(v.field.Name, object{}, true)
		branches = append(branches, b)
	}
	return branches
}

// widest is the variant that has room for all others.
func (l *logic) widest(f *sdk.Field, when *expr) variant {
	v := variant{field: f, when: when, wide: true}
	for i := range f.Options {
		v.options = append(v.options, &f.Options[i])
	}
	return v
}

// addVariant adds the shape that f has where the choices are as assumed.
func (l *logic) addVariant(shapes []variant, f *sdk.Field, when *expr, choices []*expr, assume func(*expr) bool) []variant {
	v := variant{field: f, when: when, def: f.Default}
	for _, e := range choices {
		if !assume(e) {
			e = negate(e)
		}
		v.when = allOf(v.when, e)
	}
	if !l.possible(v.when) {
		return shapes
	}
	for i := range f.Options {
		if assume(l.full(f.Options[i].When)) {
			v.options = append(v.options, &f.Options[i])
		}
	}
	for i := range f.Defaults {
		if assume(l.full(f.Defaults[i].When)) {
			v.def = f.Defaults[i].Value
			break
		}
	}
	if !v.offers(v.def) {
		v.def = ""
	}
	if v.def == "" && f.Kind == sdk.Bool {
		v.def = "false"
	}
	v.required = l.f.needed(f) && v.def == ""
	i := slices.IndexFunc(shapes, func(o variant) bool { return o.def == v.def && slices.Equal(o.options, v.options) })
	if i < 0 {
		return append(shapes, v)
	}
	shapes[i].when = someOf(shapes[i].when, v.when)
	return shapes
}

// offers reports whether an answer is made of v's options.
func (v variant) offers(answer string) bool {
	if v.field.Kind != sdk.Choice || v.field.Suggest != nil || answer == "" {
		return true
	}
	chosen := []string{answer}
	if v.field.Many {
		chosen = items(answer)
	}
	return !slices.ContainsFunc(chosen, func(value string) bool {
		return !slices.ContainsFunc(v.options, func(o *sdk.Option) bool { return o.Value == value })
	})
}

// needed reports whether a field that is asked must be answered.
func (f *Form) needed(field *sdk.Field) bool {
	return !field.Optional && field.Kind != sdk.Hidden && field.Kind != sdk.Bool &&
		!f.set[field.Name] && !(f.cfg.Draft && field.Suggest != nil)
}

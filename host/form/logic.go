// SPDX-License-Identifier: Apache-2.0

package form

import (
	"encoding/json"
	"slices"

	"github.com/credhost/credhost/sdk"
)

// An expr is a condition written in full: about the raw answers that a form
// holds, rather than about completed ones. It says itself what a condition of
// the schema leaves to the host: that a field which is not asked has no answer
// even if a value is left over, and that a default stands in for an answer that
// is missing. So whoever knows and, or and not can evaluate it.
type expr struct {
	op    op
	field string
	value string // of is and stays: an answer in its canonical text
	parts []*expr
}

type op uint8

const (
	always op = iota
	never
	is    // the raw answer is value, or contains it
	given // there is a raw answer
	stays // the raw answer leads nowhere but where value does: used for destinations only
	and
	or
	not
)

var (
	yes = &expr{op: always}
	no  = &expr{op: never}
)

func constant(v bool) *expr {
	if v {
		return yes
	}
	return no
}

// allOf returns the conjunction of parts, simplified.
func allOf(parts ...*expr) *expr { return join(and, yes, no, parts) }

// someOf returns the disjunction of parts, simplified.
func someOf(parts ...*expr) *expr { return join(or, no, yes, parts) }

// join flattens and folds: neutral parts are left out, an absorbing part
// decides, and of equal parts one is kept.
func join(by op, neutral, absorbing *expr, parts []*expr) *expr {
	var kept []*expr
	for _, p := range parts {
		inner := []*expr{p}
		if p.op == by {
			inner = p.parts
		}
		for _, p := range inner {
			switch {
			case p.op == absorbing.op:
				return absorbing
			case p.op == neutral.op || slices.ContainsFunc(kept, p.equal):
			case slices.ContainsFunc(kept, negate(p).equal):
				return absorbing
			default:
				kept = append(kept, p)
			}
		}
	}
	switch len(kept) {
	case 0:
		return neutral
	case 1:
		return kept[0]
	}
	return &expr{op: by, parts: kept}
}

// negate returns the opposite of e.
func negate(e *expr) *expr {
	switch e.op {
	case always:
		return no
	case never:
		return yes
	case not:
		return e.parts[0]
	}
	return &expr{op: not, parts: []*expr{e}}
}

func (e *expr) equal(o *expr) bool {
	return e == o || e.op == o.op && e.field == o.field && e.value == o.value && slices.EqualFunc(e.parts, o.parts, (*expr).equal)
}

// logic writes the conditions of one form in full.
type logic struct {
	f     *Form
	asked map[string]*expr // by field, once it is known
}

// when returns when a field is asked.
func (l *logic) when(f *sdk.Field) *expr {
	if e, ok := l.asked[f.Name]; ok {
		return e
	}
	e := l.full(f.When)
	l.asked[f.Name] = e
	return e
}

// full writes c in full.
func (l *logic) full(c *sdk.Condition) *expr {
	switch {
	case c == nil:
		return yes
	case len(c.And) > 0:
		return allOf(l.each(c.And)...)
	case len(c.Or) > 0:
		return someOf(l.each(c.Or)...)
	case c.Not != nil:
		return negate(l.full(c.Not))
	}
	f := l.f.lookup(c.Field)
	if f == nil {
		return no
	}
	if l.f.isGiven(f) {
		if c.Present {
			return constant(l.f.present(f.Name))
		}
		return constant(contains(f, l.f.given[f.Name], c.Is))
	}
	if c.Present {
		return allOf(l.when(f), l.present(f))
	}
	return allOf(l.when(f), l.is(f, c.Is))
}

func (l *logic) each(cs []*sdk.Condition) []*expr {
	es := make([]*expr, len(cs))
	for i, c := range cs {
		es[i] = l.full(c)
	}
	return es
}

// present returns when a field that is asked has an answer.
func (l *logic) present(f *sdk.Field) *expr {
	has := l.assumed(f, func(def string) bool { return def != "" })
	switch {
	case f.Kind == sdk.Bool || l.f.set[f.Name]:
		return yes
	case f.Kind == sdk.Hidden:
		return has
	}
	return someOf(&expr{op: given, field: f.Name}, has)
}

// is returns when a field that is asked has an answer that is value.
func (l *logic) is(f *sdk.Field, value string) *expr {
	has := l.assumed(f, func(def string) bool { return contains(f, def, value) })
	if f.Kind == sdk.Hidden {
		return has
	}
	raw := &expr{op: is, field: f.Name, value: value}
	return someOf(raw, allOf(negate(&expr{op: given, field: f.Name}), has))
}

// assumed returns when the answer that is assumed for a field is as ok says.
func (l *logic) assumed(f *sdk.Field, ok func(def string) bool) *expr {
	var cases []*expr
	before := yes // none of the defaults so far applies
	for _, d := range append(slices.Clone(f.Defaults), sdk.Default{Value: f.Default}) {
		applies := l.full(d.When)
		value := d.Value
		if value == "" && f.Kind == sdk.Bool {
			value = "false"
		}
		if ok(value) {
			cases = append(cases, allOf(before, applies, l.offered(f, value)))
		}
		before = allOf(before, negate(applies))
	}
	return someOf(cases...)
}

// offered returns when an answer is among the options that the other answers
// leave: a default that is not is none.
func (l *logic) offered(f *sdk.Field, answer string) *expr {
	if f.Kind != sdk.Choice || f.Suggest != nil || answer == "" {
		return yes
	}
	e := yes
	for i := range f.Options {
		if contains(f, answer, f.Options[i].Value) {
			e = allOf(e, l.full(f.Options[i].When))
		}
	}
	return e
}

// contains reports whether an answer is value, or contains it.
func contains(f *sdk.Field, answer, value string) bool {
	if !f.Many {
		return answer == value
	}
	return slices.Contains(items(answer), value)
}

// items returns the answers in the text of a field that takes many.
func items(answer string) []string {
	var many []string
	if json.Unmarshal([]byte(answer), &many) != nil {
		return nil
	}
	return many
}

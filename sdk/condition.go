// SPDX-License-Identifier: Apache-2.0

package sdk

import "slices"

// A Condition is a statement about answers. It is data, so that a browser, a
// terminal and the server evaluate the same thing. Exactly one of Is, Present,
// And, Or and Not is used; make one with [Field.Is], [Field.Present], [And],
// [Or] and [Not]. A nil *Condition always holds.
type Condition struct {
	Field   string       `json:"field,omitempty"`   // what Is and Present are about
	Is      string       `json:"is,omitempty"`      // the answer is this; or contains it, where there are many
	Present bool         `json:"present,omitempty"` // there is an answer
	And     []*Condition `json:"and,omitempty"`     // all of these hold
	Or      []*Condition `json:"or,omitempty"`      // one of these holds
	Not     *Condition   `json:"not,omitempty"`     // this does not hold
}

// Is returns the condition that f is answered with value; or, if f takes many
// answers, that value is among them. Of a field that is not asked, no answer
// is. The value of a bool is "true" or "false".
func (f Field) Is(value string) *Condition { return &Condition{Field: f.Name, Is: value} }

// Present returns the condition that f is asked and answered.
func (f Field) Present() *Condition { return &Condition{Field: f.Name, Present: true} }

// And returns the condition that all of cs hold.
func And(cs ...*Condition) *Condition { return &Condition{And: cs} }

// Or returns the condition that one of cs holds.
func Or(cs ...*Condition) *Condition { return &Condition{Or: cs} }

// Not returns the condition that c does not hold.
func Not(c *Condition) *Condition { return &Condition{Not: c} }

// Holds reports whether c holds for answers that are complete for s (see
// [Schema.Complete]).
func (s Schema) Holds(c *Condition, answers Values) bool {
	switch {
	case c == nil:
		return true
	case len(c.And) > 0:
		return !slices.ContainsFunc(c.And, func(c *Condition) bool { return !s.Holds(c, answers) })
	case len(c.Or) > 0:
		return slices.ContainsFunc(c.Or, func(c *Condition) bool { return s.Holds(c, answers) })
	case c.Not != nil:
		return !s.Holds(c.Not, answers)
	case c.Present:
		return answers[c.Field] != ""
	}
	f, _ := s.Field(c.Field)
	return f.has(answers[c.Field], c.Is)
}

// has reports whether answer is value, or contains it. A bool that is asked is
// always answered: see Complete.
func (f Field) has(answer, value string) bool {
	if f.Many {
		return slices.Contains(list(answer), value)
	}
	return answer == value
}

// parts returns the conditions that c is made of.
func (c *Condition) parts() []*Condition {
	parts := slices.Concat(c.And, c.Or)
	if c.Not != nil {
		parts = append(parts, c.Not)
	}
	return parts
}

// fields calls yield for every field that c is about, down to the depth that
// Validate allows: a condition may contain itself.
func (c *Condition) fields(yield func(name string)) { c.fieldsAt(yield, maxDepth) }

func (c *Condition) fieldsAt(yield func(name string), depth int) {
	if c == nil || depth == 0 {
		return
	}
	if c.Field != "" {
		yield(c.Field)
	}
	for _, part := range c.parts() {
		part.fieldsAt(yield, depth-1)
	}
}

// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxAnswer is how long an answer may be, in bytes.
const MaxAnswer = 256 << 10

// Complete checks answers against s and returns them as they are stored:
// defaults filled in, answers to what is not asked left out, each in the
// canonical form of its kind. The error is an [Errors] with every fault, in
// the order of the fields.
//
// An empty answer is none. Complete of a complete set of answers is that set.
func (s Schema) Complete(answers Values) (Values, error) { return s.complete(answers, false) }

// Draft is Complete, except that answers which the service suggests (see
// [Field.Suggest]) may be missing.
func (s Schema) Draft(answers Values) (Values, error) { return s.complete(answers, true) }

func (s Schema) complete(answers Values, draft bool) (Values, error) {
	full, faults := s.evaluate(answers, draft)
	var all Errors
	for i := range s.Fields {
		if e := faults[s.Fields[i].Name]; e != nil {
			all = append(all, e)
		}
	}
	all = append(all, s.unknown(answers)...)
	if all != nil {
		return nil, all
	}
	return full, nil
}

// Assume is Complete of answers that a person is still giving: what is wrong or
// missing is left out, rather than refused. Conditions are about its result.
func (s Schema) Assume(answers Values) Values {
	full, _ := s.evaluate(answers, true)
	return full
}

// evaluate returns the answers to what is asked, as far as they are right, and
// what is wrong with the others, by the names of their fields.
func (s Schema) evaluate(answers Values, draft bool) (Values, map[string]*Error) {
	full := make(Values, len(s.Fields))
	faults := map[string]*Error{}
	for _, f := range s.ordered() {
		if !s.Holds(f.When, full) {
			continue
		}
		v, err := s.answer(f, answers[f.Name], full)
		if err == nil && v != "" {
			err = s.placed(f, v)
		}
		switch {
		case err != nil:
			faults[f.Name] = err.In(f)
		case v != "":
			full[f.Name] = v
		case !f.Optional && f.Kind != Hidden && (!draft || f.Suggest == nil):
			faults[f.Name] = invalid(ReasonRequired, f.Message(ReasonRequired)).In(f)
		}
	}
	s.pairUp(full, faults)
	return full, faults
}

// pairUp refuses a certificate and a key that are none, or do not belong
// together, unless something is wrong with either already.
func (s Schema) pairUp(full Values, faults map[string]*Error) {
	c := s.ClientCertificate
	if c == nil || faults[c.Certificate] != nil || faults[c.Key] != nil {
		return
	}
	if _, fault := s.keyPair(full[c.Certificate], full[c.Key]); fault != nil {
		faults[fault.Field] = fault
		delete(full, fault.Field)
	}
}

// placed refuses an answer that does not fit into the origins that are made
// of it.
func (s Schema) placed(f Field, v string) *Error {
	part := s.OriginPart(f.Name)
	if part == NoPart {
		return nil
	}
	if _, ok := part.fit(v); !ok {
		return invalid(ReasonOrigin, part.Message())
	}
	return nil
}

// answer returns the canonical answer to a field that is asked: v, or else
// the default; "" is none.
func (s Schema) answer(f Field, v string, full Values) (string, *Error) {
	if f.Kind == Hidden {
		if def := s.defaultOf(f, full); v == "" || v == def {
			return def, nil
		}
		return "", invalid(ReasonFixed, f.Message(ReasonFixed))
	}
	v, err := f.canonical(v)
	if err != nil {
		return "", err
	}
	if v != "" {
		return v, s.offered(f, v, full)
	}
	v, err = f.canonical(s.defaultOf(f, full))
	if err != nil || s.offered(f, v, full) != nil {
		return "", err // nobody gave a default that is not offered: there is no answer
	}
	if v == "" && f.Kind == Bool {
		v = "false"
	}
	return v, nil
}

// defaultOf returns the answer that is assumed if f has none.
func (s Schema) defaultOf(f Field, full Values) string {
	for _, d := range f.Defaults {
		if s.Holds(d.When, full) {
			return d.Value
		}
	}
	return f.Default
}

// offered checks the choices in v against the options that the other answers
// leave. A field with suggestions takes what the service may offer, too.
func (s Schema) offered(f Field, v string, full Values) *Error {
	if f.Kind != Choice || f.Suggest != nil || v == "" {
		return nil
	}
	choices := []string{v}
	if f.Many {
		choices = list(v)
	}
	for _, choice := range choices {
		i := f.option(choice)
		if i < 0 {
			return invalid(ReasonOption, f.Message(ReasonOption))
		}
		if !s.Holds(f.Options[i].When, full) {
			return invalid(ReasonOption, "does not go with the other answers")
		}
	}
	return nil
}

// option returns the index of the option with the given value, or -1.
func (f Field) option(value string) int {
	return slices.IndexFunc(f.Options, func(o Option) bool { return o.Value == value })
}

// unknown returns a fault for every answer that s has no field for.
func (s Schema) unknown(answers Values) (all Errors) {
	for _, name := range answers.Names() {
		if _, ok := s.Field(name); !ok {
			e := invalid(ReasonUnknown, "is not a field of "+s.Name)
			e.Field = printable(name)
			all = append(all, e)
		}
	}
	return all
}

// ordered returns the fields so that each comes after those that its
// conditions name. Validate refuses schemas where that cannot be.
func (s Schema) ordered() []Field {
	sorted := make([]Field, 0, len(s.Fields))
	state := make(map[string]bool, len(s.Fields)) // begun
	var visit func(f Field)
	visit = func(f Field) {
		if state[f.Name] {
			return
		}
		state[f.Name] = true
		f.dependsOn(func(name string) {
			if g, ok := s.Field(name); ok {
				visit(g)
			}
		})
		sorted = append(sorted, f)
	}
	for _, f := range s.Fields {
		visit(f)
	}
	return sorted
}

// dependsOn calls yield for every field that f's conditions name.
func (f Field) dependsOn(yield func(name string)) {
	f.When.fields(yield)
	for _, o := range f.Options {
		o.When.fields(yield)
	}
	for _, d := range f.Defaults {
		d.When.fields(yield)
	}
}

func invalid(reason, message string) *Error {
	return &Error{Code: Invalid, Reason: reason, Message: message}
}

// printable returns s fit for an error message: bounded, and without
// characters that are not seen, or that reorder what is.
func printable(s string) string {
	if len(s) > 64 {
		s = s[:64]
	}
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s)
}

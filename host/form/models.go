// SPDX-License-Identifier: Apache-2.0

package form

import (
	"slices"

	"github.com/credhost/credhost/sdk"
)

// A model says what the raw answers are, as far as an expr asks: for each
// field the values that its answer is or contains, nil if there is none.
type model map[string][]string

// staysMark and an answer are among the values of a raw answer that leads where
// that answer does. No answer has a zero byte.
const staysMark = "\x00"

// holds reports whether e is true of m.
func (e *expr) holds(m model) bool {
	switch e.op {
	case always:
		return true
	case is:
		return slices.Contains(m[e.field], e.value)
	case stays:
		return slices.Contains(m[e.field], staysMark+e.value)
	case given:
		return m[e.field] != nil
	case and:
		return !slices.ContainsFunc(e.parts, func(p *expr) bool { return !p.holds(m) })
	case or:
		return slices.ContainsFunc(e.parts, func(p *expr) bool { return p.holds(m) })
	case not:
		return !e.parts[0].holds(m)
	}
	return false
}

// maxModels bounds the answers that are tried to understand a condition.
const maxModels = 4096

// possible reports whether some answers that a form may hold make e true. Where
// there are too many to try it says yes.
func (l *logic) possible(e *expr) bool {
	switch e.op {
	case always:
		return true
	case never:
		return false
	}
	fields, domains := l.domains(e)
	if domains == nil {
		return true
	}
	m := make(model, len(fields))
	return tryAll(e, m, fields, domains)
}

func tryAll(e *expr, m model, fields []string, domains [][][]string) bool {
	if len(fields) == 0 {
		return e.holds(m)
	}
	return slices.ContainsFunc(domains[0], func(answer []string) bool {
		m[fields[0]] = answer
		return tryAll(e, m, fields[1:], domains[1:])
	})
}

// domains returns the fields that e is about, and for each what its answer may
// be, as far as e can tell; nil if that is too much to try.
func (l *logic) domains(e *expr) (fields []string, domains [][][]string) {
	values, marks := map[string][]string{}, map[string]string{}
	e.atoms(func(a *expr) {
		if _, ok := values[a.field]; !ok {
			fields = append(fields, a.field)
			values[a.field] = nil
		}
		if a.op == is && !slices.Contains(values[a.field], a.value) {
			values[a.field] = append(values[a.field], a.value)
		}
		if a.op == stays { // a field has one stored answer, so there is one mark
			marks[a.field] = staysMark + a.value
		}
	})
	count := 1
	for _, name := range fields {
		f := l.f.lookup(name)
		d := marked(domain(f, values[name]), marks[name])
		if count *= len(d); len(d) == 0 || count > maxModels {
			return nil, nil
		}
		domains = append(domains, d)
	}
	return fields, domains
}

// domain returns what the answer to f may be, as far as values can tell: none,
// one of them, another one; where there are many, any set of them.
func domain(f *sdk.Field, values []string) [][]string {
	answers := [][]string{nil}
	if f.Many {
		if len(values) > 8 {
			return nil
		}
		for set := range 1 << len(values) {
			answer := []string{}
			for i, v := range values {
				if set&(1<<i) != 0 {
					answer = append(answer, v)
				}
			}
			answers = append(answers, answer)
		}
		return answers
	}
	closed := f.Kind == sdk.Bool && len(values) == 2
	for _, v := range values {
		answers = append(answers, []string{v})
	}
	if f.Kind == sdk.Choice && f.Suggest == nil {
		closed = !slices.ContainsFunc(f.Options, func(o sdk.Option) bool { return !slices.Contains(values, o.Value) })
	}
	if !closed {
		answers = append(answers, []string{})
	}
	return answers
}

// marked adds to each answer that it leads where the stored one does: it may,
// or not.
func marked(answers [][]string, mark string) [][]string {
	if mark == "" {
		return answers
	}
	for _, answer := range slices.Clone(answers) {
		if answer != nil {
			answers = append(answers, append(slices.Clip(answer), mark))
		}
	}
	return answers
}

// atoms calls yield for each comparison in e.
func (e *expr) atoms(yield func(a *expr)) {
	if e.field != "" {
		yield(e)
	}
	for _, p := range e.parts {
		p.atoms(yield)
	}
}

// shorten leaves out of a conjunction what the rest of it implies.
func (l *logic) shorten(e *expr) *expr {
	if e.op != and {
		return e
	}
	parts := slices.Clone(e.parts)
	for i := 0; i < len(parts) && len(parts) > 1; {
		rest := slices.Delete(slices.Clone(parts), i, i+1)
		if !l.possible(allOf(append(slices.Clone(rest), negate(parts[i]))...)) {
			parts = rest
			continue
		}
		i++
	}
	return allOf(parts...)
}

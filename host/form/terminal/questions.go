// SPDX-License-Identifier: Apache-2.0

package terminal

import (
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/credhost/credhost/host/form"
	"github.com/credhost/credhost/sdk"
)

// questions are a form that is being filled in. The form judges the answers and
// says which questions there are; questions remember what was typed.
type questions struct {
	f      *form.Form
	schema sdk.Schema // in the form's language, fit to be shown

	given   sdk.Values
	skipped map[string]bool // fields that are not asked, whatever the conditions

	answers sdk.Values            // right or wrong, none of them empty
	typed   map[string]string     // what was typed for them, as typed.go explains
	broken  map[string]string     // why what was typed is no answer at all
	refused map[string]form.Fault // what the host says of answers that have not changed since

	known *verdict // what follows from all of these; nil: see now
}

// A verdict is what the form says of the answers so far.
type verdict struct {
	all, assumed sdk.Values
	asked        []*sdk.Field
	faults       []form.Fault
}

func newQuestions(f *form.Form, o Options) *questions {
	q := &questions{f: f, schema: shown(f.Schema(), f.Offers), given: sdk.Values{}, skipped: map[string]bool{},
		answers: sdk.Values{}, typed: map[string]string{}, broken: map[string]string{}, refused: map[string]form.Fault{}}
	maps.Copy(q.given, o.Given)
	for name, v := range f.Stored() {
		if v != "" {
			q.answers[name] = v
		}
	}
	for _, field := range q.schema.Fields {
		_, given := o.Given[field.Name]
		q.skipped[field.Name] = field.Kind == sdk.Hidden || given || o.Only != nil && !slices.Contains(o.Only, field.Name)
	}
	q.refuse(o.Faults)
	return q
}

// shown returns s without what a terminal would obey instead of showing it.
func shown(s sdk.Schema, offers func(name string) []sdk.Option) sdk.Schema {
	s.Title = printable(s.Title)
	s.Fields = slices.Clone(s.Fields)
	for i := range s.Fields {
		f := &s.Fields[i]
		f.Title, f.Help, f.Example = printable(f.Title), printable(f.Help), printable(f.Example)
		if f.Title == "" {
			f.Title = f.Name
		}
		f.Options = offers(f.Name)
		for j := range f.Options {
			o := &f.Options[j]
			o.Title, o.Help = printable(o.Title), printable(o.Help)
			if o.Title == "" {
				o.Title = printable(o.Value)
			}
		}
	}
	return s
}

// printable returns text in one line, of characters that are seen.
func printable(text string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsPrint(r):
			return r
		case unicode.IsSpace(r):
			return ' '
		}
		return -1
	}, text))
}

// word translates a text of this package; values stand for its percent signs.
func (q *questions) word(english string, values ...string) string {
	text := q.f.Word(english)
	for _, v := range values {
		text = strings.Replace(text, "%", v, 1)
	}
	return text
}

// now returns the verdict on the answers. Drawing asks for it many times, and
// a text that is pasted changes it with each letter.
func (q *questions) now() *verdict {
	if q.known != nil {
		return q.known
	}
	v := &verdict{all: q.gather()}
	v.assumed, v.faults = q.f.Assume(v.all), q.f.Check(v.all)
	for i := range q.schema.Fields {
		if field := &q.schema.Fields[i]; !q.skipped[field.Name] && q.f.Holds(field.When, v.assumed) {
			v.asked = append(v.asked, field)
		}
	}
	q.known = v
	return v
}

// gather returns the answers so far. A choice that the other answers rule out
// meanwhile is none, yet it is remembered: they may change once more.
func (q *questions) gather() sdk.Values {
	all := maps.Clone(q.answers)
	for name, v := range q.given {
		if q.skipped[name] {
			all[name] = v
		}
	}
	for range q.schema.Fields { // each may rule out another
		ruledOut := false
		assumed := q.f.Assume(all)
		for i := range q.schema.Fields {
			field := &q.schema.Fields[i]
			answer := all[field.Name]
			if q.skipped[field.Name] || !picks(field) || answer == "" {
				continue
			}
			left := q.offeredOf(field, answer, assumed)
			if left == answer {
				continue
			}
			ruledOut = true
			if all[field.Name] = left; left == "" {
				delete(all, field.Name)
			}
		}
		if !ruledOut {
			break
		}
	}
	return all
}

// offeredOf returns the part of an answer that is offered.
func (q *questions) offeredOf(field *sdk.Field, answer string, assumed sdk.Values) string {
	offers := func(v string) bool {
		i := slices.IndexFunc(field.Options, func(o sdk.Option) bool { return o.Value == v })
		return i >= 0 && q.f.Holds(field.Options[i].When, assumed)
	}
	if !field.Many {
		if offers(answer) {
			return answer
		}
		return ""
	}
	chosen := items(answer)
	left := slices.DeleteFunc(slices.Clone(chosen), func(v string) bool { return !offers(v) })
	if len(left) == len(chosen) {
		return answer
	}
	return listOf(left)
}

// asked returns the fields that are asked now, in order.
func (q *questions) asked() []*sdk.Field { return q.now().asked }

// put returns the answers that the form puts.
func (q *questions) put() sdk.Values {
	all, values := q.now().all, sdk.Values{}
	for _, field := range q.asked() {
		if v := all[field.Name]; v != "" {
			values[field.Name] = v
		}
	}
	return values
}

// options returns what there is to choose from.
func (q *questions) options(field *sdk.Field) []sdk.Option {
	assumed := q.now().assumed
	return slices.DeleteFunc(slices.Clone(field.Options), func(o sdk.Option) bool { return !q.f.Holds(o.When, assumed) })
}

// notices returns what to tell before a field, or after them all.
func (q *questions) notices(before string) []string {
	told := q.f.Notices(before, q.now().assumed)
	for i := range told {
		told[i] = printable(told[i])
	}
	return told
}

// redirectURL returns what the person must register; "" if nothing.
func (q *questions) redirectURL() string { return q.f.RedirectURL(q.now().assumed) }

// defaultOf returns the answer to field that is assumed if it has none.
func (q *questions) defaultOf(field *sdk.Field) string {
	if field.Secret {
		return "" // nobody sees it, so nobody can rely on it
	}
	all := maps.Clone(q.now().all)
	delete(all, field.Name)
	return q.f.Assume(all)[field.Name]
}

// fault says what is wrong with the answer to a field, and whether only the
// host says so; "" if nothing is.
func (q *questions) fault(name string) (message string, refused bool) {
	if text := q.broken[name]; text != "" {
		return text, false
	}
	for _, fault := range q.now().faults {
		if fault.Field == name {
			return printable(fault.Message), false
		}
	}
	if fault, ok := q.refused[name]; ok {
		return fault.Message, true
	}
	return "", false
}

// faults returns what is wrong with all the answers, as far as the form knows.
func (q *questions) faults() []form.Fault {
	var faults []form.Fault
	for _, field := range q.asked() {
		if text := q.broken[field.Name]; text != "" {
			faults = append(faults, form.Fault{Field: field.Name, Code: sdk.ReasonKind, Message: text})
		}
	}
	return append(faults, q.now().faults...)
}

// refuse remembers what is wrong. A field that was to be skipped is asked.
// What is about no field is returned, as one text.
func (q *questions) refuse(faults []form.Fault) (general string) {
	var texts []string
	for _, fault := range faults {
		fault.Message = printable(fault.Message)
		field, ok := q.schema.Field(fault.Field)
		if !ok || field.Kind == sdk.Hidden {
			if fault.Field != "" {
				fault.Message = fault.Field + ": " + fault.Message
			}
			texts = append(texts, printable(fault.Message))
			continue
		}
		if q.skipped[field.Name] {
			q.skipped[field.Name], q.known = false, nil
			if v := q.given[field.Name]; v != "" {
				q.answers[field.Name] = v
			}
		}
		q.refused[field.Name] = fault
	}
	return strings.Join(texts, "; ")
}

// first returns the first field asked that has a fault.
func (q *questions) first() *sdk.Field {
	for _, field := range q.asked() {
		if message, _ := q.fault(field.Name); message != "" {
			return field
		}
	}
	return nil
}

// isKept reports whether a field may stay empty because its secret is set. The
// host may have said otherwise.
func (q *questions) isKept(field *sdk.Field) bool {
	_, refused := q.refused[field.Name]
	return field.Secret && q.f.IsSet(field.Name) && !refused
}

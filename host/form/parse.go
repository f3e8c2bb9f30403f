// SPDX-License-Identifier: Apache-2.0

package form

import (
	"net/url"
	"slices"
	"strings"

	"github.com/credhost/credhost/sdk"
)

// Parse returns what a browser posted of WriteHTML's form as the answers that
// sdk.Schema.Complete judges. Again says that the person, whose browser runs no
// script, asks for the form again with the questions for these answers: show it
// with them, and save nothing.
//
// A secret that was left empty is absent, so what is set stays; one that shall
// be removed is there and empty. Any other field that was shown is there, so the
// answers are whole. A field that was not shown is absent. An answer that was
// shown and not changed is the stored one to the letter, even where a control
// cannot hold all of it, such as the fraction of a second.
//
// Names that begin with an underscore are the form's own. Other names that it
// does not ask are passed on, for the host to refuse.
func (f *Form) Parse(posted url.Values) (answers sdk.Values, again bool) {
	answers = make(sdk.Values, len(posted))
	for name, values := range posted {
		if strings.HasPrefix(name, "_") || len(values) == 0 {
			continue
		}
		field := f.lookup(name)
		if field == nil || !f.asks(field) {
			answers[name] = values[len(values)-1]
			continue
		}
		answer := f.posted(field, values)
		if answer != "" || !field.Secret {
			answers[name] = answer
		}
	}
	for _, field := range f.fields {
		if field.Secret && field.Optional && answers[field.Name] == "" && posted.Get("_clear."+field.Name) != "" {
			answers[field.Name] = ""
		}
	}
	return answers, posted.Has("_again")
}

// asks reports whether the form has a control for a field.
func (f *Form) asks(field *sdk.Field) bool {
	return field.Kind != sdk.Hidden && !f.isGiven(field) && (!f.cfg.Application || field.Scope == sdk.Application)
}

// posted returns the answer in what a field's controls hold.
func (f *Form) posted(field *sdk.Field, values []string) string {
	old := f.stored[field.Name]
	if field.Kind == sdk.Choice && field.Many {
		chosen := choices(values)
		if old != "" && sameChoices(chosen, items(old)) {
			return old // in its own order
		}
		if chosen == nil {
			return ""
		}
		return manyOf(chosen)
	}
	// A bool's control stands behind a hidden "false", so the last one counts.
	answer := answerOf(field, values[len(values)-1])
	if old != "" && answer == answerOf(field, textOf(field, old)) {
		return old
	}
	return answer
}

// choices returns what is chosen in checkboxes, and typed besides in lines.
func choices(values []string) []string {
	var chosen []string
	seen := map[string]bool{"": true}
	for _, value := range values {
		for line := range strings.Lines(newlines.Replace(value)) {
			if line = strings.TrimSpace(line); !seen[line] {
				seen[line] = true
				chosen = append(chosen, line)
			}
		}
	}
	return chosen
}

func sameChoices(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// SPDX-License-Identifier: Apache-2.0

package form

import (
	"slices"

	"github.com/credhost/credhost/sdk"
)

// JSONForms returns what JSON Forms 3 needs: its properties schema, uischema
// and data. Give it what [AdditionalErrors] returns as additionalErrors. Its
// own validator, for draft-07, will do.
func (f *Form) JSONForms() []byte {
	elements := list{}
	for _, field := range f.fields {
		elements = append(elements, f.labels(field.Name)...)
		for _, p := range f.plan().places {
			if p.field == field && field.Kind != sdk.Hidden {
				elements = append(elements, f.control(p))
			}
		}
	}
	elements = append(elements, f.labels("")...)
	ui := object{{"type", "VerticalLayout"}, {"elements", elements}}
	return f.bundle(member{"uischema", ui})
}

// control returns the element of one variant of a field.
func (f *Form) control(p place) object {
	c := object{{"type", "Control"}, {"scope", p.scope}}
	c.setText("label", p.field.Title) // the generated one splits names into words
	var options object
	switch multi := p.field.Kind == sdk.LongText || p.field.Kind == sdk.JSON; {
	case multi:
		options.set("multi", true)
	case p.field.Secret:
		options.set("format", "password")
	}
	options.setText("placeholder", p.field.Example)
	if p.field.Help != "" {
		// A help that comes and goes with the focus moves what is below it away
		// while it is clicked, so that the click is lost.
		options.set("showUnfocusedDescription", true)
	}
	var suggestions list
	if p.field.Suggest != nil {
		for _, o := range f.suggested(p.variant) {
			suggestions = append(suggestions, o.Value)
		}
	}
	options.setList("suggestion", suggestions)
	c.setObject("options", options)
	if p.when.op != always && (p.field.Many || p.field.Kind == sdk.Pairs) {
		// The vanilla renderer of lists shows one whatever its rule says; a layout
		// is hidden with all that is in it.
		c = object{{"type", "VerticalLayout"}, {"elements", list{c}}}
	}
	return f.ruled(c, p.when)
}

// ruled adds when an element is shown.
func (f *Form) ruled(element object, when *expr) object {
	if when.op == always {
		return element
	}
	// Without failWhenUndefined a rule about no data holds.
	condition := object{{"scope", "#"}, {"schema", f.statement(when)}, {"failWhenUndefined", true}}
	return append(element, member{"rule", object{{"effect", "SHOW"}, {"condition", condition}}})
}

// labels returns the notices that stand before a field, or after them all.
func (f *Form) labels(before string) list {
	l := f.plan()
	var labels list
	for _, n := range f.schema.Notices {
		when := l.full(n.When)
		if field := f.lookup(before); field != nil {
			when = allOf(when, l.when(field))
		}
		if n.Before == before && f.shows(n) && when.op != never {
			labels = append(labels, f.ruled(object{{"type", "Label"}, {"text", n.Text}}, when))
		}
	}
	return slices.Clip(labels)
}

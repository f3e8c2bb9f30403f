// SPDX-License-Identifier: Apache-2.0

package form

import (
	"slices"
	"strings"

	"github.com/credhost/credhost/sdk"
)

// N8N returns a list of INodeProperties, n8n's fields of a credential. Where a
// condition is more than displayOptions can say in one property, the property
// stands several times under conditions that exclude each other.
func (f *Form) N8N() []byte {
	l := f.plan()
	properties := list{}
	for _, field := range f.fields {
		properties = append(properties, f.n8nNotices(l.logic, field.Name)...)
		properties = append(properties, f.n8nField(l, field)...)
	}
	properties = append(properties, f.n8nNotices(l.logic, "")...)
	return encode(properties)
}

// n8nField returns the properties of a field. Where displayOptions cannot tell its
// shapes apart there is one with room for all; where they cannot say when it is
// asked, it is shown always.
func (f *Form) n8nField(p *plan, field *sdk.Field) list {
	var all list
	for _, v := range p.variants[field.Name] {
		shows, ok := p.displays(v.when)
		if !ok {
			wide := p.widest(field, p.when(field))
			if shows, ok = p.displays(wide.when); !ok {
				shows = []object{{}}
			}
			all, v = nil, wide
		}
		for _, show := range shows {
			all = append(all, f.n8nProperty(v, show))
		}
		if v.wide {
			break
		}
	}
	return all
}

// n8nProperty returns one property, shown as the display says.
func (f *Form) n8nProperty(v variant, show object) object {
	field := v.field
	kind, def := n8nType(field), any(v.def)
	switch {
	case field.Many && field.Kind == sdk.Choice:
		def = names(items(v.def))
	case kind == "boolean":
		def = v.def == "true"
	case kind == "number" && v.def != "":
		def = f.native(field, v.def)
	case kind == "fixedCollection":
		def = object{}
		if v.def != "" {
			def = object{{"pairs", f.native(field, v.def)}}
		}
	case field.Many && v.def != "":
		def = object{{"items", n8nItems(items(v.def))}}
	}
	title := field.Title
	if title == "" {
		title = field.Name
	}
	p := object{{"displayName", title}, {"name", field.Name}, {"type", kind}, {"default", def}}
	var options object
	switch {
	case field.Secret:
		options.set("password", true)
	case field.Kind == sdk.LongText:
		options.set("rows", 5)
	}
	if kind == "number" && field.Bounds != nil {
		options = bounded(options, "minValue", "maxValue", field.Bounds)
	}
	if kind == "fixedCollection" {
		options.set("multipleValues", true)
	}
	p.setObject("typeOptions", options)
	p.setText("description", field.Help)
	p.setText("placeholder", field.Example)
	if v.required {
		p.set("required", true)
	}
	p.setList("options", f.n8nOptions(v, kind))
	p.setObject("displayOptions", show)
	return p
}

// n8nType returns the type of the property for a field.
func n8nType(field *sdk.Field) string {
	switch {
	case field.Kind == sdk.Choice && field.Suggest == nil && field.Many:
		return "multiOptions"
	case field.Kind == sdk.Choice && field.Suggest == nil:
		return "options"
	case field.Kind == sdk.Pairs, field.Many:
		return "fixedCollection"
	}
	switch field.Kind {
	case sdk.Bool:
		return "boolean"
	case sdk.Number:
		return "number"
	case sdk.DateTime:
		return "dateTime"
	case sdk.JSON:
		return "json"
	case sdk.Hidden:
		return "hidden"
	}
	return "string"
}

// n8nOptions returns a property's options, or the fields of a collection.
func (f *Form) n8nOptions(v variant, kind string) list {
	var all list
	switch {
	case kind == "fixedCollection" && v.field.Kind == sdk.Pairs:
		name := object{{"displayName", f.words.of("Name")}, {"name", "name"}, {"type", "string"}, {"default", ""}}
		value := object{{"displayName", f.words.of("Value")}, {"name", "value"}, {"type", "string"}, {"default", ""}}
		if v.field.Secret {
			value.set("typeOptions", object{{"password", true}})
		}
		return list{object{{"displayName", v.field.Title}, {"name", "pairs"}, {"values", list{name, value}}}}
	case kind == "fixedCollection":
		one := *v.field
		one.Many = false
		value := object{{"displayName", v.field.Title}, {"name", "value"}, {"type", n8nType(&one)}, {"default", ""}}
		return list{object{{"displayName", v.field.Title}, {"name", "items"}, {"values", list{value}}}}
	case kind == "options" || kind == "multiOptions":
		for _, o := range v.options {
			option := object{{"name", titleOf(o)}, {"value", o.Value}}
			option.setText("description", o.Help)
			all = append(all, option)
		}
	}
	return all
}

func n8nItems(values []string) list {
	l := make(list, len(values))
	for i, value := range values {
		l[i] = object{{"value", value}}
	}
	return l
}

// n8nNotices returns the notices that stand before a field, or after them all.
func (f *Form) n8nNotices(l *logic, before string) list {
	var all list
	for i, n := range f.schema.Notices {
		when := l.full(n.When)
		if field := f.lookup(before); field != nil {
			when = allOf(when, l.when(field))
		}
		if n.Before != before || !f.shows(n) {
			continue
		}
		shows, ok := l.displays(when)
		if !ok {
			shows = []object{{}}
		}
		for _, show := range shows {
			notice := object{{"displayName", n.Text}, {"name", "notice" + strings.Repeat("_", i)}, {"type", "notice"}, {"default", ""}}
			notice.setObject("displayOptions", show)
			all = append(all, notice)
		}
	}
	return all
}

// maxDisplays bounds how often a property stands in the list. A condition that
// needs more cannot be said.
const maxDisplays = 16

// displays returns displayOptions that exclude each other, of which one shows
// where e holds, and whether they can say it. None: never; an empty one: always.
func (l *logic) displays(e *expr) ([]object, bool) {
	e.atoms(func(a *expr) { // n8n fills in a default before it looks
		if a.op != given {
			return
		}
		has := l.assumed(l.f.lookup(a.field), func(def string) bool { return def != "" })
		if l.f.lookup(a.field).Kind == sdk.Bool || !l.possible(negate(has)) {
			e = e.assume(a, true)
		}
	})
	if e.op == always {
		return []object{{}}, true
	}
	var found []object
	fits := l.split(e, nil, func(literals []*expr) bool {
		show, ok := l.display(literals)
		found = append(found, show)
		return ok && len(found) <= maxDisplays
	})
	return found, fits
}

// split calls yield with conjunctions of comparisons that exclude each other,
// of which one holds where e does: it decides one comparison after the other.
func (l *logic) split(e *expr, path []*expr, yield func([]*expr) bool) bool {
	if e.op == never || !l.possible(allOf(append(slices.Clone(path), e)...)) {
		return true
	}
	if !l.possible(allOf(append(slices.Clone(path), negate(e))...)) {
		return yield(path)
	}
	var atom *expr
	e.atoms(func(a *expr) {
		if atom == nil {
			atom = a
		}
	})
	for _, decided := range []*expr{atom, negate(atom)} {
		if !l.split(e.assume(atom, decided == atom), append(slices.Clone(path), decided), yield) {
			return false
		}
	}
	return true
}

// assume returns e where a comparison is known.
func (e *expr) assume(atom *expr, holds bool) *expr {
	switch {
	case e.equal(atom):
		return constant(holds)
	case e.op == not:
		return negate(e.parts[0].assume(atom, holds))
	case e.op != and && e.op != or:
		return e
	}
	parts := make([]*expr, len(e.parts))
	for i, p := range e.parts {
		parts[i] = p.assume(atom, holds)
	}
	if e.op == and {
		return allOf(parts...)
	}
	return someOf(parts...)
}

// display returns the displayOptions of a conjunction of comparisons, and
// whether they can say it.
func (l *logic) display(literals []*expr) (object, bool) {
	show, hide := object{}, object{}
	short := l.shorten(allOf(literals...))
	switch short.op {
	case always:
		return nil, true
	case and:
		literals = short.parts
	default:
		literals = []*expr{short}
	}
	for _, e := range literals {
		side := &show
		if e.op == not {
			e, side = e.parts[0], &hide
		}
		var condition any
		if n8nType(l.f.lookup(e.field)) == "fixedCollection" {
			return nil, false // an object, of which displayOptions can say nothing
		}
		switch e.op {
		case is:
			condition = l.f.nativeOne(l.f.lookup(e.field), e.value)
		case given:
			condition = object{{"_cnd", object{{"exists", true}}}}
		default:
			return nil, false
		}
		already, _ := side.get(e.field).(list)
		if side == &show && already != nil {
			return nil, false // two conditions of one field would be alternatives
		}
		side.put(e.field, append(already, condition))
	}
	var o object
	o.setObject("show", show)
	o.setObject("hide", hide)
	return o, true
}

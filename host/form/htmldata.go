// SPDX-License-Identifier: Apache-2.0

package form

import "github.com/credhost/credhost/sdk"

// scriptData returns what form.js must know to evaluate conditions as the host
// does, and whether there are any. What no condition is about is left out:
// whether its answer is right need not be known while a person types.
func (f *Form) scriptData() (data string, conditional bool) {
	about := map[string]bool{}
	note := func(c *sdk.Condition) {
		conditional = conditional || c != nil
		eachLeaf(c, func(c *sdk.Condition) { about[c.Field] = true })
	}
	for i := range f.schema.Fields {
		field := &f.schema.Fields[i]
		note(field.When)
		for j := range field.Options {
			note(field.Options[j].When)
		}
		for _, d := range field.Defaults {
			note(d.When)
		}
	}
	for _, n := range f.schema.Notices {
		note(n.When)
	}
	note(f.schema.ConnectWhen)
	fields := list{}
	for i := range f.schema.Fields {
		field := &f.schema.Fields[i]
		switch {
		case f.isGiven(field) && about[field.Name]:
			fields = append(fields, f.givenData(field))
		case f.isGiven(field) || f.cfg.Application && field.Scope != sdk.Application:
		default:
			fields = append(fields, f.fieldData(field, about[field.Name]))
		}
	}
	return string(compact(object{{"fields", fields}})), conditional
}

// givenData says what the application answers.
func (f *Form) givenData(field *sdk.Field) object {
	answer := f.given[field.Name]
	if f.set[field.Name] {
		return object{{"name", field.Name}, {"given", "set"}}
	}
	return object{{"name", field.Name}, {"given", nativeText(field, answer)}}
}

func (f *Form) fieldData(field *sdk.Field, about bool) object {
	o := object{{"name", field.Name}}
	o.setText("kind", string(field.Kind))
	flag := func(name string, on bool) {
		if on {
			o.set(name, true)
		}
	}
	flag("many", field.Many)
	flag("secret", field.Secret)
	flag("set", f.set[field.Name])
	flag("suggest", field.Suggest != nil)
	if field.When != nil {
		o.set("when", conditionData(field.When))
	}
	var options, defaults list
	matter := about
	for i := range field.Options {
		options = append(options, whenData(field.Options[i].Value, field.Options[i].When))
		matter = matter || field.Options[i].When != nil
	}
	if matter {
		o.setList("options", options)
	}
	for _, d := range field.Defaults {
		defaults = append(defaults, whenData(nativeText(field, d.Value), d.When))
	}
	o.setList("defaults", defaults)
	if field.Default != "" {
		o.set("default", nativeText(field, field.Default))
	}
	if about {
		f.rightData(&o, field)
	}
	return o
}

// rightData says what makes an answer right, which one that is not right does
// not count for conditions.
func (f *Form) rightData(o *object, field *sdk.Field) {
	o.setText("pattern", ecma(field.Pattern))
	*o = bounded(*o, "min", "max", field.Bounds)
	part := f.schema.OriginPart(field.Name)
	switch {
	case part == sdk.PortPart:
		o.set("like", `^`+port+`$`)
	case part != sdk.NoPart:
		o.set("like", originParts[part])
	case field.Kind == sdk.URL:
		o.set("like", urlText)
	}
}

func whenData(value any, when *sdk.Condition) object {
	o := object{{"value", value}}
	if when != nil {
		o.set("when", conditionData(when))
	}
	return o
}

// nativeText returns an answer as the script holds it: a text, or a list of
// them; what lines or a control for times hold as these have it.
func nativeText(field *sdk.Field, answer string) any {
	if field.Many {
		return names(items(answer))
	}
	return textOf(field, answer)
}

// conditionData returns a condition as its JSON.
func conditionData(c *sdk.Condition) object {
	var o object
	o.setText("field", c.Field)
	o.setText("is", c.Is)
	if c.Present {
		o.set("present", true)
	}
	each := func(parts []*sdk.Condition) (l list) {
		for _, part := range parts {
			if part != nil {
				l = append(l, conditionData(part))
			}
		}
		return l
	}
	o.setList("and", each(c.And))
	o.setList("or", each(c.Or))
	if c.Not != nil {
		o.set("not", conditionData(c.Not))
	}
	return o
}

// SPDX-License-Identifier: Apache-2.0

package form

import (
	"slices"

	"github.com/credhost/credhost/sdk"
)

// statement returns e as a JSON Schema of the whole data: what stands in an if,
// and what the rules of JSON Forms and the members "when" are.
func (f *Form) statement(e *expr) object {
	switch e.op {
	case always:
		return object{}
	case and:
		return f.conjunction(e.parts)
	case or:
		if values, absent := sameField(e.parts); values != nil {
			return f.oneOf(values, absent)
		}
		return object{{"anyOf", f.statements(e.parts)}}
	case not:
		return object{{"not", f.statement(e.parts[0])}}
	case given:
		return about(e.field, f.some(e.field), true)
	case is:
		return f.oneOf([]*expr{e}, false)
	case stays:
		return f.staying(e.field, e.value)
	}
	return object{{"not", object{}}}
}

func (f *Form) statements(es []*expr) list {
	l := make(list, len(es))
	for i, e := range es {
		l[i] = f.statement(e)
	}
	return l
}

// about returns the statement that a field's answer is as s says.
func about(field string, s object, required bool) object {
	o := object{{"properties", object{{field, s}}}}
	if required {
		o.set("required", list{field})
	}
	return o
}

// conjunction says all of parts, as far as possible in one list of properties.
func (f *Form) conjunction(parts []*expr) object {
	properties, required, rest := object{}, list{}, list{}
	for _, e := range parts {
		s := f.statement(e)
		of, simple := s.get("properties").(object)
		if !simple || len(of) != 1 || properties.get(of[0].name) != nil {
			rest = append(rest, s)
			continue
		}
		properties = append(properties, of[0])
		if s.get("required") != nil {
			required = append(required, of[0].name)
		}
	}
	var s object
	s.setObject("properties", properties)
	s.setList("required", required)
	s.setList("allOf", rest)
	return s
}

// sameField reports whether parts compare one field that takes a single answer,
// and perhaps say that it has none.
func sameField(parts []*expr) (values []*expr, absent bool) {
	for _, e := range parts {
		negated := e.op == not && e.parts[0].op == given
		if negated {
			e = e.parts[0]
		}
		switch {
		case e.field != parts[0].field && !(parts[0].op == not && e.field == parts[0].parts[0].field):
			return nil, false
		case negated:
			absent = true
		case e.op == is:
			values = append(values, e)
		default:
			return nil, false
		}
	}
	return values, absent
}

// oneOf says that an answer is one of values, or absent. Of a field that takes
// many it is said of each value by itself.
func (f *Form) oneOf(values []*expr, absent bool) object {
	field := f.lookup(values[0].field)
	if field.Many {
		each := make(list, 0, len(values)+1)
		for _, e := range values {
			each = append(each, about(field.Name, object{{"type", "array"}, {"contains", object{{"const", f.nativeOne(field, e.value)}}}}, true))
		}
		if absent {
			each = append(each, object{{"not", about(field.Name, f.some(field.Name), true)}})
		}
		if len(each) == 1 {
			return each[0].(object)
		}
		return object{{"anyOf", each}}
	}
	if len(values) == 1 {
		return about(field.Name, object{{"const", f.nativeOne(field, values[0].value)}}, !absent)
	}
	enum := make(list, len(values))
	for i, e := range values {
		enum[i] = f.nativeOne(field, e.value)
	}
	return about(field.Name, object{{"enum", enum}}, !absent)
}

// nativeOne returns one answer to a field as native JSON.
func (f *Form) nativeOne(field *sdk.Field, value string) any {
	one := *field
	one.Many = false
	return f.native(&one, value)
}

// some returns the schema of any answer at all to a field.
func (f *Form) some(name string) object {
	field := f.lookup(name)
	switch {
	case field.Many || field.Kind == sdk.Pairs:
		return object{{"type", "array"}, {"minItems", 1}}
	case slices.Contains([]sdk.Kind{sdk.Bool, sdk.Number}, field.Kind):
		return object{}
	}
	return object{{"type", "string"}, {"minLength", 1}}
}

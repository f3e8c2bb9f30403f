// SPDX-License-Identifier: Apache-2.0

package form

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/credhost/credhost/sdk"
)

// JSONSchema returns a JSON Schema (2020-12) of what the form sends: see the
// package comment for the little that a host takes besides.
func (f *Form) JSONSchema() []byte {
	s := object{{"$schema", "https://json-schema.org/draft/2020-12/schema"}}
	return encode(append(s, f.plan().schema...))
}

// A plan is what several formats have in common: the conditions in full, and
// the JSON Schema. It is not changed once it is made.
type plan struct {
	*logic
	variants map[string][]variant
	places   []place
	schema   object
	hash     func() string // of schema
}

func (f *Form) makePlan() *plan {
	p := &plan{logic: &logic{f: f, asked: make(map[string]*expr, len(f.schema.Fields))}, variants: make(map[string][]variant, len(f.fields))}
	for i := range f.schema.Fields {
		p.when(&f.schema.Fields[i])
	}
	for _, field := range f.fields {
		p.variants[field.Name] = p.variantsOf(field)
	}
	p.lay()
	p.hash = sync.OnceValue(func() string {
		sum := scratch(func(b []byte) []byte { return appendValue(b, p.schema, -1) }, sha256.Sum256)
		return "sha256:" + hex.EncodeToString(sum[:])
	})
	return p
}

// lay makes the schema in the one shape that form libraries render:
//
//   - what is always asked is in the root's properties, and all else in the
//     then of an if, one entry of allOf for each condition;
//   - names are bounded by propertyNames: unlike unevaluatedProperties it takes
//     what is left over in fields that are not asked any more, as the host does;
//   - its vocabulary is that of both draft-07 and 2020-12, since the libraries'
//     validators are for the former.
func (p *plan) lay() {
	f := p.f
	s := object{{"type", "object"}, {"title", f.schema.Title}}
	properties, required := object{}, list{}
	var branches, limits []branch
	for _, field := range f.fields {
		for _, v := range p.variants[field.Name] {
			if v.wide {
				limits = append(limits, p.limits(v)...)
			}
			if v.when.op == always {
				properties.set(field.Name, f.property(v))
				if v.required {
					required = append(required, field.Name)
				}
				p.places = append(p.places, place{v, "#/properties/" + field.Name})
				continue
			}
			i := slices.IndexFunc(branches, func(b branch) bool { return b.when.equal(v.when) })
			if i < 0 {
				i = len(branches)
				branches = append(branches, branch{when: v.when})
			}
			branches[i].add(field.Name, f.property(v), v.required)
			p.places = append(p.places, place{v, "#/allOf/" + strconv.Itoa(i) + "/then/properties/" + field.Name})
		}
	}
	branches = slices.Concat(branches, limits, f.again(p.logic))
	s.set("properties", properties)
	s.setList("required", required)
	var conditional list
	for _, b := range branches {
		conditional = append(conditional, object{{"if", f.statement(b.when)}, {"then", b.schema()}})
	}
	s.setList("allOf", conditional)
	known := make([]string, len(f.fields))
	for i, field := range f.fields {
		known[i] = field.Name
	}
	s.set("propertyNames", object{{"enum", names(known)}})
	p.schema = s
}

// A place says where in the JSON Schema a variant of a field stands.
type place struct {
	variant
	scope string // a JSON pointer, as JSON Forms wants it
}

// A branch is what is asked under one condition.
type branch struct {
	when       *expr
	properties object
	required   list
}

func (b *branch) add(name string, property object, required bool) {
	b.properties.set(name, property)
	if required {
		b.required = append(b.required, name)
	}
}

func (b branch) schema() object {
	s := object{{"properties", b.properties}}
	s.setList("required", b.required)
	return s
}

// property returns the schema of one field's answer.
func (f *Form) property(v variant) object {
	var s object
	if v.field.Many {
		s.set("type", "array")
	}
	one := f.single(v)
	if !v.field.Many {
		s = append(s, one[:1]...)
		one = one[1:]
	}
	s.setText("title", v.field.Title)
	s.setText("description", v.field.Help)
	if v.field.Many {
		s.set("items", one)
		if v.required {
			s.set("minItems", 1)
		}
		if v.field.Kind == sdk.Choice {
			s.set("uniqueItems", true)
		}
	} else {
		s = append(s, one...)
	}
	if v.field.Kind != sdk.Hidden && v.def != "" && !v.field.Secret {
		s.set("default", f.native(v.field, v.def))
	}
	if v.field.Secret {
		s.set("writeOnly", true)
	}
	if v.field.Example != "" && v.field.Suggest == nil {
		s.set("examples", list{v.field.Example})
	}
	return s
}

// single returns the schema of one answer; its type comes first.
func (f *Form) single(v variant) object {
	field := v.field
	switch field.Kind {
	case sdk.Bool:
		return object{{"type", "boolean"}}
	case sdk.Number:
		return f.number(field)
	case sdk.DateTime:
		return object{{"type", "string"}, {"format", "date-time"}, {"pattern", moment}}
	case sdk.JSON:
		return textual(v, object{{"type", "string"}, {"contentMediaType", "application/json"}}, jsonText)
	case sdk.Pairs:
		value := object{{"type", "string"}, {"title", f.words.of("Value")}}
		if field.Secret {
			value.set("format", "password")
		}
		s := object{{"type", "array"}, {"items", object{{"type", "object"},
			{"properties", object{{"name", object{{"type", "string"}, {"title", f.words.of("Name")}}}, {"value", value}}},
			{"required", list{"name"}}}}}
		if v.required {
			s.set("minItems", 1)
		}
		return s
	case sdk.Hidden:
		return object{{"type", "string"}, {"const", v.def}}
	case sdk.URL:
		// Without the format uri: the pattern says more, and Ajv's pattern for that
		// format overflows the stack at a text of some megabytes.
		return textual(v, object{{"type", "string"}}, urlText)
	case sdk.LongText:
		return textual(v, object{{"type", "string"}}, "")
	case sdk.Choice:
		return f.choice(v)
	}
	s := object{{"type", "string"}}
	if field.Secret {
		s.set("format", "password")
	}
	return textual(v, s, f.line(v))
}

// number returns the schema of a number; a port is a whole one.
func (f *Form) number(field *sdk.Field) object {
	if f.schema.OriginPart(field.Name) != sdk.PortPart {
		return bounded(object{{"type", "number"}}, "minimum", "maximum", field.Bounds)
	}
	b := *sdk.Between(1, 65535)
	if own := field.Bounds; own != nil && own.Min != nil {
		b.Min = sdk.AtLeast(max(*b.Min, *own.Min)).Min
	}
	if own := field.Bounds; own != nil && own.Max != nil {
		b.Max = sdk.AtMost(min(*b.Max, *own.Max)).Max
	}
	return bounded(object{{"type", "integer"}}, "minimum", "maximum", &b)
}

// textual adds to the schema of a text what its field demands. Own is the
// pattern of its kind.
func textual(v variant, s object, own string) object {
	b := sdk.Bounds{}
	if v.field.Bounds != nil {
		b = *v.field.Bounds
	}
	if (v.required || v.field.Many) && b.Min == nil {
		b.Min = sdk.AtLeast(1).Min
	}
	if b.Max == nil {
		b.Max = sdk.AtMost(sdk.MaxAnswer).Max
	}
	s = bounded(s, "minLength", "maxLength", &b)
	switch demanded := ecma(v.field.Pattern); {
	case demanded != "" && own != "":
		s.set("pattern", demanded)
		s.set("allOf", list{object{{"pattern", own}}})
	default:
		s.setText("pattern", demanded+own)
	}
	return s
}

func bounded(s object, min, max string, b *sdk.Bounds) object {
	if b == nil {
		return s
	}
	if b.Min != nil {
		s.set(min, *b.Min)
	}
	if b.Max != nil {
		s.set(max, *b.Max)
	}
	return s
}

// choice returns the schema of one chosen option. What the service suggests is
// not known to be all that it takes.
func (f *Form) choice(v variant) object {
	s := object{{"type", "string"}}
	if v.field.Suggest != nil {
		var examples list
		for _, o := range f.suggested(v) {
			examples = append(examples, o.Value)
		}
		s = textual(v, s, f.line(v))
		s.setList("examples", examples)
		return s
	}
	var options list
	for _, o := range v.options {
		one := object{{"const", o.Value}}
		one.set("title", titleOf(o))
		one.setText("description", o.Help)
		options = append(options, one)
	}
	if len(options) == 0 { // nothing to choose from under this condition
		return append(s, member{"maxLength", 0})
	}
	s.set("oneOf", options)
	return s
}

// suggested returns a field's options and what the service offers besides.
func (f *Form) suggested(v variant) []*sdk.Option {
	offered := slices.Clone(v.options)
	for i, o := range f.cfg.Suggestions[v.field.Name] {
		if !slices.ContainsFunc(offered, func(known *sdk.Option) bool { return known.Value == o.Value }) {
			offered = append(offered, &f.cfg.Suggestions[v.field.Name][i])
		}
	}
	return offered
}

// Offers returns what there is to choose from in a field: its options, and what
// the service suggests besides. Options may have conditions: see Holds.
func (f *Form) Offers(name string) []sdk.Option {
	field := f.lookup(name)
	if field == nil {
		return nil
	}
	options := make([]*sdk.Option, len(field.Options))
	for i := range options {
		options[i] = &field.Options[i]
	}
	var all []sdk.Option
	for _, o := range f.suggested(variant{field: field, options: options}) {
		all = append(all, *o)
	}
	return all
}

// native returns an answer as native JSON, as a form holds it: a JSON document
// as its text, and pairs as a list.
func (f *Form) native(field *sdk.Field, answer string) any {
	switch {
	case field.Many:
		l := list{}
		for _, item := range items(answer) {
			l = append(l, nativeOf(field.Kind, item))
		}
		return l
	case field.Kind == sdk.Pairs:
		var pairs map[string]string
		json.Unmarshal([]byte(answer), &pairs) // which is canonical
		l := list{}
		for _, name := range slices.Sorted(maps.Keys(pairs)) {
			l = append(l, object{{"name", name}, {"value", pairs[name]}})
		}
		return l
	}
	return nativeOf(field.Kind, answer)
}

// nativeOf is native of one answer, which is no pairs.
func nativeOf(kind sdk.Kind, answer string) any {
	switch {
	case kind == sdk.Bool:
		return answer == "true"
	case kind == sdk.Number && json.Valid([]byte(answer)):
		return json.RawMessage(answer)
	}
	return answer
}

func titleOf(o *sdk.Option) string {
	if o.Title != "" {
		return o.Title
	}
	return o.Value
}

// quoted returns text as a regular expression that Go and browsers read alike.
func quoted(text string) string {
	var b strings.Builder
	for _, r := range text {
		if strings.ContainsRune(`\^$.*+?()[]{}|/`, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// SPDX-License-Identifier: Apache-2.0

package form

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// An object is a JSON object whose members keep their order: a form shows its
// fields in the order in which they stand.
type object []member

type member struct {
	name  string
	value any // object, list, string, bool, int, float64, json.RawMessage or document
}

// A list is a JSON array.
type list []any

// set appends a member.
func (o *object) set(name string, value any) { *o = append(*o, member{name, value}) }

// setText appends a member, unless text is empty.
func (o *object) setText(name, text string) {
	if text != "" {
		o.set(name, text)
	}
}

// setList appends a member, unless l is empty.
func (o *object) setList(name string, l list) {
	if len(l) > 0 {
		o.set(name, l)
	}
}

// setObject appends a member, unless v is empty.
func (o *object) setObject(name string, v object) {
	if len(v) > 0 {
		o.set(name, v)
	}
}

// put replaces the member of that name, or appends one.
func (o *object) put(name string, value any) {
	for i := range *o {
		if (*o)[i].name == name {
			(*o)[i].value = value
			return
		}
	}
	o.set(name, value)
}

// get returns the member of that name, or nil.
func (o object) get(name string) any {
	for i := range o {
		if o[i].name == name {
			return o[i].value
		}
	}
	return nil
}

// names returns a list of strings.
func names(all []string) list {
	l := make(list, len(all))
	for i, name := range all {
		l[i] = name
	}
	return l
}

// encode returns v as JSON for people and programs: indented by two spaces,
// with <, > and & as they are, and a line break at the end. Arrays of scalars
// stand in one line.
func encode(v any) []byte { return append(appendValue(make([]byte, 0, 4<<10), v, 0), '\n') }

// compact returns v as JSON in one line.
func compact(v any) []byte { return appendValue(nil, v, -1) }

// appendValue appends v; a negative depth keeps it in one line.
func appendValue(b []byte, v any, depth int) []byte {
	switch v := v.(type) {
	case object:
		return appendObject(b, v, depth)
	case list:
		return appendList(b, v, depth)
	case string:
		return appendString(b, v)
	case bool:
		return strconv.AppendBool(b, v)
	case int:
		return strconv.AppendInt(b, int64(v), 10)
	case float64:
		return appendNumber(b, v)
	case json.RawMessage:
		return append(b, v...)
	}
	panic("form: no JSON for this type")
}

func appendObject(b []byte, o object, depth int) []byte {
	if len(o) == 0 {
		return append(b, "{}"...)
	}
	b = append(b, '{')
	for i, m := range o {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendBreak(b, deeper(depth))
		b = append(appendString(b, m.name), ':')
		if depth >= 0 {
			b = append(b, ' ')
		}
		b = appendValue(b, m.value, deeper(depth))
	}
	return append(appendBreak(b, depth), '}')
}

func appendList(b []byte, l list, depth int) []byte {
	inner := -1
	for _, v := range l {
		switch v.(type) {
		case object, list:
			inner = deeper(depth)
		}
	}
	b = append(b, '[')
	for i, v := range l {
		switch {
		case i > 0 && inner < 0 && depth >= 0:
			b = append(b, ", "...)
		case i > 0:
			b = append(b, ',')
		}
		b = appendValue(appendBreak(b, inner), v, inner)
	}
	if inner >= 0 {
		b = appendBreak(b, depth)
	}
	return append(b, ']')
}

func deeper(depth int) int {
	if depth < 0 {
		return depth
	}
	return depth + 1
}

func appendBreak(b []byte, depth int) []byte {
	if depth < 0 {
		return b
	}
	b = append(b, '\n')
	for range depth {
		b = append(b, "  "...)
	}
	return b
}

// appendString appends a JSON string.
func appendString(b []byte, s string) []byte {
	plain := !strings.ContainsFunc(s, func(r rune) bool {
		return r < ' ' || r == '"' || r == '\\' || r == 0x7f || r == utf8.RuneError || r == '\u2028' || r == '\u2029'
	})
	if plain {
		return append(append(append(b, '"'), s...), '"')
	}
	text, _ := json.Marshal(s) // strings always encode
	for _, escape := range []struct{ from, to string }{{`\u003c`, "<"}, {`\u003e`, ">"}, {`\u0026`, "&"}} {
		text = []byte(unescape(string(text), escape.from, escape.to))
	}
	return append(b, text...)
}

// unescape undoes one escape, but not where its backslash is itself escaped.
func unescape(s, from, to string) string {
	var b strings.Builder
	for {
		i := strings.IndexByte(s, '\\')
		switch {
		case i < 0:
			b.WriteString(s)
			return b.String()
		case strings.HasPrefix(s[i:], from):
			b.WriteString(s[:i] + to)
			s = s[i+len(from):]
		default:
			b.WriteString(s[:i+2])
			s = s[i+2:]
		}
	}
}

// appendNumber appends a JSON number: whole ones without an exponent.
func appendNumber(b []byte, x float64) []byte {
	if x == math.Trunc(x) && math.Abs(x) < 1e15 {
		return strconv.AppendInt(b, int64(x), 10)
	}
	text, _ := json.Marshal(x) // no NaN reaches a valid schema
	return append(b, text...)
}

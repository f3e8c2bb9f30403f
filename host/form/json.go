// SPDX-License-Identifier: Apache-2.0

package form

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"sync"
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
func (o *object) set(name string, value any) {
	if *o == nil {
		*o = make(object, 0, 6) // most have a few
	}
	*o = append(*o, member{name, value})
}

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
func encode(v any) []byte {
	return scratch(func(b []byte) []byte { return append(appendValue(b, v, 0), '\n') }, bytes.Clone)
}

// compact returns v as JSON in one line.
func compact(v any) []byte {
	return scratch(func(b []byte) []byte { return appendValue(b, v, -1) }, bytes.Clone)
}

// scratches are buffers to write in. Forms have no secrets.
var scratches = sync.Pool{New: func() any { b := make([]byte, 0, 32<<10); return &b }}

// scratch returns what use makes of what write appends to a buffer, which is
// used again afterwards.
func scratch[T any](write func([]byte) []byte, use func([]byte) T) T {
	b := scratches.Get().(*[]byte)
	defer scratches.Put(b)
	*b = write((*b)[:0])
	return use(*b)
}

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

// appendString appends a JSON string. It escapes what must be, and the line
// breaks that JavaScript once took for its own.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			if c < ' ' || c == '"' || c == '\\' || c == 0x7f {
				b = append(append(b, s[from:i]...), escaped(rune(c))...)
				from = i + 1
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == '\u2028' || r == '\u2029' || r == utf8.RuneError && size == 1 {
			b = append(append(b, s[from:i]...), escaped(r)...)
			from = i + size
		}
		i += size
	}
	return append(append(b, s[from:]...), '"')
}

// escaped returns the escape of a character in a JSON string.
func escaped(r rune) string {
	switch r {
	case '"':
		return `\"`
	case '\\':
		return `\\`
	case '\u2028':
		return `\u2028`
	case '\u2029':
		return `\u2029`
	case '\n':
		return `\n`
	case '\t':
		return `\t`
	case '\r':
		return `\r`
	}
	return fmt.Sprintf(`\u%04x`, r)
}

// appendNumber appends a JSON number: whole ones without an exponent.
func appendNumber(b []byte, x float64) []byte {
	if x == math.Trunc(x) && math.Abs(x) < 1e15 {
		return strconv.AppendInt(b, int64(x), 10)
	}
	text, _ := json.Marshal(x) // no NaN reaches a valid schema
	return append(b, text...)
}

// indent returns a valid JSON document as encode writes it, but for arrays of
// scalars: each of their items has a line of its own.
func indent(document []byte) []byte {
	return scratch(func(b []byte) []byte { return appendIndented(b, document) }, bytes.Clone)
}

func appendIndented(b, document []byte) []byte {
	depth, quoted := 0, false
	for i := 0; i < len(document); i++ {
		c := document[i]
		switch {
		case quoted && c == '\\':
			b = append(b, c, document[i+1])
			i++
			continue
		case c == '"':
			quoted = !quoted
		case quoted:
		case (c == '{' || c == '[') && document[i+1] != '}' && document[i+1] != ']':
			depth++
			b = appendBreak(append(b, c), depth)
			continue
		case (c == '}' || c == ']') && document[i-1] != '{' && document[i-1] != '[':
			depth--
			b = appendBreak(b, depth)
		case c == ',':
			b = appendBreak(append(b, c), depth)
			continue
		case c == ':':
			b = append(b, c, ' ')
			continue
		}
		b = append(b, c)
	}
	return b
}

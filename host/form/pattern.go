// SPDX-License-Identifier: Apache-2.0

package form

import (
	"strings"

	"github.com/credhost/credhost/sdk"
)

// Patterns of what the kinds take, for validators that know only JSON Schema.
// They are read alike by RE2 and by ECMAScript with the flag u.
const (
	spaces = `[\t\n\v\f\r ]`

	// A host is a name whose last label is no number, or an address.
	label   = `[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?`
	last    = `(?:[0-9]*[A-Za-z_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?|[0-9]+-[A-Za-z0-9_-]*[A-Za-z0-9_])`
	byteOf4 = `(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])`
	name    = `(?:` + label + `\.)*` + last
	host    = `(?:` + name + `|` + byteOf4 + `(?:\.` + byteOf4 + `){3}|\[[0-9A-Fa-f:.]+\])`
	port    = `(?:0*(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))`
	inPath  = `[A-Za-z0-9._~!$&'()*+,;=:@\/-]*` // no alternative in the loop: engines that go back keep a note of each
	pathOf  = `(?:\/` + inPath + `(?:%[0-9A-Fa-f]{2}` + inPath + `)*)?`
	urlText = `^` + spaces + `*[Hh][Tt][Tt][Pp][Ss]?:\/\/` + host + `(?::` + port + `)?` + pathOf + spaces + `*$`

	// moment is a date and time of RFC 3339 in capitals. The format date-time,
	// which goes with it, leaves out what some validators do not look at.
	moment = `^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-5][0-9](?:\.[0-9]+)?(?:Z|[+-][0-9]{2}:[0-9]{2})$`

	// jsonText is how a JSON document begins, which finds what is none at all.
	jsonText = `^` + spaces + `*(?:[\[{"0-9-]|true|false)`

	// controls are the characters that no line has. The last two are U+2028 and
	// U+2029, which Go and browsers escape in different ways.
	controls = `\x00-\x1f\x7f\x85` + "\u2028\u2029"
)

// originParts are the patterns of what is a part of an origin.
var originParts = map[sdk.OriginPart]string{
	sdk.LabelPart: `^` + spaces + `*[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?` + spaces + `*$`,
	sdk.HostPart:  `^` + spaces + `*(?:` + name + `|` + byteOf4 + `(?:\.` + byteOf4 + `){3}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)` + spaces + `*$`,
	sdk.PortPart:  `^` + spaces + `*0*[1-9][0-9]{0,4}` + spaces + `*$`,
}

// line returns the pattern of a line of text. Where there must be an answer,
// one of spaces alone is none; in a secret a space is a character like any.
func (f *Form) line(v variant) string {
	if part := f.schema.OriginPart(v.field.Name); part != sdk.NoPart {
		return originParts[part]
	}
	if v.required && !v.field.Secret {
		return `^[^` + controls + `]*[^` + controls + ` ][^` + controls + `]*$`
	}
	return `^[^` + controls + `]*$`
}

// ecma returns a pattern of a schema, which RE2 defines, for ECMAScript: there
// a dot and a space stand for other characters.
func ecma(pattern string) string {
	if !strings.ContainsAny(pattern, `.\`) {
		return pattern
	}
	var b strings.Builder
	class := false
	for i := 0; i < len(pattern); i++ {
		c := pattern[i]
		two := pattern[i:min(i+2, len(pattern))]
		switch {
		case two == `\s` && class:
			b.WriteString(`\t\n\f\r `)
			i++
		case two == `\s`:
			b.WriteString(`[\t\n\f\r ]`)
			i++
		case two == `\S` && !class:
			b.WriteString(`[^\t\n\f\r ]`)
			i++
		case c == '\\':
			b.WriteString(two)
			i++
		case c == '.' && !class:
			b.WriteString(`[^\n]`)
		default:
			class = class && c != ']' || !class && c == '['
			b.WriteByte(c)
		}
	}
	return b.String()
}

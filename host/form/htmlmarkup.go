// SPDX-License-Identifier: Apache-2.0

package form

// A markup is HTML that is being written. Whatever is written is either a
// constant of this package's source or escaped: the compiler takes no variable
// for a literal. So all values stand in elements and in quoted attributes,
// where a character reference is all that it takes; none stands in a script, a
// style or a comment, nor is any the name of something.
type markup struct{ b []byte }

// A literal is a constant of the source.
type literal string

// raw writes markup as it is.
func (m *markup) raw(l literal) *markup {
	m.b = append(m.b, l...)
	return m
}

// text writes a text, in an element or a quoted attribute.
func (m *markup) text(s string) *markup {
	from := 0
	for i := range len(s) {
		escape := escapes[s[i]]
		if escape == "" {
			continue
		}
		m.b = append(append(m.b, s[from:i]...), escape...)
		from = i + 1
	}
	m.b = append(m.b, s[from:]...)
	return m
}

// escapes are the character references of what means something in HTML. Null
// would be dropped or replaced.
var escapes = [256]string{'&': "&amp;", '<': "&lt;", '>': "&gt;", '"': "&#34;", '\'': "&#39;", '`': "&#96;", 0: "\uFFFD"}

// attr writes an attribute, such as ` id="` and a value, unless that is empty.
func (m *markup) attr(begin literal, value string) *markup {
	if value == "" {
		return m
	}
	return m.raw(begin).text(value).raw(`"`)
}

// flag writes an attribute without a value, if it is on.
func (m *markup) flag(on bool, l literal) *markup {
	if on {
		m.raw(l)
	}
	return m
}

// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"github.com/credhost/credhost/sdk"
)

// maxDepth is how deep the objects and arrays of a body may lie in each other.
const maxDepth = 32

// encode writes v as JSON, with no more escapes than JSON needs. V always
// encodes: it is one of this package's own.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// check reads a body and returns what is wrong with it as JSON that two programs
// would read alike (RFC 8259, RFC 7493): a member that is there twice, what is no
// UTF-8, what lies too deep, what follows the end. Beside that it returns the
// members that the schema does not know. encoding/json takes all of that, and
// members whose names differ in case.
func check(body []byte, reg huma.Registry, s *huma.Schema) (unknown []Fault, err *failure) {
	if !utf8.Valid(body) {
		return nil, fail("malformed", "the body is not UTF-8")
	}
	if halved(body) {
		return nil, fail("malformed", "the body has half a pair of UTF-16, which is no character: write \\ud83d\\ude00, or the character itself")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	c := &checking{d: d, reg: reg}
	if err := c.value(s, "", 0); err != nil {
		return nil, malformed(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fail("malformed", "something follows the end of the JSON")
	}
	return c.unknown, nil
}

// halved reports whether a body has an escape of half a surrogate pair (RFC 7493,
// section 2.1). encoding/json puts U+FFFD in its place: two secrets that differ
// would become one that is neither.
func halved(body []byte) bool {
	var high bool // whether the last character was the first half of a pair
	for i := 0; i < len(body); i++ {
		var half rune
		if body[i] == '\\' && i+5 < len(body) && body[i+1] == 'u' {
			n, err := strconv.ParseUint(string(body[i+2:i+6]), 16, 16)
			if err == nil {
				half = rune(n)
			}
		}
		switch {
		case high != (half >= 0xdc00 && half < 0xe000):
			return true // a first half without a second, or the other way round
		case body[i] == '\\' && half == 0:
			i++ // what is escaped begins no escape
		case body[i] == '\\':
			i += 5
		}
		high = half >= 0xd800 && half < 0xdc00
	}
	return high
}

// malformed says where JSON ends to be JSON, and no more: the decoder's own
// words may quote what was sent.
func malformed(err error) *failure {
	var own *failure
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &syntax):
		return fail("malformed", "the body is not JSON: look at byte "+strconv.FormatInt(syntax.Offset, 10))
	}
	return fail("malformed", "the body is not JSON, or ends too early")
}

// checking is a walk through a body.
type checking struct {
	d       *json.Decoder
	reg     huma.Registry
	unknown []Fault
}

// value reads one value. S is its schema, nil if anything may be there.
func (c *checking) value(s *huma.Schema, at string, depth int) error {
	t, err := c.d.Token()
	if err != nil {
		return err
	}
	switch t {
	case json.Delim('{'):
		return c.object(c.resolved(s), at, depth+1)
	case json.Delim('['):
		return c.array(c.resolved(s), at, depth+1)
	}
	return nil
}

func (c *checking) resolved(s *huma.Schema) *huma.Schema {
	for s != nil && s.Ref != "" {
		s = c.reg.SchemaFromRef(s.Ref)
	}
	return s
}

func (c *checking) array(s *huma.Schema, at string, depth int) error {
	if depth > maxDepth {
		return fail("malformed", "the JSON lies too deep: at most "+strconv.Itoa(maxDepth)+" objects and arrays in each other")
	}
	var items *huma.Schema
	if s != nil {
		items = s.Items
	}
	for i := 0; c.d.More(); i++ {
		if err := c.value(items, at+"/"+strconv.Itoa(i), depth); err != nil {
			return err
		}
	}
	_, err := c.d.Token()
	return err
}

func (c *checking) object(s *huma.Schema, at string, depth int) error {
	if depth > maxDepth {
		return fail("malformed", "the JSON lies too deep: at most "+strconv.Itoa(maxDepth)+" objects and arrays in each other")
	}
	seen := map[string]bool{}
	for c.d.More() {
		t, err := c.d.Token()
		if err != nil {
			return err
		}
		name, _ := t.(string) // which the decoder sees to
		if seen[name] {
			return fail("malformed", "a member is there twice", Fault{Pointer: member(at, name), Reason: "duplicate", Detail: "is there twice"})
		}
		seen[name] = true
		if err := c.value(c.member(s, at, name), member(at, name), depth); err != nil {
			return err
		}
	}
	_, err := c.d.Token()
	return err
}

// member returns the schema of a member, and remembers one that is unknown.
func (c *checking) member(s *huma.Schema, at, name string) *huma.Schema {
	if s == nil {
		return nil
	}
	if of, ok := s.Properties[name]; ok {
		return of
	}
	switch more := s.AdditionalProperties.(type) {
	case *huma.Schema:
		return more
	case bool:
		if !more && len(c.unknown) < 20 {
			c.unknown = append(c.unknown, Fault{Pointer: member(at, name), Reason: sdk.ReasonUnknown,
				Detail: "is not known: this takes " + strings.Join(known(s), ", ")})
		}
	}
	return nil
}

// known are the members that an object takes.
func known(s *huma.Schema) []string {
	names := make([]string, 0, len(s.Properties))
	for name := range s.Properties {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// member is the JSON Pointer of a member, or of what it is in if its name may be
// anything: a secret in the wrong place, say.
func member(at, name string) string {
	if !isSafeName(name) {
		return at
	}
	return at + "/" + name
}

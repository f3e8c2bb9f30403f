// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
)

// Values are answers, by the names of their fields. Every answer is text: a
// bool is "true" or "false", a number its JSON, and many answers and pairs are
// JSON too. [Schema.Decode] and [Schema.Encode] are the only conversion to
// and from native JSON.
type Values map[string]string

// Names returns the names of the fields that have an answer, sorted.
func (v Values) Names() []string { return slices.Sorted(maps.Keys(v)) }

// Decode reads a JSON object of native answers: booleans, numbers, lists and
// objects, where the fields are of that kind. Pairs are an object or, as form
// libraries want them, a list such as [{"name":"X-Team","value":"blue"}]. JSON is
// any value but a text, or a text that holds it. Null is an empty answer, which
// clears, for every kind.
//
// It refuses only what is no object. Names that s lacks, and what is not of its
// field's kind, become answers that Complete refuses: so that all that is wrong
// is said at once, and of a field that is not asked nothing.
func (s Schema) Decode(object []byte) (Values, error) {
	var native map[string]json.RawMessage
	if err := json.Unmarshal(object, &native); err != nil || native == nil {
		return nil, invalid(ReasonKind, "the answers must be a JSON object")
	}
	values := make(Values, len(native))
	for name, answer := range native {
		f, known := s.Field(name)
		text, ok := f.decode(answer)
		switch {
		case !known:
			text = string(answer)
		case !ok:
			text = misfit
		}
		values[name] = text
	}
	return values, nil
}

// misfit is the text of an answer that is of another kind than its field. No
// field takes it.
const misfit = "\x00"

// decode returns one native answer, or many, as text.
func (f Field) decode(native json.RawMessage) (string, bool) {
	if !f.Many || string(native) == "null" {
		return f.decodeOne(native)
	}
	var items []json.RawMessage
	if json.Unmarshal(native, &items) != nil {
		return "", false
	}
	many := make([]string, len(items))
	for i, item := range items {
		var ok bool
		if many[i], ok = f.decodeOne(item); !ok {
			return "", false
		}
	}
	return encode(many), true
}

func (f Field) decodeOne(native json.RawMessage) (string, bool) {
	if string(native) == "null" {
		return "", true
	}
	switch f.Kind {
	case Bool:
		var b bool
		return string(native), json.Unmarshal(native, &b) == nil
	case Number:
		var x float64
		return string(native), json.Unmarshal(native, &x) == nil
	case JSON:
		if native[0] != '"' { // or it is a text that holds JSON
			var b bytes.Buffer
			err := json.Compact(&b, native)
			return b.String(), err == nil
		}
	case Pairs:
		all := pairs(native)
		return encode(all), all != nil
	}
	var text string
	return text, json.Unmarshal(native, &text) == nil
}

// Encode returns answers as a JSON object of native ones, secrets included.
// Answers that s has no field for are left out.
func (s Schema) Encode(answers Values) []byte {
	native := make(map[string]json.RawMessage, len(answers))
	for name, text := range answers {
		if f, ok := s.Field(name); ok && text != "" {
			native[name] = f.encode(text)
		}
	}
	return []byte(encode(native))
}

func (f Field) encode(text string) json.RawMessage {
	if f.Many {
		items := []json.RawMessage{}
		for _, item := range list(text) {
			items = append(items, f.encodeOne(item))
		}
		return json.RawMessage(encode(items))
	}
	return f.encodeOne(text)
}

func (f Field) encodeOne(text string) json.RawMessage {
	switch f.Kind {
	case JSON:
		if json.Valid([]byte(text)) && text[0] != '"' {
			return json.RawMessage(text)
		}
	case Bool, Number, Pairs:
		if json.Valid([]byte(text)) {
			return json.RawMessage(text)
		}
	}
	return json.RawMessage(encode(text))
}

// list returns the answers in the text of a field that takes many.
func list(text string) []string {
	var many []string
	if json.Unmarshal([]byte(text), &many) != nil {
		return nil
	}
	return many
}

// An Input is one stored credential, opened for a single call. Its answers
// are complete for the schema; those of a draft lack what is suggested.
type Input struct {
	State   []byte   // the State of the last grant; nil before the first
	Refused *Refusal // the answer that the last grant got; nil if none was refused

	values Values
	fields []Field
}

// NewInput returns answers, which are complete for s, as an input. It is for
// hosts and tests.
func NewInput(s Schema, answers Values) Input { return Input{values: answers, fields: s.Fields} }

// Values returns a copy of all the answers.
func (in Input) Values() Values { return maps.Clone(in.values) }

// Lookup returns the answer to the field with the given name, and whether it
// is asked and answered. It is for plugins whose fields are data.
func (in Input) Lookup(name string) (string, bool) {
	v, ok := in.values[name]
	return v, ok
}

// Get returns the answer to f, or "" if it is not asked or not answered. It
// panics if the schema has no such field: that is a bug in the plugin.
func (in Input) Get(f Field) string {
	v, ok := in.values[f.Name]
	if !ok && !slices.ContainsFunc(in.fields, func(g Field) bool { return g.Name == f.Name }) {
		panic("sdk: the schema has no field " + strconv.Quote(f.Name))
	}
	return v
}

// Bool returns the answer to a [Bool] field.
func (in Input) Bool(f Field) bool { return in.Get(f) == "true" }

// Int returns the answer to a [Number] field without its fraction, 0 if there
// is none or it does not fit.
func (in Input) Int(f Field) int64 {
	text := in.Get(f)
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n
	}
	x, _ := strconv.ParseFloat(text, 64)
	if x <= -1<<63 || x >= 1<<63 {
		return 0
	}
	return int64(x)
}

// List returns the answers to a field that takes many.
func (in Input) List(f Field) []string { return list(in.Get(f)) }

// Pairs returns the answer to a [Pairs] field.
func (in Input) Pairs(f Field) map[string]string {
	var pairs map[string]string
	in.JSON(f, &pairs)
	return pairs
}

// JSON decodes the answer to a [JSON] field into v, and reports whether there
// is one that fits.
func (in Input) JSON(f Field, v any) bool { return json.Unmarshal([]byte(in.Get(f)), v) == nil }

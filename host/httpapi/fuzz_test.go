// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
)

// TestMergeJSON takes the examples of RFC 7396, appendix A.
func TestMergeJSON(t *testing.T) {
	t.Parallel()
	for _, c := range [][3]string{
		{`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`}, {`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`}, {`{"a":"b"}`, `{"a":null}`, `{}`},
		{`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`}, {`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`}, {`{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`},
		{`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`}, {`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`},
		{`["a","b"]`, `["c","d"]`, `["c","d"]`}, {`{"a":"b"}`, `["c"]`, `["c"]`}, {`{"a":"foo"}`, `null`, `null`}, {`{"a":"foo"}`, `"bar"`, `"bar"`},
		{`{"e":null}`, `{"a":1}`, `{"e":null,"a":1}`}, {`[1,2]`, `{"a":"b","c":null}`, `{"a":"b"}`}, {`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`},
	} {
		got := mergeJSON(json.RawMessage(c[0]), json.RawMessage(c[1]))
		if !sameJSON(t, got, []byte(c[2])) {
			t.Errorf("%s patched with %s is %s; want %s", c[0], c[1], got, c[2])
		}
	}
}

func sameJSON(t *testing.T, a, b []byte) bool {
	t.Helper()
	var x, y any
	if err := json.Unmarshal(a, &x); err != nil {
		t.Fatalf("%v: %s", err, a)
	}
	if err := json.Unmarshal(b, &y); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	return reflect.DeepEqual(x, y)
}

// TestHalved takes whole pairs, and no halves.
func TestHalved(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		`"a"`: false, `""`: false, `"\ud83d\ude00"`: false, `"\uD83D\uDE00\ud83d\ude00"`: false, `"\\ud83d"`: false, `"\ufffd"`: false, `"\u0000\\"`: false,
		`"\ud83d"`: true, `"\ude00"`: true, `"\ude00\ud83d"`: true, `"\ud83d\ud83d\ude00"`: true, `"\ud83dx\ude00"`: true, `"\ud83d\n\ude00"`: true, `"\\\ud83d"`: true,
		`{"\ud83d":1}`: true, `"\ud83d`: true,
	} {
		if halved([]byte(text)) != want {
			t.Errorf("%s is halved: %t", text, !want)
		}
	}
}

// FuzzHalved shows that what is taken is decoded to what was written: no
// character takes another's place.
func FuzzHalved(f *testing.F) {
	f.Add(`"\ud83d\ude00"`)
	f.Add(`"\\\udbff\\ud83d"`)
	f.Fuzz(func(t *testing.T, text string) {
		var said string
		if !utf8.ValidString(text) || json.Unmarshal([]byte(text), &said) != nil {
			return
		}
		meant := strings.Count(text, "\ufffd") + strings.Count(strings.ToLower(text), `\ufffd`)
		if replaced := strings.Count(said, "\ufffd") > meant; replaced != halved([]byte(text)) && meant == 0 {
			t.Errorf("%q is decoded to %q", text, said)
		}
	})
}

// FuzzMergeJSON shows that what is patched twice is what is patched once, and
// that nothing that is no null is lost.
func FuzzMergeJSON(f *testing.F) {
	f.Add(`{"a":{"b":1}}`, `{"a":{"b":null,"c":2}}`)
	f.Add(``, `{"a":null}`)
	f.Fuzz(func(t *testing.T, target, patch string) {
		if !json.Valid([]byte(patch)) || target != "" && !json.Valid([]byte(target)) {
			return
		}
		once := mergeJSON(json.RawMessage(target), json.RawMessage(patch))
		if !json.Valid(once) {
			t.Fatalf("%q patched with %q is %q", target, patch, once)
		}
		if twice := mergeJSON(once, json.RawMessage(patch)); !sameJSON(t, once, twice) {
			t.Errorf("%q patched with %q is %s, and again %s", target, patch, once, twice)
		}
	})
}

// FuzzCursor shows that a cursor is what this package has made, or refused.
func FuzzCursor(f *testing.F) {
	f.Add(cursor{listOf("a"), "c-x"}.String())
	f.Add("")
	f.Add("MQ")
	f.Fuzz(func(t *testing.T, text string) {
		list := listOf("a")
		after, err := parseCursor(text, list)
		if err == nil && text != "" && (cursor{list, after}).String() != text {
			t.Errorf("%q is read as %q, which is written otherwise", text, after)
		}
		if _, err := parseCursor(cursor{list, "c-" + strings.Repeat("x", 10)}.String(), listOf("b")); err == nil {
			t.Error("a cursor of another list is taken")
		}
	})
}

// FuzzAccept shows that what is chosen was offered.
func FuzzAccept(f *testing.F) {
	for _, header := range []string{"", "*/*", "application/json", `text/html;q=0.8, application/*;q=0.1`, `a/b;c="d,e"`, "*/*;q=0", `text/html;q=0.5;charset="utf-8"`} {
		f.Add(header)
	}
	f.Fuzz(func(t *testing.T, header string) {
		offered := []string{"application/json", "application/schema+json", "text/html"}
		got := acceptable(header, offered)
		if got != "" && got != offered[0] && got != offered[1] && got != offered[2] {
			t.Errorf("%q chooses %q", header, got)
		}
		for _, r := range parseAccept(header) {
			if r.q < 0 || r.q > 1 {
				t.Errorf("%q has a weight of %v", header, r.q)
			}
		}
	})
}

func TestAcceptable(t *testing.T) {
	t.Parallel()
	offered := []string{"application/json", "application/schema+json", "text/html"}
	for header, want := range map[string]string{
		"": offered[0], "*/*": offered[0], "text/html": offered[2], "text/*": offered[2], "application/schema+json;q=0.5, text/html;q=0.4": offered[1],
		"*/*;q=0.1, text/html": offered[2], "application/json;q=0, */*": offered[1], "image/png": "", "*/*;q=0": "", "text/html;q=2": offered[0],
		`text/html; charset=utf-8`: offered[2], `text/html; level=1`: "", "TEXT/HTML": offered[2], `x/y;a=",text/html", application/schema+json`: offered[1],
		"application/json, application/json;q=0": offered[0],
	} {
		if got := acceptable(header, offered); got != want {
			t.Errorf("Accept: %s chooses %q; want %q", header, got, want)
		}
	}
}

// FuzzBody shows that a body that is let through is read alike by everybody, and
// that no error repeats it.
func FuzzBody(f *testing.F) {
	for _, body := range []string{`{}`, `{"name":"x","name":"y"}`, `{"Name":1}`, `{"a":[{"b":1,"b":2}]}`, "{\"\xff\":1}", `[]`, `{} x`, strings.Repeat("[", 40), `{"EXAMPLE-secret":1}`} {
		f.Add([]byte(body))
	}
	reg := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	schema := schemaOf[NewCredential](reg)
	f.Fuzz(func(t *testing.T, body []byte) {
		unknown, err := check(body, reg, schema)
		if err != nil {
			if len(body) > 8 && !json.Valid(body) && bytes.Contains(encode(err.Problem), body) {
				t.Errorf("%q is repeated in %s", body, encode(err.Problem))
			}
			return
		}
		if !json.Valid(body) || !utf8.Valid(body) {
			t.Fatalf("%q is taken", body)
		}
		var members map[string]json.RawMessage
		if json.Unmarshal(body, &members) != nil {
			return
		}
		for name := range members {
			if reg.SchemaFromRef(schema.Ref).Properties[name] == nil && len(unknown) == 0 {
				t.Errorf("the member %q of %q is not known, and taken", name, body)
			}
		}
	})
}

// SPDX-License-Identifier: Apache-2.0

package schemas_test

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/credhost/credhost/schemas"
	"github.com/credhost/credhost/sdk"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(schemas.Schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler() // which checks the document against its meta-schema
	c.AssertFormat()
	if err := c.AddResource("schema.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func validate(t *testing.T, schema *jsonschema.Schema, text []byte) error {
	t.Helper()
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return schema.Validate(instance)
}

func TestTorture(t *testing.T) {
	t.Parallel()
	schema := compiled(t)
	text, err := os.ReadFile("../sdk/testdata/torture.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := validate(t, schema, text); err != nil {
		t.Error(err)
	}
	var s sdk.Schema
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate(t, schema, again); err != nil {
		t.Errorf("as Go writes it: %v", err)
	}
	small, err := json.Marshal(sdk.Schema{Name: "t", Title: "T", Fields: []sdk.Field{{Name: "a", Title: "A"}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := validate(t, schema, small); err != nil {
		t.Errorf("the smallest: %v", err)
	}
}

// What the document refuses, Go must refuse too: nobody should be told by one
// that a schema is good, and by the other that it is not.
func TestBothRefuse(t *testing.T) {
	t.Parallel()
	schema := compiled(t)
	field := func(members string) string {
		return `{"name":"t","title":"T","fields":[{"name":"b","title":"B"},{"name":"a","title":"A"` + members + `}]}`
	}
	long, _ := json.Marshal(strings.Repeat("x", sdk.MaxText+1))
	for name, text := range map[string]string{
		"no name":                  `{"title":"T"}`,
		"a name in capitals":       `{"name":"T","title":"T"}`,
		"no title":                 `{"name":"t"}`,
		"an empty title":           `{"name":"t","title":""}`,
		"a title that is obeyed":   `{"name":"t","title":"\u001b[2J"}`,
		"a negative version":       `{"name":"t","title":"T","version":-1}`,
		"half a certificate":       `{"name":"t","title":"T","clientCertificate":{"certificate":"a"}}`,
		"a certificate of no name": `{"name":"t","title":"T","clientCertificate":{"certificate":"","key":""}}`,
		"a reuse in the past":      `{"name":"t","title":"T","reuseSeconds":-1}`,
		"a reuse of centuries":     `{"name":"t","title":"T","reuseSeconds":315360001}`,
		"a reuse in parts":         `{"name":"t","title":"T","reuseSeconds":1.5}`,
		"documentation by http":    `{"name":"t","title":"T","docsUrl":"http://example.com"}`,
		"a language that is none":  `{"name":"t","title":"T","words":{"Deutsch":{}}}`,
		"an origin with a path":    `{"name":"t","title":"T","origins":["https://example.com/x"]}`,
		"an origin by ftp":         `{"name":"t","title":"T","answerOrigins":["ftp://example.com"]}`,
		"a notice without a text":  `{"name":"t","title":"T","notices":[{"text":""}]}`,
		"a condition of nothing":   `{"name":"t","title":"T","connectWhen":{}}`,
		"a reserved name":          `{"name":"t","title":"T","fields":[{"name":"constructor","title":"A"}]}`,
		"a name with a dash":       `{"name":"t","title":"T","fields":[{"name":"a-b","title":"A"}]}`,
		"an unknown kind":          field(`,"kind":"date"`),
		"an unknown scope":         field(`,"scope":"world"`),
		"a pattern that is none":   field(`,"pattern":"("`),
		"a long help":              field(`,"help":` + string(long)),
		"an option without value":  field(`,"kind":"choice","options":[{"value":""}]`),
		"an option with a break":   field(`,"kind":"choice","options":[{"value":"a\nb"}]`),
		"is without a field":       field(`,"when":{"is":"x"}`),
		"is and present":           field(`,"when":{"field":"b","is":"x","present":true}`),
		"and of nothing":           field(`,"when":{"and":[]}`),
		"and with a field":         field(`,"when":{"field":"b","and":[{"field":"b","present":true}]}`),
		"and with an empty part":   field(`,"when":{"and":[{}]}`),
		"not, and present as well": field(`,"when":{"field":"b","present":true,"not":{"field":"b","present":true}}`),
	} {
		if validate(t, schema, []byte(text)) == nil {
			t.Errorf("%s: the document takes %s", name, text)
		}
		var s sdk.Schema
		if err := json.Unmarshal([]byte(text), &s); err == nil && s.Validate() == nil {
			t.Errorf("%s: Go takes %s", name, text)
		}
	}
}

// The document alone finds what Go's decoder passes over.
func TestUnknownMembers(t *testing.T) {
	t.Parallel()
	schema := compiled(t)
	for _, text := range []string{
		`{"name":"t","title":"T","fileds":[]}`,
		`{"name":"t","title":"T","fields":[{"name":"a","title":"A","requierd":true}]}`,
		`{"name":"t","title":"T","fields":[{"name":"a","title":"A","bounds":{"minimum":1}}]}`,
		`{"name":"t","title":"T","connectWhen":{"field":"a","equals":"x"}}`,
	} {
		if validate(t, schema, []byte(text)) == nil {
			t.Errorf("it takes %s", text)
		}
	}
}

// The document's numbers are Go's.
func TestLimits(t *testing.T) {
	t.Parallel()
	var document struct {
		Properties map[string]struct{ MaxItems, MaxLength, Maximum float64 }
		Defs       map[string]struct {
			MaxLength  float64
			Properties map[string]struct{ MaxItems, MaxLength float64 }
		} `json:"$defs"`
	}
	if err := json.Unmarshal(schemas.Schema, &document); err != nil {
		t.Fatal(err)
	}
	for name, limit := range map[string]struct{ got, want float64 }{
		"fields":  {document.Properties["fields"].MaxItems, sdk.MaxFields},
		"notices": {document.Properties["notices"].MaxItems, sdk.MaxFields},
		"icon":    {document.Properties["icon"].MaxLength, sdk.MaxIcon},
		"reuse":   {document.Properties["reuseSeconds"].Maximum, sdk.MaxReuse},
		"options": {document.Defs["field"].Properties["options"].MaxItems, sdk.MaxOptions},
		"pattern": {document.Defs["field"].Properties["pattern"].MaxLength, sdk.MaxText},
		"line":    {document.Defs["line"].MaxLength, sdk.MaxText},
		"text":    {document.Defs["text"].MaxLength, sdk.MaxText},
	} {
		if limit.got != limit.want {
			t.Errorf("%s: the document says %v, Go %v", name, limit.got, limit.want)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package httpapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/credhost/credhost/host/httpapi"
	"github.com/credhost/credhost/schemas"
)

// A contract is the document, as somebody reads it who does not know this
// package: its schemas are JSON Schema (OpenAPI 3.1, section 4.8.24).
type contract struct {
	doc struct {
		Paths map[string]map[string]*documented
	}
	mu       sync.Mutex
	compiler *jsonschema.Compiler
	compiled map[string]*jsonschema.Schema
	met      map[string]map[string]bool // statuses by operation, in the tests
}

// documented is what the document says of an operation.
type documented struct {
	OperationID string
	Action      string `json:"x-credhost-action"`
	Parameters  []parameter
	RequestBody *struct {
		Required bool
		Content  map[string]struct{ Schema json.RawMessage }
	}
	Responses map[string]struct {
		Ref     string `json:"$ref"`
		Headers map[string]json.RawMessage
		Content map[string]struct{ Schema json.RawMessage }
	}

	path, method string
}

type parameter struct {
	Name, In string
	Required bool
	Schema   json.RawMessage
	Example  any
}

var promised = sync.OnceValue(func() *contract {
	c := &contract{compiler: jsonschema.NewCompiler(), compiled: map[string]*jsonschema.Schema{}, met: map[string]map[string]bool{}}
	text := httpapi.Document()
	if err := json.Unmarshal(text, &c.doc); err != nil {
		panic(err)
	}
	for path, methods := range c.doc.Paths {
		for method, op := range methods {
			op.path, op.method = path, strings.ToUpper(method)
		}
	}
	whole, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		panic(err)
	}
	c.compiler.AssertFormat()
	if err := c.compiler.AddResource("openapi.json", whole); err != nil {
		panic(err)
	}
	return c
})

// operations are all of the document, in a certain order.
func (c *contract) operations() []*documented {
	var all []*documented
	for _, methods := range c.doc.Paths {
		for _, op := range methods {
			all = append(all, op)
		}
	}
	slices.SortFunc(all, func(a, b *documented) int { return strings.Compare(a.OperationID, b.OperationID) })
	return all
}

// operation finds that of a request; nil if there is none.
func (c *contract) operation(method, path string) *documented {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	var found *documented
	for template, methods := range c.doc.Paths {
		op := methods[strings.ToLower(method)]
		if op != nil && fits(template, path) && (found == nil || strings.Contains(found.path, "{") && !strings.Contains(template, "{")) {
			found = op
		}
	}
	return found
}

func fits(template, path string) bool {
	want, got := strings.Split(template, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return false
	}
	for i := range want {
		if want[i] != got[i] && !strings.HasPrefix(want[i], "{") {
			return false
		}
	}
	return true
}

// schema compiles what a pointer into the document points to.
func (c *contract) schema(pointer string) (*jsonschema.Schema, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.compiled[pointer]; s != nil {
		return s, nil
	}
	s, err := c.compiler.Compile("openapi.json#" + pointer)
	c.compiled[pointer] = s
	return s, err
}

func escaped(parts ...string) string {
	var b strings.Builder
	for _, part := range parts {
		b.WriteString("/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(part))
	}
	return b.String()
}

// check says in which way an answer is not what the document promises.
func (c *contract) check(method, path string, resp *http.Response, body []byte) error {
	op := c.operation(method, path)
	if op == nil {
		if resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusMethodNotAllowed || method == http.MethodOptions {
			return nil
		}
		return fmt.Errorf("status %d where there is no operation", resp.StatusCode)
	}
	status := strconv.Itoa(resp.StatusCode)
	c.mu.Lock()
	if c.met[op.OperationID] == nil {
		c.met[op.OperationID] = map[string]bool{}
	}
	c.met[op.OperationID][status] = true
	c.mu.Unlock()
	said, ok := op.Responses[status]
	if !ok {
		return fmt.Errorf("%s: status %s is not documented", op.OperationID, status)
	}
	at := escaped("paths", op.path, strings.ToLower(op.method), "responses", status)
	if said.Ref != "" {
		at = strings.TrimPrefix(said.Ref, "#")
		return c.content(op, at, []string{"application/problem+json"}, method, resp, body)
	}
	for _, name := range []string{"Location", "ETag", "Link", "Retry-After", "Content-Language"} {
		if _, ok := said.Headers[name]; !ok && name != "Content-Language" && resp.Header.Get(name) != "" {
			return fmt.Errorf("%s: the header %s of status %s is not documented", op.OperationID, name, status)
		}
	}
	var types []string
	for mediaType := range said.Content {
		types = append(types, mediaType)
	}
	return c.content(op, at, types, method, resp, body)
}

// content checks an answer's body.
func (c *contract) content(op *documented, at string, types []string, method string, resp *http.Response, body []byte) error {
	if len(body) == 0 && (len(types) == 0 || method == http.MethodHead || resp.StatusCode == http.StatusNotModified) {
		return nil
	}
	mediaType, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if !slices.Contains(types, mediaType) {
		return fmt.Errorf("%s: a body of type %q at status %d, documented is %q", op.OperationID, mediaType, resp.StatusCode, types)
	}
	if !strings.HasSuffix(mediaType, "json") {
		return nil
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%s: %w", op.OperationID, err)
	}
	schema, err := c.schema(at + escaped("content", mediaType, "schema"))
	if err != nil {
		return err
	}
	if err := schema.Validate(v); err != nil {
		return fmt.Errorf("%s: status %d: %w\n%s", op.OperationID, resp.StatusCode, err, body)
	}
	return nil
}

// TestPublishedDocument shows that the document in schemas is that of this
// package: go generate ./schemas writes it.
func TestPublishedDocument(t *testing.T) {
	t.Parallel()
	if !bytes.Equal(schemas.OpenAPI, httpapi.Document()) {
		t.Error("schemas/openapi.json is not what this package makes: run make generate")
	}
}

// TestExamples shows that the examples of the document are what it says they are.
func TestExamples(t *testing.T) {
	t.Parallel()
	var doc any
	if err := json.Unmarshal(httpapi.Document(), &doc); err != nil {
		t.Fatal(err)
	}
	n := 0
	walk(doc, "", func(at string, v map[string]any) {
		examples, ok := v["examples"].([]any)
		if !ok || strings.HasSuffix(at, "/properties") {
			return
		}
		schema, err := promised().schema(at)
		if err != nil {
			t.Errorf("%s: %v", at, err)
			return
		}
		for _, example := range examples {
			n++
			if err := schema.Validate(example); err != nil {
				t.Errorf("%s: %v", at, err)
			}
		}
	})
	walk(doc, "", func(at string, v map[string]any) {
		named, ok := v["examples"].(map[string]any)
		if !ok || v["schema"] == nil {
			return
		}
		schema, err := promised().schema(at + "/schema")
		if err != nil {
			t.Errorf("%s: %v", at, err)
			return
		}
		for name, example := range named {
			n++
			if err := schema.Validate(example.(map[string]any)["value"]); err != nil {
				t.Errorf("%s: %s: %v", at, name, err)
			}
		}
	})
	if n < 40 {
		t.Errorf("%d examples; want many", n)
	}
}

// walk visits all objects of a document.
func walk(v any, at string, visit func(at string, v map[string]any)) {
	switch v := v.(type) {
	case map[string]any:
		visit(at, v)
		for name, of := range v {
			walk(of, at+escaped(name), visit)
		}
	case []any:
		for i, of := range v {
			walk(of, at+"/"+strconv.Itoa(i), visit)
		}
	}
}

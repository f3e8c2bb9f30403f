// SPDX-License-Identifier: Apache-2.0

package httpapi_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/internal/ground"
)

// A maker makes requests of what the document says, right ones and wrong ones.
type maker struct {
	*rand.Rand
	doc map[string]any
	ids map[string][]string // of what there is, by the names of path parameters
}

// odd are values that a program may meet where it expects something else.
var odd = []any{nil, true, -1, 1e300, "", " ", "\x00", "\u202e", strings.Repeat("x", 5000), []any{}, map[string]any{}, []any{nil}, map[string]any{"": nil},
	"../../etc/passwd", "'; DROP TABLE records; --", "é", "0001-01-01T00:00:00Z"}

// value makes what fits a schema, or now and then what does not.
func (m *maker) value(schema map[string]any, depth int) any {
	if ref, ok := schema["$ref"].(string); ok {
		at := any(m.doc)
		for part := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
			at = at.(map[string]any)[part]
		}
		schema = at.(map[string]any)
	}
	if m.IntN(12) == 0 || depth > 6 {
		return odd[m.IntN(len(odd))]
	}
	if all, ok := schema["examples"].([]any); ok && m.IntN(2) == 0 {
		return all[0]
	}
	if all, ok := schema["enum"].([]any); ok {
		return all[m.IntN(len(all))]
	}
	kind, _ := schema["type"].(string)
	if several, ok := schema["type"].([]any); ok {
		kind = several[m.IntN(len(several))].(string)
	}
	switch kind {
	case "object":
		return m.object(schema, depth)
	case "array":
		items, _ := schema["items"].(map[string]any)
		all := []any{}
		for range m.IntN(3) {
			all = append(all, m.value(items, depth+1))
		}
		return all
	case "boolean":
		return m.IntN(2) == 0
	case "integer", "number":
		return m.IntN(400) - 20
	case "null":
		return nil
	case "string":
		if schema["format"] == "date-time" {
			return []string{"2030-01-02T03:04:05Z", "2020-01-02T03:04:05+01:00"}[m.IntN(2)]
		}
		if schema["format"] == "uri" {
			return []string{"https://hooks.example/a?b=c", "http://127.0.0.1:1/", "https://u:p@x.example/", "urn:x:y"}[m.IntN(4)]
		}
		return []string{"acme", "default", "GET", "x", "a b", "sha256:" + strings.Repeat("0", 64), "env:HOME", "read"}[m.IntN(8)]
	}
	return odd[m.IntN(len(odd))]
}

func (m *maker) object(schema map[string]any, depth int) any {
	properties, _ := schema["properties"].(map[string]any)
	all := map[string]any{}
	for name, of := range properties {
		if m.IntN(4) > 0 {
			all[name] = m.value(of.(map[string]any), depth+1)
		}
	}
	if more, ok := schema["additionalProperties"].(map[string]any); ok {
		for range m.IntN(3) {
			all[[]string{"baseUrl", "apiKey", "nothing", "\x01"}[m.IntN(4)]] = m.value(more, depth+1)
		}
	}
	if m.IntN(15) == 0 {
		all["nobodyKnows"] = 1
	}
	return all
}

// request makes a request for an operation.
func (m *maker) request(op *documented) (path, body string, headers []string) {
	path, query := op.path, url.Values{}
	for _, p := range op.Parameters {
		var schema map[string]any
		if err := json.Unmarshal(p.Schema, &schema); err != nil {
			panic(err)
		}
		v := m.value(schema, 0)
		text, ok := v.(string)
		if !ok {
			b, _ := json.Marshal(v)
			text = string(b)
		}
		switch p.In {
		case "path":
			if known := m.ids[p.Name]; len(known) > 0 && m.IntN(3) > 0 {
				text = known[m.IntN(len(known))]
			}
			path = strings.ReplaceAll(path, "{"+p.Name+"}", url.PathEscape(text))
		case "query":
			if p.Required || m.IntN(3) == 0 {
				query.Set(p.Name, text)
			}
		case "header":
			if text = strings.Map(printable, text); m.IntN(3) == 0 {
				headers = append(headers, p.Name, text)
			}
		}
	}
	if m.IntN(20) == 0 {
		query.Set("nobodyKnows", "1")
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return path, m.body(op), headers
}

func printable(r rune) rune {
	if r < ' ' || r > '~' {
		return '?'
	}
	return r
}

func (m *maker) body(op *documented) string {
	if op.RequestBody == nil {
		return ""
	}
	switch m.IntN(20) {
	case 0:
		return []string{"{", `{"name":1,"name":2}`, "[]", "null", "\xff", `{} {}`, strings.Repeat("[", 100), `{"type":NaN}`}[m.IntN(8)]
	case 1:
		return ""
	}
	for _, content := range op.RequestBody.Content {
		var schema map[string]any
		if err := json.Unmarshal(content.Schema, &schema); err != nil {
			panic(err)
		}
		text, _ := json.Marshal(m.value(schema, 0))
		return string(text)
	}
	return ""
}

// TestRequestsOfAllKinds sends each operation requests that the document makes
// possible, and others: whatever comes, the answer is one that the document
// promises, which do looks at, and none is an error of ours.
func TestRequestsOfAllKinds(t *testing.T) {
	t.Parallel()
	w := serve(t, func(g *ground.Config, _ *httpapiConfig) {
		g.Access = func(c *access.Config) { c.Rates.Key.PerSecond, c.Rates.Workspace.PerSecond = -1, -1 }
	})
	n, err := strconv.Atoi(os.Getenv("CREDHOST_REQUESTS"))
	if err != nil {
		n = 8
	}
	seed := uint64(n)
	m := &maker{Rand: rand.New(rand.NewPCG(seed, 7)), ids: map[string][]string{"type": {"acme"}, "workspace": {"default"}, "plugin": {"acme"}}}
	text, _ := json.Marshal(json.RawMessage(published()))
	if err := json.Unmarshal(text, &m.doc); err != nil {
		t.Fatal(err)
	}
	tokens := []string{w.Key(all...), w.Operator(), ""}
	for range n {
		for _, op := range promised().operations() {
			if m.IntN(3) == 0 {
				m.ids["credential"] = append(m.ids["credential"], w.Create("acme"))
			}
			path, body, headers := m.request(op)
			if op.OperationID == "distrustPlugin" {
				path = "/v1/plugins/nothing/distrust" // the others need it
			}
			token := tokens[m.IntN(12)%3]
			if token == tokens[1] && m.IntN(4) > 0 {
				headers = append(headers, "Credhost-Workspace", "default")
			}
			if m.IntN(25) == 0 {
				headers = append(headers, "Content-Type", []string{"text/plain", "application/json; charset=latin1", ""}[m.IntN(3)])
			}
			if m.IntN(25) == 0 {
				headers = append(headers, "Accept", []string{"text/csv", "*/*;q=0", "application/json;q=0.1", "application/*"}[m.IntN(4)])
			}
			a := w.do(token, op.method, path, body, headers...)
			if a.StatusCode >= 500 && a.StatusCode != http.StatusServiceUnavailable {
				t.Fatalf("%s\n%s %s %q\n%s\nstatus %d: %s", op.OperationID, op.method, path, headers, body, a.StatusCode, a.text)
			}
			if a.StatusCode == http.StatusCreated {
				m.remember(op, a)
			}
		}
	}
	if os.Getenv("CREDHOST_REQUESTS") != "" {
		for _, op := range promised().operations() {
			fmt.Println(op.OperationID, promised().met[op.OperationID])
		}
	}
}

// remember keeps the ID of what was made, for requests that follow.
func (m *maker) remember(op *documented, a answer) {
	name := map[string]string{"createCredential": "credential", "createApplication": "application", "createKey": "key", "createWebhook": "webhook"}[op.OperationID]
	if id := a.member("id"); name != "" && id != "" {
		m.ids[name] = append(m.ids[name], id)
	}
}

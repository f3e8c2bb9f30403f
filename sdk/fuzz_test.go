// SPDX-License-Identifier: Apache-2.0

package sdk_test

import (
	"encoding/json"
	"maps"
	"net/url"
	"os"
	"strings"
	"testing"
	"unicode"

	"github.com/credhost/credhost/sdk"
)

// FuzzValidate reads a schema as a host does, from a plugin that means ill.
func FuzzValidate(f *testing.F) {
	text, err := os.ReadFile("testdata/torture.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text, "a", "https://example.com")
	f.Add([]byte(`{"name":"t","title":"T","fields":[{"name":"a","title":"A","when":{"not":{"field":"a","is":"x"}}}],"origins":["https://{a}.example.com"]}`), "a", "b.c")
	f.Fuzz(func(t *testing.T, text []byte, name, answer string) {
		var s sdk.Schema
		if json.Unmarshal(text, &s) != nil {
			return
		}
		if err := s.Validate(); err != nil {
			if strings.ContainsFunc(err.Error(), func(r rune) bool { return unicode.IsControl(r) && r != '\n' }) {
				t.Errorf("the faults are not fit to print: %q", err)
			}
			return
		}
		answers := sdk.Values{name: answer}
		for _, field := range s.Fields {
			answers[field.Name] = answer
		}
		properties(t, s, nil)
		properties(t, s, answers)
		again, err := json.Marshal(s)
		var back sdk.Schema
		if err != nil || json.Unmarshal(again, &back) != nil || back.Validate() != nil {
			t.Errorf("%s does not survive JSON", again)
		}
	})
}

func FuzzComplete(f *testing.F) {
	for i, kind := range allKinds {
		for _, answer := range sample[kind] {
			f.Add(uint8(i), false, answer)
			f.Add(uint8(i), true, `["`+answer+`"]`)
		}
	}
	f.Fuzz(func(t *testing.T, kind uint8, many bool, answer string) {
		field := sdk.Field{Name: "f", Title: "F", Kind: allKinds[int(kind)%len(allKinds)], Many: many, Optional: true}
		if field.Kind == sdk.Choice {
			field.Suggest = &sdk.Suggest{}
		}
		if field.Kind == sdk.Bool || field.Kind == sdk.Hidden {
			field.Many = false
		}
		properties(t, sdk.Schema{Name: "t", Title: "T", Fields: []sdk.Field{field}}, sdk.Values{"f": answer})
	})
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"text":"a","texts":["a"],"flag":true,"number":1e2,"numbers":[1],"json":{"a":[1]},"jsons":[{}],"pairs":{"a":"b"},"pairses":[{"a":"b"}]}`))
	f.Fuzz(func(t *testing.T, object []byte) {
		answers, err := everyKind.Decode(object)
		if err != nil {
			return
		}
		full, err := everyKind.Complete(answers)
		if err != nil {
			return
		}
		back, err := everyKind.Decode(everyKind.Encode(full))
		if err != nil || !maps.Equal(back, full) {
			t.Errorf("%q comes back as %q, %v", map[string]string(full), map[string]string(back), err)
		}
	})
}

func FuzzOrigin(f *testing.F) {
	for _, seed := range []string{"https://example.com:443/a", "https://[::1]:8080", "evil.com/#", "a.b", "x@y", "a\r\nb", "127.1", "acme"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if o := sdk.Origin(text); o != "" {
			u, err := url.Parse(o)
			if err != nil || sdk.Origin(o) != o || u.User != nil || u.Path+u.RawQuery+u.Fragment != "" || !sdk.MatchOrigin([]string{o}, o) {
				t.Errorf("Origin(%q) = %q", text, o)
			}
		}
		s := templated("https://{shop}.example.com", "https://api-{shop}.example.com:{port}", "tcp://{host}:{port}")
		origins, err := s.Expand(sdk.Values{"shop": text, "port": "8443"})
		for _, o := range origins.Grant {
			u, urlErr := url.Parse(o)
			if err != nil || urlErr != nil || !strings.HasSuffix(u.Hostname(), ".example.com") || strings.Count(u.Hostname(), ".") != 2 || sdk.Origin(o) != o {
				t.Errorf("the answer %q gives %q, %v", text, o, err)
			}
		}
		origins, err = templated("tcp://{host}:{port}").Expand(sdk.Values{"host": text, "port": "1"})
		for _, o := range origins.Grant {
			if err != nil || sdk.Origin(o) != o || !strings.HasSuffix(o, ":1") {
				t.Errorf("the host %q gives %q, %v", text, o, err)
			}
		}
		s = templated(text)
		if s.Validate() != nil {
			return
		}
		origins, _ = s.Expand(sdk.Values{"shop": "evil", "region": "evil", "port": "1", "host": "evil"})
		for _, o := range origins.Grant {
			if strings.Contains(text, "{") && !strings.HasPrefix(text, "tcp://{host}") && strings.Contains(lastLabels(o), "evil") && !strings.Contains(lastLabels(text), "evil") {
				t.Errorf("the template %q lets an answer make %s", text, o)
			}
		}
	})
}

// lastLabels returns what decides whose host this is.
func lastLabels(origin string) string {
	_, host, _ := strings.Cut(strings.ToLower(origin), "://")
	host, _, _ = strings.Cut(host, ":")
	labels := strings.Split(host, ".")
	return strings.Join(labels[max(0, len(labels)-2):], ".")
}

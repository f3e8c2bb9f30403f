// SPDX-License-Identifier: Apache-2.0

package sdk_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/credhost/credhost/sdk"
	"github.com/google/go-cmp/cmp"
)

// templated returns a schema with these origins and a field of each sort.
func templated(origins ...string) sdk.Schema {
	return sdk.Schema{Name: "t", Title: "T", Origins: origins, Fields: []sdk.Field{
		{Name: "url", Title: "U", Kind: sdk.URL}, {Name: "urls", Title: "U", Kind: sdk.URL, Many: true},
		{Name: "shop", Title: "S"}, {Name: "region", Title: "R", Kind: sdk.Hidden, Default: "eu"},
		{Name: "host", Title: "H"}, {Name: "port", Title: "P", Kind: sdk.Number},
		{Name: "secret", Title: "S", Secret: true}, {Name: "flag", Title: "F", Kind: sdk.Bool}, {Name: "many", Title: "M", Many: true},
	}}
}

func TestExpand(t *testing.T) {
	t.Parallel()
	tests := []struct {
		template string
		answers  sdk.Values
		want     []string
	}{
		{"https://API.example.com:443", nil, []string{"https://api.example.com"}},
		{"{url}", sdk.Values{"url": "https://example.com:8443/base"}, []string{"https://example.com:8443"}},
		{"{url}", sdk.Values{"url": "http://192.0.2.1/base"}, []string{"http://192.0.2.1"}},
		{"{url}", nil, nil},
		{"{urls}", sdk.Values{"urls": `["https://b.example","https://a.example/x","https://b.example/y"]`}, []string{"https://a.example", "https://b.example"}},
		{"https://{shop}.example.com", sdk.Values{"shop": "Acme-1"}, []string{"https://acme-1.example.com"}},
		{"https://{shop}.example.com", nil, nil},
		{"https://api-{region}.example.com:8443", sdk.Values{"region": "eu"}, []string{"https://api-eu.example.com:8443"}},
		{"https://{shop}.{region}.example.com", sdk.Values{"shop": "a", "region": "b"}, []string{"https://a.b.example.com"}},
		{"https://{shop}.{region}.example.com", sdk.Values{"shop": "a"}, nil},
		{"https://*.Example.com", nil, []string{"https://*.example.com"}},
		{"https://*.{shop}.example.com:443", sdk.Values{"shop": "a"}, []string{"https://*.a.example.com"}},
		{"tcp://{host}:{port}", sdk.Values{"host": "DB.example.com", "port": "5432"}, []string{"tcp://db.example.com:5432"}},
		{"tcp://{host}:{port}", sdk.Values{"host": "192.0.2.1", "port": "5432"}, []string{"tcp://192.0.2.1:5432"}},
		{"tcp://{host}:{port}", sdk.Values{"host": "2001:db8::1", "port": "5432"}, []string{"tcp://[2001:db8::1]:5432"}},
		{"tcp://{host}:5432", sdk.Values{"host": "db"}, []string{"tcp://db:5432"}},
		{"tcp://{shop}.example.com:{port}", sdk.Values{"shop": "a", "port": "1"}, []string{"tcp://a.example.com:1"}},
		{"https://[::1]:8443", nil, []string{"https://[::1]:8443"}},
	}
	for _, test := range tests {
		s := templated(test.template)
		if err := s.Validate(); err != nil {
			t.Error(err)
		}
		got, err := s.Expand(test.answers)
		if diff := cmp.Diff(sdk.Origins{Answers: test.want, Grant: test.want}, got); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", test.template, err, diff)
		}
		for _, origin := range got.Grant {
			if wild := strings.Contains(origin, "*"); !wild && sdk.Origin(origin) != origin {
				t.Errorf("%s is not canonical", origin)
			}
		}
	}
}

func TestAnswerOrigins(t *testing.T) {
	t.Parallel()
	answers := sdk.Values{"url": "https://a.example", "host": "h", "port": "1"}
	s := templated("{url}", "https://api.example.com", "https://api.example.com")
	s.AnswerOrigins = []string{"tcp://{host}:{port}"}
	got, err := s.Expand(answers)
	want := sdk.Origins{Answers: []string{"tcp://h:1"}, Grant: []string{"https://a.example", "https://api.example.com"}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	s.AnswerOrigins = []string{}
	text, err := json.Marshal(s) // as it travels to the host
	var back sdk.Schema
	if err != nil || json.Unmarshal(text, &back) != nil {
		t.Fatal(err)
	}
	for _, s := range []sdk.Schema{s, back} {
		if got, err = s.Expand(answers); err != nil || len(got.Answers) != 0 {
			t.Errorf("no origin for answers becomes %v, %v", got.Answers, err)
		}
	}
}

// The answers of this test try to decide whose host a template means.
func TestExpandRefusesHostileAnswers(t *testing.T) {
	t.Parallel()
	hostile := []string{
		"evil.com/#", "evil.com", "a.b", "x@y", "x@evil.com/", "evil.com?", "evil.com\\", "a\r\nHost: evil.com", "a\x00", "a b", " ", ".", "..", "-", "-a", "a-",
		"*", "{region}", "%2e", "%", "a:b", "a:80", "[::1]", "::1", "/", "//evil.com", "#", "?", "\u212A", "ü", "a\u3002b", "\u202ea", "a_b", strings.Repeat("a", 64),
	}
	for _, template := range []string{"https://{shop}.example.com", "https://api-{shop}.example.com", "https://*.{shop}.example.com", "https://{shop}.{region}.example.com:{port}"} {
		for _, answer := range hostile {
			got, err := templated(template).Expand(sdk.Values{"shop": answer, "region": "eu", "port": "1"})
			refusedFor(t, template, answer, "shop", got, err)
		}
	}
	for _, answer := range []string{"0", "65536", "-1", "1.5", "1e3", "x", "80/", "80@evil.com", "80#", " 80", "+80", "8 0"} {
		got, err := templated("https://{shop}.example.com:{port}").Expand(sdk.Values{"shop": "a", "port": answer})
		refusedFor(t, "port", answer, "port", got, err)
	}
	for _, answer := range []string{"evil.com/", "evil.com:80", "a@b", "a#", "a?", "127.1", "2130706433", "0x7f.1", "a..b", "a.", "[::1]", "fe80::1%eth0", "a b", "a\r\n", "ü"} {
		got, err := templated("tcp://{host}:{port}").Expand(sdk.Values{"host": answer, "port": "1"})
		refusedFor(t, "host", answer, "host", got, err)
	}
	for _, answer := range []string{"evil", "https://127.1", "https://a b", "https://example.com.", "//evil.com", "https://[::1%25a]"} {
		got, err := templated("{url}").Expand(sdk.Values{"url": answer})
		refusedFor(t, "url", answer, "url", got, err)
	}
}

// Each answer may be right by itself, and the whole still be no host.
func TestExpandOfWhatIsNoHost(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 63)
	got, err := templated("https://api-{shop}.example.com").Expand(sdk.Values{"shop": long})
	refusedFor(t, "a long label", long, "shop", got, err)
	s := templated("https://example.com")
	s.AnswerOrigins = []string{"https://api-{shop}.example.com"}
	got, err = s.Expand(sdk.Values{"shop": long})
	refusedFor(t, "a long label for answers", long, "shop", got, err)
}

func refusedFor(t *testing.T, template, answer, field string, got sdk.Origins, err error) {
	t.Helper()
	var e *sdk.Error
	if !errors.As(err, &e) || e.Code != sdk.Invalid || e.Field != field || got.Grant != nil || got.Answers != nil {
		t.Errorf("%s with %q gives %v, %v", template, answer, got, err)
	} else if len(answer) > 3 && strings.Contains(e.Message, answer) {
		t.Errorf("%s quotes %q: %v", template, answer, err)
	}
}

func TestTemplatesThatValidateRefuses(t *testing.T) {
	t.Parallel()
	for _, template := range []string{
		"", "example.com", "//example.com", "https://", "ftp://example.com", "javascript://example.com", "HTTPS://example.com", "https:example.com",
		"https://example.com/", "https://example.com/path", "https://example.com?x", "https://example.com#x", "https://u@example.com", "https://exa mple.com",
		"https://example.com:0", "https://example.com:", "https://example.com.", "https://127.1", "https://bücher.example",
		"{nope}", "{}", "{secret}", "{shop}", "{many}", "{flag}", "{url}{url}", "x{url}", "{url}/x", "https://{url}", "https://{url}.example.com",
		"https://{secret}.example.com", "https://{many}.example.com", "https://{flag}.example.com", "https://{nope}.example.com",
		"https://{shop}", "https://{shop}.com", "https://{shop}.", "https://{shop}:8443", "https://{shop}.com:8443", "https://{shop}{region}.com",
		"https://api.{shop}.com", "https://api.example.{shop}", "https://api.example.com{shop}", "https://api.example.com.{shop}", "https://api.exa{shop}mple.com",
		"{shop}://example.com", "https://{shop.example.com", "https://shop}.example.com", "https://{{shop}}.example.com", "https://{shop}.example.com/{region}",
		"https://*", "https://*.com", "https://*.*.example.com", "https://*example.com", "https://a.*.example.com", "https://*.{shop}.com", "https://**.example.com", "*", "https://example.*",
		"tcp://example.com", "tcp://{host}", "tcp://{host}.com:{port}", "tcp://*.com:1", "tcp://x{host}:1", "tcp://{host}:{port}x", "https://{host}:{port}", "http://{host}:{port}",
	} {
		if err := templated(template).Validate(); err == nil {
			t.Errorf("%q is taken", template)
		}
		s := templated()
		s.AnswerOrigins = []string{template}
		if err := s.Validate(); err == nil {
			t.Errorf("%q is taken for answers", template)
		}
	}
}

func TestTemplateFields(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff([]string{"a", "b"}, sdk.TemplateFields("https://{a}.{b}.example.com")); diff != "" {
		t.Error(diff)
	}
	if got := sdk.TemplateFields("https://example.com"); got != nil {
		t.Errorf("a literal has fields: %v", got)
	}
}

func TestExpandIssuer(t *testing.T) {
	t.Parallel()
	answers := sdk.Values{"url": "https://id.example/realm", "tenant": "acme"}
	for template, want := range map[string]string{
		"": "", "https://id.example/": "https://id.example/", "{url}": "https://id.example/realm", "{url}/v2": "https://id.example/realm/v2",
		"https://{tenant}.id.example": "https://acme.id.example", "https://id.example/{tenant}/": "https://id.example/acme/",
		"https://{missing}.id.example": "",
	} {
		if got := (sdk.Schema{Issuer: template}).ExpandIssuer(answers); got != want {
			t.Errorf("%q makes %q, want %q", template, got, want)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package sdk_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/credhost/credhost/sdk"
)

func TestOrigin(t *testing.T) {
	t.Parallel()
	tests := []struct{ rawURL, want string }{
		{"https://example.com", "https://example.com"},
		{"HTTPS://Example.COM:443/a?b#c", "https://example.com"},
		{"https://example.com:0443", "https://example.com"},
		{"http://example.com:80", "http://example.com"},
		{"http://example.com:443", "http://example.com:443"},
		{"https://example.com:8443", "https://example.com:8443"},
		{"wss://example.com:443", "wss://example.com"},
		{"tcp://db.example.com:5432", "tcp://db.example.com:5432"},
		{"https://user:pass@example.com", "https://example.com"},
		{"https://a_b.example.com", "https://a_b.example.com"},
		{"https://xn--bcher-kva.example", "https://xn--bcher-kva.example"},
		{"https://localhost", "https://localhost"},
		{"https://192.0.2.1:443", "https://192.0.2.1"},
		{"https://[2001:DB8::0001]", "https://[2001:db8::1]"},
		{"https://[2001:db8:0:0:0:0:0:1]:443", "https://[2001:db8::1]"},
		{"https://[::1]:8443", "https://[::1]:8443"},
		{"https://[0:0:0:0:0:ffff:c000:201]", "https://[::ffff:192.0.2.1]"},
		{"https://[::ffff:192.0.2.1]", "https://[::ffff:192.0.2.1]"},

		// Not a host to everybody alike.
		{"https://127.1", ""}, {"https://2130706433", ""}, {"https://017700000001", ""}, {"https://0x7f000001", ""},
		{"https://0x7F.0.0.1", ""}, {"https://127.0.0.0x1", ""}, {"https://0177.0.0.1", ""}, {"https://1.2.3.4.5", ""},
		{"https://example.1", ""}, {"https://a.0x", ""}, {"https://256.0.0.1", ""}, {"https://127.0.0.1.", ""},
		{"https://example.com.", ""}, {"https://example..com", ""}, {"https://.example.com", ""}, {"https://-a.example.com", ""},
		{"https://bücher.example", ""}, {"https://\u212Aexample.com", ""}, {"https://ex%61mple.com", ""}, {"https://example\u3002com", ""},
		{"https://[fe80::1%25eth0]", ""}, {"https://[127.0.0.1]", ""}, {"https://[::1", ""}, {"https://::1", ""}, {"https://[v1.x]", ""},
		{"https://a b", ""}, {"https://a\tb", ""}, {"https://a\r\nb", ""}, {"https://a\\b", ""}, {"https://evil.com\\@example.com", ""},
		{"https://*.example.com", ""}, {"https://a,b", ""}, {"https://" + strings.Repeat("a.", 127) + "com", ""}, {"https://" + strings.Repeat("a", 64) + ".com", ""},

		// No port.
		{"https://example.com:", ""}, {"https://example.com:0", ""}, {"https://example.com:65536", ""},
		{"https://example.com:+80", ""}, {"https://example.com:80:80", ""}, {"https://example.com:x", ""},

		// No origin.
		{"", ""}, {"example.com", ""}, {"//example.com", ""}, {"https:example.com", ""}, {"https://", ""}, {"https:///x", ""},
		{"mailto:a@example.com", ""}, {"data:,x", ""}, {"/x", ""}, {"%", ""}, {"https://?x", ""}, {"https://:443", ""},
	}
	for _, test := range tests {
		got := sdk.Origin(test.rawURL)
		if got != test.want {
			t.Errorf("Origin(%q) = %q, want %q", test.rawURL, got, test.want)
		}
		if got != "" && sdk.Origin(got) != got {
			t.Errorf("Origin(%q) = %q, not itself", got, sdk.Origin(got))
		}
	}
}

// A URL that was not parsed may hold anything.
func TestOriginOf(t *testing.T) {
	t.Parallel()
	for _, u := range []url.URL{
		{Host: "example.com"}, {Scheme: "https"}, {Scheme: "https", Host: ":"}, {Scheme: "https", Host: "["}, {Scheme: "https", Host: "[]"},
		{Scheme: "https", Host: "a@b"}, {Scheme: "https", Host: "a/b"}, {Scheme: "https", Host: "a#b"}, {Scheme: "https", Host: "fe80::1:2"},
		{Scheme: "https", Opaque: "//example.com"}, {Scheme: "https", Host: "a\x00b"}, {Scheme: "https", Host: "[::1]x"},
	} {
		if got := sdk.OriginOf(&u); got != "" {
			t.Errorf("OriginOf(%#v) = %q", u, got)
		}
	}
	if got := sdk.OriginOf(&url.URL{Scheme: "HTTPS", Host: "A.example:443"}); got != "https://a.example" {
		t.Errorf("OriginOf of a URL in capitals is %q", got)
	}
}

func TestMatchOrigin(t *testing.T) {
	t.Parallel()
	patterns := []string{"https://api.example.com", "https://*.example.net", "https://*.example.org:8443", "https://[::1]:1", "tcp://db.example.com:5432"}
	for _, origin := range []string{
		"https://api.example.com", "https://a.example.net", "https://a.b.example.net", "https://a.example.org:8443", "https://[::1]:1", "tcp://db.example.com:5432",
	} {
		if !sdk.MatchOrigin(patterns, origin) {
			t.Errorf("%s does not match", origin)
		}
	}
	for _, origin := range []string{
		"", "https://", "http://api.example.com", "https://api.example.com:8443", "https://x.api.example.com", "https://example.com",
		"https://example.net", "https://.example.net", "https://evilexample.net", "http://a.example.net", "https://a.example.net:8443",
		"https://a.example.net.evil.com", "https://a.example.org", "tcp://db.example.com", "https://evil.com/.example.net",
		"https://evil.com?.example.net", "https://evil.com#.example.net", "https://evil.com@a.example.net", "https://*.example.net", "example.net",
	} {
		if sdk.MatchOrigin(patterns, origin) {
			t.Errorf("%s matches", origin)
		}
	}
	if sdk.MatchOrigin(nil, "https://example.com") || sdk.MatchOrigin([]string{""}, "") || sdk.MatchOrigin([]string{"https://*", "https://*evil.com", "*"}, "https://x.evil.com") {
		t.Error("a pattern that is none matches")
	}
}

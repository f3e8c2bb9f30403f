// SPDX-License-Identifier: Apache-2.0

package sdk_test

import (
	"strings"
	"testing"

	"github.com/credhost/credhost/sdk"
)

// one completes a single answer and returns it, or the reason it is refused.
func one(t *testing.T, f sdk.Field, answer string) (string, string) {
	t.Helper()
	f.Name, f.Optional = "f", true
	complete, err := sdk.Schema{Name: "t", Fields: []sdk.Field{f}}.Complete(sdk.Values{"f": answer})
	if got := faults(t, err); got != nil {
		return "", got[0].Reason
	}
	return complete["f"], ""
}

func TestCanonicalForms(t *testing.T) {
	t.Parallel()
	text, long, url := sdk.Field{}, sdk.Field{Kind: sdk.LongText}, sdk.Field{Kind: sdk.URL}
	secret, pem := sdk.Field{Secret: true}, sdk.Field{Kind: sdk.LongText, Secret: true}
	boolean, number, when := sdk.Field{Kind: sdk.Bool}, sdk.Field{Kind: sdk.Number}, sdk.Field{Kind: sdk.DateTime}
	data, pairs := sdk.Field{Kind: sdk.JSON}, sdk.Field{Kind: sdk.Pairs}
	texts, numbers := sdk.Field{Many: true}, sdk.Field{Kind: sdk.Number, Many: true}
	const bad = sdk.ReasonKind
	tests := []struct {
		f                  sdk.Field
		answer, want, flaw string
	}{
		{text, " x y\t", "x y", ""},
		{text, "a\nb", "", bad}, {text, "a\r", "a", ""}, {text, "a\x00b", "", bad}, {text, "a\x7fb", "", bad},
		{text, "a\u2028b", "", bad}, {text, "a\xffb", "", bad}, {text, "žluťoučký 🐎", "žluťoučký 🐎", ""},
		{secret, " x ", " x ", ""}, {secret, "x\n", "", bad}, {secret, " ", " ", ""},
		{long, " a\n b\n", " a\n b\n", ""}, {long, "a\x00", "", bad}, {pem, "-\n", "-\n", ""},

		{url, " HTTPS://Example.COM:443/A/b// ", "https://example.com/A/b", ""},
		{url, "http://example.com:080/", "http://example.com", ""},
		{url, "https://example.com:8443", "https://example.com:8443", ""},
		{url, "https://[2001:DB8:0:0:0:0:0:1]/x", "https://[2001:db8::1]/x", ""},
		{url, "https://example.com/a%20b", "https://example.com/a%20b", ""},
		{url, "https://example.com/a b", "", bad}, {url, "https://example.com/ä", "", bad}, {url, `https://example.com/"`, "", bad},
		{url, "example.com", "", bad}, {url, "ftp://example.com", "", bad}, {url, "https:example.com", "", bad},
		{url, "https://", "", bad}, {url, "https:///x", "", bad}, {url, "//example.com", "", bad},
		{url, "https://u@example.com", "", bad}, {url, "https://@example.com", "", bad},
		{url, "https://u:p@example.com", "", bad}, {url, "https://example.com?", "", bad},
		{url, "https://example.com?/", "", bad}, {url, "https://example.com/?a=b", "", bad},
		{url, "https://example.com/#", "", bad}, {url, "https://example.com#x", "", bad},
		{url, "https://example.com:", "", bad}, {url, "https://example.com:0", "", bad},
		{url, "https://example.com:65536", "", bad}, {url, "https://127.1", "", bad},
		{url, "https://2130706433", "", bad}, {url, "https://0x7f000001", "", bad}, {url, "https://example.com.", "", bad},
		{url, "https://exa mple.com", "", bad}, {url, "https://bücher.example", "", bad},
		{url, "https://evil.com\\@example.com", "", bad}, {url, "https://example.com/a\nb", "", bad},
		{url, "javascript://example.com/%0aalert(1)", "", bad},

		{boolean, "", "false", ""}, {boolean, " true ", "true", ""}, {boolean, "false", "false", ""},
		{boolean, "True", "", bad}, {boolean, "1", "", bad}, {boolean, "yes", "", bad},

		{number, "12", "12", ""}, {number, "-0", "0", ""}, {number, "0.0", "0", ""}, {number, "1e2", "100", ""},
		{number, "1.50", "1.5", ""}, {number, "1e-7", "1e-7", ""}, {number, "1E+21", "1e+21", ""},
		{number, "123456789012345678901234567890", "123456789012345678901234567890", ""},
		{number, "0.1000000000000000055", "0.1", ""}, {number, "9007199254740993", "9007199254740993", ""},
		{number, "05", "", bad}, {number, "+5", "", bad}, {number, ".5", "", bad}, {number, "1e999", "", bad},
		{number, "0x10", "", bad}, {number, "1_000", "", bad}, {number, "NaN", "", bad}, {number, "Inf", "", bad},
		{number, "1,5", "", bad}, {number, `"1"`, "", bad}, {number, "true", "", bad}, {number, "null", "", bad},

		{when, "2026-11-21T22:17:00Z", "2026-11-21T22:17:00Z", ""},
		{when, "2026-11-21T22:17:00.500+00:00", "2026-11-21T22:17:00.5Z", ""},
		{when, "2026-11-21T22:17:00+02:00", "2026-11-21T22:17:00+02:00", ""},
		{when, "2026-11-21", "", bad}, {when, "2026-13-01T00:00:00Z", "", bad}, {when, "2026-11-21 22:17:00Z", "", bad},

		{data, ` { "b" : [1, 2] , "a":"<&>" } `, `{"b":[1,2],"a":"<&>"}`, ""}, {data, `"x"`, `"x"`, ""},
		{data, "0", "0", ""}, {data, " null ", "", ""}, {data, "{", "", bad}, {data, "{}{}", "", bad}, {data, "{a:1}", "", bad},

		{pairs, `{"b":"2","a":"<1>"}`, `{"a":"<1>","b":"2"}`, ""}, {pairs, `{}`, "", ""}, {pairs, "null", "", ""},
		{pairs, `{"a":1}`, "", bad}, {pairs, `["a"]`, "", bad}, {pairs, `{"a":{}}`, "", bad},

		{texts, `[" a ","","b"]`, `["a","b"]`, ""}, {texts, `[]`, "", ""}, {texts, `["",null]`, "", ""},
		{texts, `null`, "", ""}, {texts, `["a","a"]`, `["a","a"]`, ""}, {texts, "a", "", bad}, {texts, `"a"`, "", bad},
		{texts, `[1]`, "", bad}, {texts, `["a\u0000"]`, "", bad}, {texts, `["a\nb"]`, "", bad},
		{numbers, `["1e2"]`, `["100"]`, ""}, {numbers, `["x"]`, "", bad},
		{sdk.Field{Kind: sdk.LongText, Many: true}, `["a\u0000"]`, "", bad},
	}
	for _, test := range tests {
		if got, flaw := one(t, test.f, test.answer); got != test.want || flaw != test.flaw {
			t.Errorf("%s %q gives %q %q, want %q %q", test.f.Kind, test.answer, got, flaw, test.want, test.flaw)
		}
	}
}

func TestBoundsAndPatterns(t *testing.T) {
	t.Parallel()
	tests := []struct {
		f            sdk.Field
		answer, flaw string
	}{
		{sdk.Field{Bounds: sdk.Between(2, 3)}, "ä", sdk.ReasonBounds},
		{sdk.Field{Bounds: sdk.Between(2, 3)}, "äöü", ""},
		{sdk.Field{Bounds: sdk.Between(2, 3)}, "äöüß", sdk.ReasonBounds},
		{sdk.Field{Bounds: sdk.AtLeast(2), Many: true}, `["ab","c"]`, sdk.ReasonBounds},
		{sdk.Field{Kind: sdk.Number, Bounds: sdk.AtLeast(2)}, "1.9", sdk.ReasonBounds},
		{sdk.Field{Kind: sdk.Number, Bounds: sdk.AtLeast(2)}, "2", ""},
		{sdk.Field{Kind: sdk.Number, Bounds: sdk.AtMost(-1)}, "0", sdk.ReasonBounds},
		{sdk.Field{Kind: sdk.Number, Bounds: sdk.AtMost(-1)}, "-1", ""},
		{sdk.Field{Pattern: "^APIK-"}, "x APIK-", sdk.ReasonPattern},
		{sdk.Field{Pattern: "APIK-"}, "x APIK-", ""},
		{sdk.Field{Pattern: "^[0-9]+$", Many: true}, `["1","x"]`, sdk.ReasonPattern},
		{sdk.Field{Pattern: "^x$"}, "", ""},
	}
	for _, test := range tests {
		if _, flaw := one(t, test.f, test.answer); flaw != test.flaw {
			t.Errorf("%+v: %q is refused for %q, want %q", test.f, test.answer, flaw, test.flaw)
		}
	}
}

func TestMessagesOfBoundsAndPatterns(t *testing.T) {
	t.Parallel()
	tests := []struct {
		f            sdk.Field
		answer, want string
	}{
		{sdk.Field{Bounds: sdk.Between(2, 3)}, "x", "f: must be between 2 and 3 characters long"},
		{sdk.Field{Kind: sdk.Number, Bounds: sdk.AtLeast(0.5)}, "0", "f: must be at least 0.5"},
		{sdk.Field{Kind: sdk.Number, Bounds: sdk.AtMost(1e6)}, "1e7", "f: must be at most 1000000"},
		{sdk.Field{Pattern: "^APIK-", Example: "APIK-123"}, "x", "f: must look like APIK-123"},
		{sdk.Field{Pattern: "^APIK-"}, "x", "f: does not have the form that is asked for"},
	}
	for _, test := range tests {
		test.f.Name = "f"
		_, err := sdk.Schema{Fields: []sdk.Field{test.f}}.Complete(sdk.Values{"f": test.answer})
		if err == nil || err.Error() != test.want {
			t.Errorf("the message is %q, want %q", err, test.want)
		}
	}
}

// What Complete returns must never be too long for Complete.
func TestLongAnswers(t *testing.T) {
	t.Parallel()
	if _, flaw := one(t, sdk.Field{Kind: sdk.LongText}, strings.Repeat("x", sdk.MaxAnswer)); flaw != "" {
		t.Error("an answer of the greatest length is refused")
	}
	if _, flaw := one(t, sdk.Field{Kind: sdk.LongText}, strings.Repeat("x", sdk.MaxAnswer+1)); flaw != sdk.ReasonSize {
		t.Error("an answer beyond the greatest length is taken")
	}
	grows := `["` + strings.Repeat("\u2028", sdk.MaxAnswer/4) + `"]` // U+2028 is written as \u2028
	if _, flaw := one(t, sdk.Field{Kind: sdk.LongText, Many: true}, grows); flaw != sdk.ReasonSize {
		t.Error("an answer whose canonical form is too long is taken")
	}
}

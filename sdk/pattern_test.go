// SPDX-License-Identifier: Apache-2.0

package sdk_test

import (
	"strings"
	"testing"

	"github.com/credhost/credhost/sdk"
)

// The second list was tried with a browser's engine: it throws, or matches
// something else, for every one of them.
func TestPatterns(t *testing.T) {
	t.Parallel()
	valid := func(pattern string) error {
		f := sdk.Field{Name: "f", Title: "F", Pattern: pattern}
		return sdk.Schema{Name: "t", Title: "T", Fields: []sdk.Field{f}}.Validate()
	}
	for _, pattern := range []string{
		"", `^APIK-`, `^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`, `^(?:a|b)+?$`, `^[^\s@]+@[\w.-]+\.\w{2,}$`,
		`\[\{\}\]\/\^\$\.\*\+\?\(\)\|\\`, `[-a]`, `[^-a]`, `[a-]`, `[\w\-.]`, `[*+?{}()^$|/.]`, `[\]\[]`, `a{2,}?`, `é+`, `a-b`, `\bx\B`,
		`[a-z-9]`, `x{3}`, `\t\n\r\f\v`, `[\d\D]`,
	} {
		if err := valid(pattern); err != nil {
			t.Errorf("%s: %v", pattern, err)
		}
	}
	for _, pattern := range []string{
		`(`, `a**`, `(?i)a`, `(?P<n>a)`, `(?<n>a)`, `(?s:.)`, `\Aa`, `a\z`, `\Qa.b\E`, `\pL`, `\p{Greek}`, `\a`, `\x41`, `\x{41}`, `\101`, `\C`,
		`[[:alpha:]]`, `[]a]`, `[^]a]`, `[a[]`, `[\w-.]`, `[a-\d]`, `[\b]`, `a{,5}`, `a{`, `a{x}`, `a}`, `a]`, `\-`, `\@`, `\"`, `\_`,
		`^*`, `$+`, `\b?`, `^{2}`, `\`, `a\`, strings.Repeat("a", sdk.MaxText+1), "\xff",
	} {
		if valid(pattern) == nil {
			t.Errorf("%s is taken", pattern)
		}
	}
}

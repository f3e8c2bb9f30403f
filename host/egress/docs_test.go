// SPDX-License-Identifier: Apache-2.0

package egress

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What docs/egress.md says that a refusal reads is what one reads, and its
// limits are those of the code.
func TestDocumentedRefusals(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/egress.md")
	if err != nil {
		t.Fatal(err)
	}
	var sources strings.Builder
	for _, pattern := range []string{"*.go", "../*.go"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if text, err := os.ReadFile(name); err == nil && !strings.HasSuffix(name, "_test.go") {
				sources.Write(text)
			}
		}
	}
	_, table, ok := strings.Cut(string(page), "| it says that |")
	table, _, end := strings.Cut(table, "\n\n")
	if !ok || !end {
		t.Fatal("the table of refusals is gone")
	}
	said := regexp.MustCompile("`([^`]+)`")
	seen := 0
	for _, line := range strings.Split(table, "\n")[2:] {
		cell, _, _ := strings.Cut(strings.TrimPrefix(line, "|"), "|")
		for _, text := range said.FindAllStringSubmatch(cell, -1) {
			for _, part := range strings.Split(text[1], "…") {
				if part = strings.TrimSpace(part); part == "" {
					continue
				}
				seen++
				if !strings.Contains(sources.String(), part) {
					t.Errorf("docs/egress.md: nothing says %q any more", part)
				}
			}
		}
	}
	if seen < 15 {
		t.Errorf("only %d refusals were found: is the table what it was?", seen)
	}
	c := Config{}.withDefaults()
	for _, limit := range []struct{ text, name string }{
		{"16 MiB", "`MaxAnswer`"}, {"16 MiB", "`MaxRequest`"}, {"256 MiB", "`MaxTraffic`"}, {"32", "`MaxConns`"},
		{"10 s", "`DialTimeout`"}, {"10 s", "`TLSTimeout`"}, {"30 s", "`ResponseHeaderTimeout`"},
	} {
		if !regexp.MustCompile(`\| ` + limit.text + `[^|\n]* \| ` + limit.name).Match(page) {
			t.Errorf("docs/egress.md does not say that %s is %s", limit.name, limit.text)
		}
	}
	if c.MaxAnswer != 16<<20 || c.MaxRequest != 16<<20 || c.MaxTraffic != 256<<20 || c.MaxConns != 32 || c.maxHead != 256<<10 || maxFields != 1000 || maxHead != 32<<10 ||
		c.DialTimeout.Seconds() != 10 || c.TLSTimeout.Seconds() != 10 || c.ResponseHeaderTimeout.Seconds() != 30 {
		t.Error("a limit has changed: change docs/egress.md and this test")
	}
}

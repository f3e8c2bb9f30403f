// SPDX-License-Identifier: Apache-2.0

package credhost_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	quote = regexp.MustCompile("(?s)<!-- ([a-zA-Z0-9_./-]+) -->\n```[a-z]*\n(.*?)\n```")
	code  = regexp.MustCompile("(?m)^```go$")
	link  = regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)
)

// TestDocs holds the documents to the tree: Go code is quoted, word for word,
// from a file that is compiled and tested, and links lead somewhere.
func TestDocs(t *testing.T) {
	docs, err := filepath.Glob("docs/*.md")
	if err != nil || len(docs) == 0 {
		t.Fatalf("no documents: %v", err)
	}
	for _, name := range append(docs, "README.md") {
		text := read(t, name)
		quotes := quote.FindAllStringSubmatch(text, -1)
		for _, q := range quotes {
			if !strings.Contains(read(t, q[1]), q[2]) {
				t.Errorf("%s: what is quoted from %s is not there any more", name, q[1])
			}
		}
		if n := len(code.FindAllString(text, -1)); n > len(quotes) {
			t.Errorf("%s: %d blocks of Go, and only %d are quoted from a file: put <!-- path/to/file.go --> before the others", name, n, len(quotes))
		}
		for _, l := range link.FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(name), l[1])); err != nil {
				t.Errorf("%s: the link to %s leads nowhere", name, l[1])
			}
		}
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"strings"
	"testing"
)

// What is in docs is what is made of the cases: whoever changes one forgets the
// other.
func TestPageIsMadeOfTheCases(t *testing.T) {
	var page strings.Builder
	if err := write(&page); err != nil {
		t.Fatal(err)
	}
	there, err := os.ReadFile("../../../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	if page.String() != string(there) {
		t.Error("docs/security.md is not what is made of the cases: run make generate")
	}
}

// No text of a case breaks the table that it stands in.
func TestCells(t *testing.T) {
	if got, want := cell("a|b <c> *d* _e_ `f`"), "a\\|b \\<c> \\*d\\* \\_e\\_ \\`f\\`"; got != want {
		t.Errorf("cell = %s, want %s", got, want)
	}
	if _, err := table("nobody"); err == nil {
		t.Error("a table without rows is one")
	}
}

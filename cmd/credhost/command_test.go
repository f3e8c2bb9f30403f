// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// all returns a command and those below it.
func all(c *cobra.Command) []*cobra.Command {
	list := []*cobra.Command{c}
	for _, sub := range c.Commands() {
		list = append(list, all(sub)...)
	}
	return list
}

// A flag of a command with the name of one for all commands would take its
// place, and the variable of the environment would set it.
func TestFlagsHaveNamesOfTheirOwn(t *testing.T) {
	root := (&program{in: os.Stdin, out: os.Stdout, err: os.Stderr}).root()
	for _, c := range all(root) {
		if c == root {
			continue
		}
		for _, f := range allSettings {
			if f.serving {
				continue // which only its own commands have
			}
			// It makes no credential, and so has no use for the host's own key.
			if c.Name() == "trust" && f.name == "key" {
				continue
			}
			if c.LocalNonPersistentFlags().Lookup(f.name) != nil {
				t.Errorf("%s has a flag --%s, which is one for all commands", c.CommandPath(), f.name)
			}
		}
	}
}

func TestEveryCommandHasAScript(t *testing.T) {
	for _, c := range all((&program{in: os.Stdin, out: os.Stdout, err: os.Stderr}).root()) {
		if !c.Runnable() || c.HasSubCommands() || c.Hidden {
			continue
		}
		name := strings.ReplaceAll(strings.TrimPrefix(c.CommandPath(), "credhost "), " ", "_")
		group, _, _ := strings.Cut(name, "_")
		switch {
		case name == "plugin_distrust":
			name = "plugin_trust"
		case name == "restore":
			name = "backup"
		case group == "keys" || group == "webhooks" || group == "workspaces" || group == "config" || group == "audit" || group == "key": // one script has all of them
			name = group
		}
		if _, err := os.Stat("testdata/" + name + ".txt"); err != nil {
			t.Errorf("%s has no script: %v", c.CommandPath(), err)
		}
	}
}

// Scripts depend on the codes: they stay what they are, and the documents list
// them all.
func TestExitCodesAreListed(t *testing.T) {
	doc, err := os.ReadFile("../../docs/program.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for _, c := range codes {
		if seen[c.exit] {
			t.Errorf("two codes are %d", c.exit)
		}
		seen[c.exit] = true
		row := fmt.Sprintf("\n| %d | %s | %s |\n", c.exit, c.word, c.meaning)
		if !strings.Contains(string(doc), row) {
			t.Errorf("docs/program.md does not have the row %q", row)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

// Command secdoc writes docs/security.md: it fills the cases of package hostile
// into the prose of security.md.tmpl.
//
//	secdoc FILE
package main

import (
	_ "embed"
	"fmt"
	"io"
	"os"
	"strings"
	"text/template"

	"github.com/credhost/credhost/internal/hostile"
)

//go:embed security.md.tmpl
var prose string

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: secdoc FILE")
		os.Exit(2)
	}
	var page strings.Builder
	err := write(&page)
	if err == nil {
		err = os.WriteFile(os.Args[1], []byte(page.String()), 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "secdoc:", err)
		os.Exit(1)
	}
}

// write writes the page.
func write(w io.Writer) error {
	t, err := template.New("security.md").Funcs(template.FuncMap{"count": count, "table": table}).Parse(prose)
	if err != nil {
		return err
	}
	return t.Execute(w, nil)
}

// count returns how many cases an actor has, or all do.
func count(who ...hostile.Who) (n int) {
	for _, c := range hostile.Cases() {
		if len(who) == 0 || c.Who == who[0] {
			n++
		}
	}
	return n
}

// table returns the cases of an actor, as rows.
func table(who hostile.Who) (string, error) {
	var b strings.Builder
	b.WriteString("| what is tried | what stops it | where it succeeds | test |\n| --- | --- | --- | --- |\n")
	rows := 0
	for _, c := range hostile.Cases() {
		if c.Who == who {
			rows++
			fmt.Fprintf(&b, "| **%s.** %s | %s | %s | %s |\n", cell(upper(c.Name)), cell(c.Tries), cell(c.Stopped), cell(succeeds(c)), test(c))
		}
	}
	if rows == 0 {
		return "", fmt.Errorf("there are no cases of a %s", who)
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

// succeeds says where the attempt of a case succeeds.
func succeeds(c hostile.Case) string {
	var parts []string
	for _, d := range c.Defences {
		parts = append(parts, "without “"+string(d)+"”")
	}
	text := upper(strings.Join(parts, " and ")) + "."
	switch {
	case len(parts) == 0:
		return c.Contrast
	case c.Contrast != "":
		text += " " + c.Contrast
	}
	return text
}

// test links to the folder of a case's test. The names of subtests are those of
// the cases.
func test(c hostile.Case) string {
	return fmt.Sprintf("[%s](../%s)", c.TestName(), c.Folder())
}

func upper(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// cell escapes what would end a cell, or be taken for markup.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "<", `\<`, "*", `\*`, "_", `\_`, "`", "\\`").Replace(s)
}

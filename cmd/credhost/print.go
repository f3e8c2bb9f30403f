// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"golang.org/x/term"
)

// print prints a result: v as JSON, or else what text writes, aligned.
func (p *program) print(v any, text func(w io.Writer)) error {
	if p.json {
		return p.encode(v)
	}
	return aligned(p.out, text)
}

// aligned writes what text writes, with its columns (which tabs separate)
// aligned, and without spaces at the ends of lines.
func aligned(out io.Writer, text func(w io.Writer)) error {
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	text(w)
	if err := w.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(b.String()) {
		if _, err := io.WriteString(out, strings.TrimRight(line, " \n")+"\n"); err != nil {
			return err
		}
	}
	return nil
}

// encode prints one JSON document.
func (p *program) encode(v any) error {
	e := json.NewEncoder(p.out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// row prints cells of a table.
func row(w io.Writer, cells ...string) {
	for i, c := range cells {
		cells[i] = visible(c)
	}
	fmt.Fprintln(w, strings.Join(cells, "\t"))
}

// note tells the person something that is no result.
func (p *program) note(format string, args ...any) {
	fmt.Fprintf(p.err, "credhost: %s\n", visible(fmt.Sprintf(format, args...)))
}

// visible returns s without what a terminal would obey: what services and
// plugins say ends up on one.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return -1
	}, s)
}

// moment returns t for people, with how far away it is.
func moment(t, now time.Time) string {
	text := t.Local().Format("2006-01-02 15:04")
	switch d := t.Sub(now); {
	case d > 0:
		return text + ", in " + roughly(d)
	default:
		return text + ", " + roughly(-d) + " ago"
	}
}

// roughly returns d in the largest unit that fits.
func roughly(d time.Duration) string {
	units := []struct {
		of   time.Duration
		name string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}}
	for _, u := range units {
		if n := int(d / u.of); n == 1 {
			return "1 " + u.name
		} else if n > 1 {
			return fmt.Sprintf("%d %ss", n, u.name)
		}
	}
	return "0 seconds"
}

// A style colours text for a terminal. The zero style leaves it as it is.
type style struct{ colour bool }

// styleFor returns the style of what is written to w: plain unless w is a
// terminal that wants colour (https://no-color.org).
func styleFor(w io.Writer) style {
	f, ok := w.(*os.File)
	return style{ok && term.IsTerminal(int(f.Fd())) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
}

func (s style) paint(code, text string) string {
	if !s.colour || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (s style) bold(text string) string  { return s.paint("1", text) }
func (s style) dim(text string) string   { return s.paint("2", text) }
func (s style) red(text string) string   { return s.paint("31", text) }
func (s style) green(text string) string { return s.paint("32", text) }

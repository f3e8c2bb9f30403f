// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/registry"
	"github.com/credhost/credhost/sdk"
)

// A poster shows a demonstration: as it goes on, to people; or in the end, as
// JSON.
type poster struct {
	program *program
	style   style
	began   time.Time
	shown   showing
}

// A showing is what "demo --json" prints.
type showing struct {
	OK      bool        `json:"ok"`
	Seconds float64     `json:"seconds"`
	Secrets int         `json:"secrets"` // searched for in the store's files, and not found
	Folder  string      `json:"folder,omitempty"`
	Types   []typeShown `json:"types"`
}

type typeShown struct {
	Plugin      programView       `json:"plugin"`
	Schema      sdk.Schema        `json:"schema"`
	Credentials []credentialShown `json:"credentials"`
}

type credentialShown struct {
	Title string `json:"title"`
	Steps []step `json:"steps"`
}

// A step is one thing that was shown of a credential.
type step struct {
	Name    string   `json:"step"`
	OK      bool     `json:"ok"`
	Idle    bool     `json:"idle,omitempty"` // there was nothing to do
	Says    string   `json:"says"`
	Arrived []string `json:"arrived,omitempty"` // at the service, secrets masked
}

func newPoster(p *program) *poster {
	return &poster{program: p, style: styleFor(p.out), began: time.Now()}
}

// wide is how many columns a line has at most.
const wide = 110

// line prints a line for people.
func (s *poster) line(format string, args ...any) {
	if !s.program.json {
		fmt.Fprintf(s.program.out, format+"\n", args...)
	}
}

func (s *poster) open() {
	s.line("%s: three services, played by stand-ins on this machine.", s.style.bold("credhost demo"))
}

// plugin shows a type's plugin and its form.
func (s *poster) plugin(r registry.Program, t host.Type) {
	s.shown.Types = append(s.shown.Types, typeShown{Plugin: viewOf(r), Schema: t.Schema})
	if s.program.json {
		return
	}
	s.line("\n%s %s", s.style.bold(t.Schema.Title), s.style.dim(strings.Repeat("─", wide-1-utf8.RuneCountInString(t.Schema.Title))))
	s.line("  plugin   credhost-plugin-%s, found, trusted and verified: %s", r.Name, short(r.Digest))
	answers := t.Schema.AnswerOrigins
	if answers == nil {
		answers = t.Schema.Origins
	}
	s.line("  secrets  answers go to %s; grants to %s", strings.Join(answers, ", "), strings.Join(t.Schema.Origins, ", "))
	aligned(s.program.out, func(w io.Writer) {
		head := "form"
		for _, f := range t.Schema.Fields {
			row(w, fmt.Sprintf("  %-7s", head), f.Title, kindText(f), cut(fieldText(f), 60))
			head = ""
		}
	})
}

// kindText says what kind of field f is.
func kindText(f sdk.Field) string {
	kind := string(f.Kind)
	if f.Kind == sdk.Text {
		kind = "text"
	}
	if f.Secret {
		kind = "secret"
	}
	return kind
}

// fieldText says what else there is to f.
func fieldText(f sdk.Field) string {
	var text []string
	if f.When != nil {
		text = append(text, "if "+conditionText(f.When))
	}
	if f.Optional {
		text = append(text, "optional")
	}
	options := make([]string, len(f.Options))
	for i, o := range f.Options {
		options[i] = o.Value
		if o.When != nil {
			options[i] += " (if " + conditionText(o.When) + ")"
		}
	}
	if len(options) > 0 {
		text = append(text, strings.Join(options, ", or "))
	}
	if f.Default != "" && f.Kind != sdk.Choice {
		text = append(text, "default "+f.Default)
	}
	return strings.Join(text, ", ")
}

// conditionText returns a condition in words.
func conditionText(c *sdk.Condition) string {
	join := func(parts []*sdk.Condition, word string) string {
		text := make([]string, len(parts))
		for i, p := range parts {
			text[i] = conditionText(p)
		}
		return "(" + strings.Join(text, word) + ")"
	}
	switch {
	case len(c.And) > 0:
		return join(c.And, " and ")
	case len(c.Or) > 0:
		return join(c.Or, " or ")
	case c.Not != nil:
		return "not " + conditionText(c.Not)
	case c.Present:
		return c.Field + " is answered"
	}
	return c.Field + " is " + c.Is
}

// act begins to show a credential.
func (s *poster) act(title string) {
	t := &s.shown.Types[len(s.shown.Types)-1]
	t.Credentials = append(t.Credentials, credentialShown{Title: title})
	s.line("\n  %s", s.style.bold(title))
}

// step shows a step.
func (s *poster) step(done step) {
	t := &s.shown.Types[len(s.shown.Types)-1]
	c := &t.Credentials[len(t.Credentials)-1]
	c.Steps = append(c.Steps, done)
	mark := s.style.green("✓")
	switch {
	case !done.OK:
		mark = s.style.red("✗")
	case done.Idle:
		mark = "·"
	}
	s.line("  %s %-9s  %s", mark, done.Name, cut(visible(done.Says), wide-15))
	for _, a := range done.Arrived {
		s.line("               %s", s.style.dim(cut("← "+visible(a), wide-15)))
	}
}

// end says that all went well.
func (s *poster) end(secrets int) error {
	s.shown.OK, s.shown.Seconds, s.shown.Secrets = true, time.Since(s.began).Seconds(), secrets
	if s.program.json {
		return s.program.encode(s.shown)
	}
	s.line("\n%s None of the services' %d secrets is in the store's files in the clear. All of it took %.1f s.",
		s.style.green("✓"), secrets, s.shown.Seconds)
	return nil
}

// kept says where the files are.
func (s *poster) kept(folder string) {
	fmt.Fprintf(s.program.err, "credhost: the files are in %s\n", folder)
}

// cut returns text in at most n columns.
func cut(text string, n int) string {
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	return string([]rune(text)[:n-1]) + "…"
}

// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The limits of a schema.
const (
	MaxFields  = 200
	MaxOptions = 1000
	MaxIcon    = 16 << 10                // bytes
	MaxText    = 4 << 10                 // bytes of a title, a help, a notice and the like
	maxName    = 64                      // characters of the name of a type or a field
	maxDepth   = 16                      // of conditions
	MaxReuse   = 10 * 365 * 24 * 60 * 60 // seconds: ten years
	maxOrigins = 100                     // of both kinds
)

var kinds = []Kind{Text, LongText, URL, Choice, Bool, Number, DateTime, JSON, Pairs, Hidden}

var (
	typeName  = regexp.MustCompile(`^[a-z][a-zA-Z0-9-]*$`)
	fieldName = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]*$`)

	// languageTag is the common part of BCP 47: a language, a script, a region.
	languageTag = regexp.MustCompile(`^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?$`)
)

// reserved are names that break programs which keep answers in an object.
var reserved = []string{"constructor", "prototype", "hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable", "toLocaleString", "toString", "valueOf"}

// Validate reports everything that is wrong with s itself, rather than with
// an answer: the errors of all its parts, joined.
func (s Schema) Validate() error {
	v := validation{s: s}
	v.check(len(s.Name) <= maxName && typeName.MatchString(s.Name), "name must begin with a lower-case letter and have at most 64 letters, digits and hyphens")
	v.check(s.Title != "" && isLine(s.Title), "needs a title: a line of at most 4 KiB")
	v.check(s.Version >= 0, "version is negative")
	v.check(s.ReuseSeconds >= 0 && s.ReuseSeconds <= MaxReuse, "reuseSeconds must be from 0 to ten years")
	v.check(len(s.Icon) <= MaxIcon, "icon is larger than 16 KiB")
	v.check(s.DocsURL == "" || strings.HasPrefix(s.DocsURL, "https://") && isLine(s.DocsURL), "docsUrl must begin with https://")
	if len(s.Fields) > MaxFields || len(s.Notices) > MaxFields || len(s.Origins)+len(s.AnswerOrigins) > maxOrigins {
		v.check(false, "has more than %d fields, %d notices or %d origins", MaxFields, MaxFields, maxOrigins)
		return errors.Join(v.faults...) // or the rest would take quadratic time
	}
	for i, f := range s.Fields {
		v.field(i, f)
	}
	if v.cycles() {
		v.entangled()
	}
	v.condition("connectWhen", s.ConnectWhen, Connection)
	v.certificate()
	for _, n := range s.Notices {
		_, known := s.Field(n.Before)
		v.check(n.Before == "" || known, "notice stands before %q, which is not a field", printable(n.Before))
		v.check(n.Text != "" && isText(n.Text), "notice needs a text of at most 4 KiB")
		v.condition("notice", n.When, Connection)
	}
	v.words()
	if err := s.checkIssuer(); s.Issuer != "" && err != nil {
		v.check(false, "%v", err)
	}
	for _, t := range slices.Concat(s.Origins, s.AnswerOrigins) {
		if err := s.checkTemplate(t); err != nil {
			v.check(false, "%v", err)
		}
	}
	return errors.Join(v.faults...)
}

// words checks the translations.
func (v *validation) words() {
	for _, tag := range slices.Sorted(maps.Keys(v.s.Words)) {
		v.check(languageTag.MatchString(tag), "words: %q is not a language tag such as pt-BR", printable(tag))
		for english, word := range v.s.Words[tag] {
			if !isText(english) || !isText(word) {
				v.check(false, "words: a text of %q is longer than 4 KiB or has control characters", printable(tag))
				break
			}
		}
	}
}

// isText reports whether s is fit for a screen: valid UTF-8 without control
// characters (a terminal would obey them) but line breaks, and not too long.
func isText(s string) bool {
	return len(s) <= MaxText && utf8.ValidString(s) &&
		!strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) && r != '\n' })
}

// isLine is isText of one line.
func isLine(s string) bool { return isText(s) && !strings.Contains(s, "\n") }

// A validation gathers faults.
type validation struct {
	s      Schema
	faults []error
}

func (v *validation) check(ok bool, format string, args ...any) {
	if !ok {
		v.faults = append(v.faults, fmt.Errorf("schema %q: "+format, append([]any{printable(v.s.Name)}, args...)...))
	}
}

// field checks the field at index i.
func (v *validation) field(i int, f Field) {
	where := fmt.Sprintf("field %q", printable(f.Name))
	check := func(ok bool, format string, args ...any) { v.check(ok, where+": "+format, args...) }
	check(len(f.Name) <= maxName && fieldName.MatchString(f.Name), "name must begin with a letter and have at most 64 letters, digits and underscores")
	check(!slices.Contains(reserved, f.Name), "name is reserved")
	check(!slices.ContainsFunc(v.s.Fields[:i], func(g Field) bool { return g.Name == f.Name }), "name is used twice")
	check(f.Title != "" || f.Kind == Hidden, "needs a title")
	check(isLine(f.Title) && isText(f.Help) && isText(f.Example), "title, help or example is longer than 4 KiB or has control characters")
	check(slices.Contains(kinds, f.Kind), "there is no kind %q", printable(string(f.Kind)))
	check(f.Scope == Connection || f.Scope == Application, "there is no scope %q", printable(string(f.Scope)))
	check(!f.Secret || f.Kind != Choice && f.Kind != Bool && f.Kind != Hidden, "this kind cannot be secret")
	check(!f.Many || f.Kind != Bool && f.Kind != Hidden && f.Kind != Pairs, "this kind cannot have many answers")
	check(!f.Secret || f.Default == "" && f.Defaults == nil, "a secret cannot have a default, which everybody sees")
	if b := f.Bounds; b != nil {
		check(isNumber(b.Min) && isNumber(b.Max), "bounds must be numbers")
		check(b.Min == nil || b.Max == nil || *b.Min <= *b.Max, "bounds exclude everything")
	}
	if message := checkPattern(f.Pattern); message != "" {
		check(false, "pattern %s", message)
	}
	v.choices(check, f)
	v.condition(where, f.When, f.Scope)
}

func isNumber(x *float64) bool { return x == nil || !math.IsNaN(*x) && !math.IsInf(*x, 0) }

// choices checks a field's options, defaults and suggestions.
func (v *validation) choices(check func(bool, string, ...any), f Field) {
	check(f.Kind != Choice || len(f.Options) > 0 || f.Suggest != nil, "a choice needs options")
	check(f.Kind == Choice || len(f.Options) == 0, "only a choice has options")
	if len(f.Options) > MaxOptions {
		check(false, "has more than %d options", MaxOptions)
		return
	}
	one := f
	one.Many = false
	seen := make(map[string]bool, len(f.Options))
	for _, o := range f.Options {
		c, err := one.canonical(o.Value)
		check(o.Value != "" && !seen[o.Value] && err == nil && c == o.Value, "option %q: needs a value of its own, which is a valid answer", printable(o.Value))
		check(isLine(o.Title) && isText(o.Help), "option %q: title or help is longer than 4 KiB or has control characters", printable(o.Value))
		seen[o.Value] = true
		check(err != nil || v.s.placed(f, c) == nil, "option %q: does not fit into the origin that is made of it", printable(o.Value))
		v.condition("an option of "+printable(f.Name), o.When, f.Scope)
	}
	for _, d := range append([]Default{{Value: f.Default}}, f.Defaults...) {
		c, err := f.canonical(d.Value)
		check(err == nil && c == d.Value, "default is not a valid answer in its canonical form")
		check(err != nil || f.isOption(d.Value), "default is not one of the options")
		check(err != nil || c == "" || v.s.placed(f, c) == nil, "default does not fit into the origin that is made of it")
		v.condition("a default of "+printable(f.Name), d.When, f.Scope)
	}
	if f.Suggest == nil {
		return
	}
	for _, name := range f.Suggest.Needs {
		g, ok := v.s.Field(name)
		check(ok && g.Name != f.Name && g.Suggest == nil, "suggestions need %q, which must be another field without any", printable(name))
	}
}

// isOption reports whether answer, if there is one, is made of options, or
// may be, since f has suggestions or is no choice.
func (f Field) isOption(answer string) bool {
	if answer == "" || f.Kind != Choice || f.Suggest != nil {
		return true
	}
	choices := []string{answer}
	if f.Many {
		choices = list(answer)
	}
	return !slices.ContainsFunc(choices, func(choice string) bool { return f.option(choice) < 0 })
}

// condition checks that c is well formed, about fields that exist, and about
// answers that they may have. A condition of the application's scope must not
// name a field of the connection's.
func (v *validation) condition(where string, c *Condition, scope Scope) {
	v.conditionAt(where, c, scope, maxDepth)
}

func (v *validation) conditionAt(where string, c *Condition, scope Scope, depth int) {
	if c == nil {
		return
	}
	if depth == 0 {
		v.check(false, "%s: condition is nested more than %d deep", where, maxDepth)
		return
	}
	uses := 0
	for _, used := range []bool{c.Is != "", c.Present, len(c.And) > 0, len(c.Or) > 0, c.Not != nil} {
		if used {
			uses++
		}
	}
	v.check(uses == 1, "%s: condition must use exactly one of is, present, and, or, not", where)
	leaf := c.Is != "" || c.Present
	v.check(leaf || c.Field == "" || uses != 1, "%s: condition names a field, but neither is nor present", where)
	if leaf {
		v.leaf(where, c, scope)
	}
	for _, part := range c.parts() {
		v.check(part != nil, "%s: condition has an empty part", where)
		v.conditionAt(where, part, scope, depth-1)
	}
}

// leaf checks a condition about one field.
func (v *validation) leaf(where string, c *Condition, scope Scope) {
	f, ok := v.s.Field(c.Field)
	if !ok {
		v.check(false, "%s: condition names %q, which is not a field", where, printable(c.Field))
		return
	}
	v.check(scope != Application || f.Scope == Application, "%s: condition names %q, which another person answers", where, f.Name)
	v.check(!f.Secret || c.Present, "%s: condition compares %q, which is secret", where, f.Name)
	v.check(c.Present || slices.Contains(comparable, f.Kind), "%s: condition compares %q: only lines of text, choices, bools, numbers and hidden fields can be compared", where, printable(f.Name))
	v.check(c.Is == "" || f.may(c.Is), "%s: condition compares %q with what cannot be its answer", where, f.Name)
}

// comparable are the kinds whose answers have one form, so that all who evaluate
// a condition agree: a URL, say, is the same with a final slash and without.
var comparable = []Kind{Text, Choice, Bool, Number, Hidden}

// may reports whether value can be an answer to f.
func (f Field) may(value string) bool {
	f.Many = false
	c, err := f.canonical(value)
	return err == nil && c == value && f.isOption(value)
}

// cycles refuses fields whose conditions depend on each other, and reports
// whether there are none.
func (v *validation) cycles() bool {
	found := false
	state := map[string]int{} // 1: on the path, 2: done
	var visit func(f Field)
	visit = func(f Field) {
		state[f.Name] = 1
		f.dependsOn(func(name string) {
			g, ok := v.s.Field(name)
			switch {
			case ok && state[name] == 0:
				visit(g)
			case ok && state[name] == 1:
				v.check(false, "field %q: its conditions depend on itself", printable(name))
				found = true
			}
		})
		state[f.Name] = 2
	}
	for _, f := range v.s.Fields {
		if state[f.Name] == 0 {
			visit(f)
		}
	}
	return !found
}

// maxEntangled is how many comparisons the conditions of a schema may come to
// when each is written in full.
const maxEntangled = 20_000

// entangled refuses conditions that grow too large when they are written in
// full, as languages without names for parts of a condition demand: with the
// conditions of each field that they are about, and so on.
func (v *validation) entangled() {
	cost := map[string]int{}
	var of func(f Field) int
	of = func(f Field) int {
		if n, ok := cost[f.Name]; ok {
			return n
		}
		n := 1
		f.dependsOn(func(name string) {
			if g, ok := v.s.Field(name); ok && n <= maxEntangled {
				n += of(g)
			}
		})
		cost[f.Name] = n
		return n
	}
	total := 0
	for _, f := range v.s.Fields {
		if total += of(f); total > maxEntangled {
			v.check(false, "the conditions depend on each other in too many ways")
			return
		}
	}
}

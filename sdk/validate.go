// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// The limits of a schema.
const (
	MaxFields  = 200
	MaxOptions = 1000
	MaxIcon    = 16 << 10 // bytes
	MaxText    = 4 << 10  // bytes of a title, a help, a notice and the like
	maxDepth   = 16       // of conditions
)

var (
	typeName  = regexp.MustCompile(`^[a-z][a-zA-Z0-9-]{0,63}$`)
	fieldName = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]{0,63}$`)
)

// reserved are names that break programs which keep answers in an object.
var reserved = []string{"constructor", "prototype", "hasOwnProperty", "toString", "valueOf"}

// Validate reports everything that is wrong with s itself, rather than with
// an answer: the errors of all its parts, joined.
func (s Schema) Validate() error {
	v := validation{s: s}
	v.check(typeName.MatchString(s.Name), "name must begin with a lower-case letter and have at most 64 letters, digits and hyphens")
	v.check(s.Title != "", "needs a title")
	v.check(len(s.Fields) <= MaxFields, "has %d fields, more than %d", len(s.Fields), MaxFields)
	v.check(s.Version >= 0, "version is negative")
	v.check(len(s.Icon) <= MaxIcon, "icon is larger than 16 KiB")
	v.check(s.DocsURL == "" || strings.HasPrefix(s.DocsURL, "https://"), "docsUrl must begin with https://")
	if len(s.Fields) <= MaxFields { // or it would take quadratic time
		for i, f := range s.Fields {
			v.field(i, f)
		}
		v.cycles()
	}
	v.condition("connectWhen", s.ConnectWhen, "")
	for _, n := range s.Notices {
		_, known := s.Field(n.Before)
		v.check(n.Before == "" || known, "notice stands before %q, which is not a field", printable(n.Before))
		v.check(n.Text != "" && len(n.Text) <= MaxText, "notice needs a text of at most 4 KiB")
		v.condition("notice", n.When, "")
	}
	for _, t := range slices.Concat(s.Origins, s.AnswerOrigins) {
		if err := s.checkTemplate(t); err != nil {
			v.check(false, "%v", err)
		}
	}
	return errors.Join(v.faults...)
}

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
	check(fieldName.MatchString(f.Name), "name must begin with a letter and have at most 64 letters, digits and underscores")
	check(!slices.Contains(reserved, f.Name), "name is reserved")
	check(!slices.ContainsFunc(v.s.Fields[:i], func(g Field) bool { return g.Name == f.Name }), "name is used twice")
	check(f.Title != "" || f.Kind == Hidden, "needs a title")
	check(max(len(f.Title), len(f.Help), len(f.Example), len(f.Pattern)) <= MaxText, "text is longer than 4 KiB")
	check(slices.Contains([]Kind{Text, LongText, URL, Choice, Bool, Number, DateTime, JSON, Pairs, Hidden}, f.Kind), "there is no kind %q", printable(string(f.Kind)))
	check(f.Scope == Connection || f.Scope == Application, "there is no scope %q", printable(string(f.Scope)))
	check(!f.Secret || f.Kind != Choice && f.Kind != Bool && f.Kind != Hidden, "this kind cannot be secret")
	check(!f.Many || f.Kind != Bool && f.Kind != Hidden, "this kind cannot have many answers")
	check(!f.Secret || f.Default == "" && f.Defaults == nil, "a secret cannot have a default, which everybody sees")
	check(f.Kind != Choice || len(f.Options) > 0 || f.Suggest != nil, "a choice needs options")
	check(f.Kind == Choice || len(f.Options) == 0, "only a choice has options")
	check(len(f.Options) <= MaxOptions, "has more than %d options", MaxOptions)
	check(f.Bounds == nil || f.Bounds.Min == nil || f.Bounds.Max == nil || *f.Bounds.Min <= *f.Bounds.Max, "bounds exclude everything")
	if _, err := regexp.Compile(f.Pattern); err != nil {
		check(false, "pattern is not a regular expression")
	}
	v.choices(check, f)
	v.condition(where, f.When, f.Scope)
}

// choices checks a field's options, defaults and suggestions.
func (v *validation) choices(check func(bool, string, ...any), f Field) {
	seen := map[string]bool{}
	for _, o := range f.Options {
		check(o.Value != "" && !seen[o.Value] && o.Value == strings.TrimSpace(o.Value), "option %q: needs a value of its own", printable(o.Value))
		seen[o.Value] = true
		v.condition("an option of "+f.Name, o.When, f.Scope)
	}
	for _, d := range append([]Default{{Value: f.Default}}, f.Defaults...) {
		c, err := f.canonical(d.Value)
		check(err == nil && c == d.Value, "default is not a valid answer in its canonical form")
		check(d.Value == "" || f.Kind != Choice || f.Many || f.Suggest != nil || seen[d.Value], "default is not one of the options")
		v.condition("a default of "+f.Name, d.When, f.Scope)
	}
	if f.Suggest == nil {
		return
	}
	for _, name := range f.Suggest.Needs {
		g, ok := v.s.Field(name)
		check(ok && g.Name != f.Name && g.Suggest == nil, "suggestions need %q, which must be another field without any", printable(name))
	}
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
	if c.Is != "" || c.Present {
		f, ok := v.s.Field(c.Field)
		v.check(ok, "%s: condition names %q, which is not a field", where, printable(c.Field))
		v.check(scope != Application || f.Scope == Application, "%s: condition names %q, which another person answers", where, printable(c.Field))
		v.check(!ok || !f.Secret || c.Present, "%s: condition compares %q, which is secret", where, printable(c.Field))
		v.check(!ok || c.Is == "" || f.may(c.Is), "%s: condition compares %q with what cannot be its answer", where, printable(c.Field))
	}
	for _, sub := range slices.Concat(c.And, c.Or, []*Condition{c.Not}) {
		v.conditionAt(where, sub, scope, depth-1)
	}
}

// may reports whether value can be an answer to f.
func (f Field) may(value string) bool {
	f.Many = false
	c, err := f.canonical(value)
	if err != nil || c != value {
		return false
	}
	return f.Kind != Choice || f.Suggest != nil || slices.ContainsFunc(f.Options, func(o Option) bool { return o.Value == value })
}

// cycles refuses fields whose conditions depend on each other.
func (v *validation) cycles() {
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
			}
		})
		state[f.Name] = 2
	}
	for _, f := range v.s.Fields {
		if state[f.Name] == 0 {
			visit(f)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/credhost/credhost/sdk"
)

// Terms are what a program's types ask for, by the types' names: what a person
// decides on, and what the host holds the program to.
//
// Origins are templates as in [sdk.Schema.Expand]. Where one has an answer that
// the schema suggests, or decides, the suggestions follow its name, as in
// "{baseUrl=https://api.example.com}": a schema that suggests another address
// asks for another one.
type Terms map[string]TypeTerms

// TypeTerms are what one type asks for. All lists are sorted.
type TypeTerms struct {
	Answers   []string `json:"answers"`             // where the answers may go
	Grants    []string `json:"grants"`              // where a grant may go
	Abilities []string `json:"abilities,omitempty"` // what it can do besides Grant
	Loosened  []string `json:"loosened,omitempty"`  // the checks that it has the host leave out, as its schema names them
	Secrets   []string `json:"secrets,omitempty"`   // the fields that are never shown

	shown []string // the fields that are
}

// termsOf returns what types ask for.
func termsOf(types []Type) Terms {
	all := Terms{}
	for _, t := range types {
		s := t.Schema
		answers := s.AnswerOrigins
		if answers == nil {
			answers = s.Origins
		}
		tt := TypeTerms{
			Answers: askedOrigins(s, answers), Grants: askedOrigins(s, s.Origins),
			Abilities: abilityNames(t.Can), Loosened: loosened(t),
		}
		for _, f := range s.Fields {
			if f.Secret {
				tt.Secrets = append(tt.Secrets, f.Name)
			} else {
				tt.shown = append(tt.shown, f.Name)
			}
		}
		slices.Sort(tt.Secrets)
		all[s.Name] = tt
	}
	return all
}

// askedOrigins returns the templates of a schema's origins, with suggestions.
func askedOrigins(s sdk.Schema, templates []string) []string {
	all := []string{}
	for _, t := range templates {
		for _, name := range sdk.TemplateFields(t) {
			if f, ok := s.Field(name); ok {
				if values := suggested(f); len(values) > 0 {
					t = strings.ReplaceAll(t, "{"+name+"}", "{"+name+"="+strings.Join(values, "|")+"}")
				}
			}
		}
		all = append(all, t)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// suggested returns the answers that a field has in itself.
func suggested(f sdk.Field) []string {
	var values []string
	if f.Default != "" {
		values = append(values, f.Default)
	}
	for _, d := range f.Defaults {
		values = append(values, d.Value)
	}
	for _, o := range f.Options {
		values = append(values, o.Value)
	}
	slices.Sort(values)
	return slices.Compact(values)
}

// abilityNames returns what a type can do besides Grant, as its JSON has it.
func abilityNames(can sdk.Abilities) []string {
	var names []string
	for _, a := range []struct {
		name string
		can  bool
	}{
		{"connect", can.Connect}, {"revoke", can.Revoke}, {"sign", can.Sign},
		{"suggest", can.Suggest}, {"test", can.Test}, {"upgrade", can.Upgrade},
	} {
		if a.can {
			names = append(names, a.name)
		}
	}
	return names
}

// loosened names the checks that a type has the host leave out, or do less
// strictly, by what its schema says about its service.
func loosened(t Type) []string {
	var all []string
	s := t.Schema
	if t.Can.Connect && s.NoPKCE {
		all = append(all, "noPkce")
	}
	if t.Can.Connect && s.Issuer == "" {
		all = append(all, "noIssuer")
	}
	if s.ReuseSeconds > 0 {
		all = append(all, fmt.Sprintf("reuseSeconds=%d", s.ReuseSeconds))
	}
	if t.Can.Revoke && s.RevokeReplaced {
		all = append(all, "revokeReplaced")
	}
	slices.Sort(all)
	return all
}

// A Change is how what a program asks for differs from what was trusted of it,
// in one respect.
type Change struct {
	Of        string   `json:"of"`             // "types", "grants", "reads" and so on; see Type
	Type      string   `json:"type,omitempty"` // of which type; empty: of the program
	New       []string `json:"new,omitempty"`
	Gone      []string `json:"gone,omitempty"`
	Unchanged []string `json:"unchanged,omitempty"`
}

// differ returns a Change, and whether there is one.
func differ(of, typ string, old, now []string) (Change, bool) {
	c := Change{Of: of, Type: typ}
	for _, v := range now {
		if slices.Contains(old, v) {
			c.Unchanged = append(c.Unchanged, v)
		} else {
			c.New = append(c.New, v)
		}
	}
	for _, v := range old {
		if !slices.Contains(now, v) {
			c.Gone = append(c.Gone, v)
		}
	}
	return c, len(c.New)+len(c.Gone) > 0
}

// changesTo returns how other terms differ from t.
func (t Terms) changesTo(now Terms) []Change {
	var all []Change
	add := func(of, typ string, old, now []string) {
		if c, differs := differ(of, typ, old, now); differs {
			all = append(all, c)
		}
	}
	add("types", "", slices.Sorted(maps.Keys(t)), slices.Sorted(maps.Keys(now)))
	for _, name := range slices.Sorted(maps.Keys(now)) {
		o, known := t[name]
		if !known {
			continue // all of it is new
		}
		n := now[name]
		add("answers", name, o.Answers, n.Answers)
		add("grants", name, o.Grants, n.Grants)
		add("abilities", name, o.Abilities, n.Abilities)
		add("loosened", name, o.Loosened, n.Loosened)
		add("shown", name, nil, common(n.shown, o.Secrets))
	}
	return all
}

// common returns what is in both.
func common(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(v string) bool { return !slices.Contains(b, v) })
}

// asksForMore reports whether a change is one that somebody must have agreed to.
func asksForMore(all []Change) bool {
	return slices.ContainsFunc(all, func(c Change) bool { return len(c.New) > 0 })
}

// readNames returns what names reads in a Change: who reads another file, or one
// with other bytes, reads something new.
func readNames(reads []read) []string {
	names := make([]string, len(reads))
	for i, r := range reads {
		names[i] = r.String() + " " + r.Digest.short()
	}
	return names
}

// changesOf returns how what o asks for differs from what the lock file has of
// the program, or nil if it has nothing.
func (l *lockFile) changesOf(o Offer) []Change {
	p := l.Programs[o.Name]
	if p == nil {
		return nil
	}
	var all []Change
	if p.Asks != nil {
		all = p.Asks.changesTo(termsOf(o.Types))
	}
	at, ok := p.Platforms[platform]
	if !ok {
		return all
	}
	for _, part := range []struct {
		of       string
		old, now []read
	}{{"reads", at.Reads, o.reads}, {"interpreter", one(at.Interpreter), one(o.interpreter)}} {
		if c, differs := differ(part.of, "", readNames(part.old), readNames(part.now)); differs {
			all = append(all, c)
		}
	}
	return all
}

// one returns what r points to, if it does.
func one(r *read) []read {
	if r == nil {
		return nil
	}
	return []read{*r}
}

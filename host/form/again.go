// SPDX-License-Identifier: Apache-2.0

package form

import (
	"slices"
	"strings"

	"github.com/credhost/credhost/sdk"
)

// again returns branches that ask for the secrets that are set where an answer
// changes that decides where they go. The host, which compares origins, is the
// judge; these ask too often rather than too seldom: a mirror that is where the
// instance is already, say, counts as another address here.
func (f *Form) again(l *logic) []branch {
	if f.cfg.Answers == nil {
		return nil
	}
	moved := no
	for _, field := range f.fields {
		if f.decides(field.Name) {
			moved = someOf(moved, l.moves(field))
		}
	}
	var branches []branch
	for _, field := range f.fields {
		if !field.Secret || !f.set[field.Name] || moved.op == never {
			continue
		}
		when := allOf(l.when(field), moved)
		i := slices.IndexFunc(branches, func(b branch) bool { return b.when.equal(when) })
		if i < 0 {
			i = len(branches)
			branches = append(branches, branch{when: when})
		}
		branches[i].add(field.Name, object{}, true)
	}
	return branches
}

// decides reports whether an origin is made of the answer to a field.
func (f *Form) decides(name string) bool {
	return slices.ContainsFunc(slices.Concat(f.schema.Origins, f.schema.AnswerOrigins), func(template string) bool {
		return slices.Contains(sdk.TemplateFields(template), name)
	})
}

// moves returns when the answer to a field opens an address that what is stored
// does not. A field that is emptied, or not asked any more, opens none.
func (l *logic) moves(field *sdk.Field) *expr {
	stored := l.f.stored[field.Name]
	raw := &expr{op: given, field: field.Name}
	other := l.assumed(field, func(def string) bool { return def != "" && def != stored })
	if field.Kind == sdk.Hidden {
		return allOf(l.when(field), other)
	}
	anew := raw
	if stored != "" {
		anew = allOf(raw, negate(&expr{op: stays, field: field.Name, value: stored}))
	}
	return allOf(l.when(field), someOf(anew, allOf(negate(raw), other)))
}

// staying is the statement that a field's answer opens no address besides those
// of a stored one.
func (f *Form) staying(name, stored string) object {
	field := f.lookup(name)
	if field.Kind == sdk.Number && !field.Many {
		return about(name, object{{"const", f.native(field, stored)}}, true)
	}
	all := []string{stored}
	if field.Many {
		all = items(stored)
	}
	enum, texts := list{}, make([]string, len(all))
	for i, one := range all {
		enum = append(enum, f.nativeOne(field, one))
		if field.Kind == sdk.URL {
			one = sdk.Origin(one)
		}
		texts[i] = quoted(one)
	}
	path := ""
	if field.Kind == sdk.URL {
		path = `(?:\/.*)?`
	}
	one := object{{"type", "string"}, {"pattern", "^" + spaces + "*(?:" + strings.Join(texts, "|") + ")" + path + spaces + "*$"}}
	switch {
	case field.Many && field.Kind == sdk.Number:
		one = object{{"enum", enum}}
		fallthrough
	case field.Many:
		one = object{{"type", "array"}, {"items", one}}
	}
	return about(name, one, true)
}

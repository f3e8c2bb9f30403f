// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/http"
	"slices"
	"strings"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/form"
)

// A kind is a type, as a page shows it in the person's language.
type kind struct {
	Name, Title string
	Icon        string // the address of its sign
	Docs        string
	Path        string // of the form for a new credential
	Application bool   // it has fields that an operator answers
	Connects    bool
}

// kindOf returns what is shown of a type. One that is not there any more has
// its name alone.
func (v *visit) kindOf(name string) kind {
	t, err := v.h.cfg.Host.Type(name)
	if err != nil {
		return kind{Name: name, Title: name}
	}
	return v.kind(t)
}

func (v *visit) kind(t host.Type) kind {
	s := form.New(form.Config{Schema: t.Schema, Languages: v.words.tag}).Schema()
	return kind{Name: s.Name, Title: s.Title, Docs: s.DocsURL, Icon: "/icons/" + s.Name + "?v=" + version(sign(t.Schema)),
		Path: v.path("types", s.Name), Application: hasApplication(t), Connects: t.Can.Connect}
}

// hasApplication reports whether an operator answers fields of a type.
func hasApplication(t host.Type) bool { return len(t.Schema.In("application").Fields) > 0 }

type typesView struct {
	Query string
	All   int
	Types []kind
	Base  string
}

// types shows what there can be credentials of.
func (v *visit) types() error {
	all := v.kinds()
	view := typesView{Query: strings.TrimSpace(v.r.URL.Query().Get("q")), All: len(all), Base: v.path("types")}
	for _, k := range all {
		if matches(view.Query, k.Title, k.Name) {
			view.Types = append(view.Types, k)
		}
	}
	v.show(http.StatusOK, "types", v.words.t("Add a credential"), view)
	return nil
}

// kinds returns all types, by their titles.
func (v *visit) kinds() []kind {
	var all []kind
	for _, t := range v.h.cfg.Host.Types() {
		all = append(all, v.kind(t))
	}
	slices.SortStableFunc(all, func(a, b kind) int { return strings.Compare(strings.ToLower(a.Title), strings.ToLower(b.Title)) })
	return all
}

// matches reports whether each word of a query is in one of the texts.
func matches(query string, texts ...string) bool {
	all := strings.ToLower(strings.Join(texts, "\n"))
	for word := range strings.FieldsSeq(strings.ToLower(query)) {
		if !strings.Contains(all, word) {
			return false
		}
	}
	return true
}

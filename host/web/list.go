// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/form"
	"github.com/credhost/credhost/sdk"
)

// How many credentials a page lists, and how many it looks through for them
// before it lets the person ask for more.
const (
	listed   = 50
	searched = 2000
)

// A row is a credential in the list.
type row struct {
	Path, Title, Type, Icon string
	Account                 string
	State                   state
	Tested                  *time.Time
	Ends                    *time.Time
}

type listView struct {
	Rows   []row
	Query  string
	Type   string
	Show   string
	Kinds  []kind
	More   string // the address of what follows
	Narrow bool   // something was asked for
	Empty  bool   // there is no credential at all
	Base   string
	Types  string // where one is added; empty: this person may not
	Later  bool   // this is not the first page
}

// credentials lists what there is.
func (v *visit) credentials() error {
	q := v.r.URL.Query()
	view := listView{Query: strings.TrimSpace(q.Get("q")), Type: q.Get("type"), Show: q.Get("show"), Kinds: v.kinds(), Base: v.path("credentials")}
	view.Narrow = view.Query != "" || view.Type != "" || view.Show != ""
	view.Later = q.Get("after") != ""
	if v.may("GET " + within + "types/{type}") {
		view.Types = v.path("types")
	}
	last, more, err := v.search(&view, q.Get("after"))
	if err != nil {
		return err
	}
	if more {
		q.Set("after", last)
		q.Del("done")
		view.More = view.Base + "?" + q.Encode()
	}
	view.Empty = len(view.Rows) == 0 && !view.Narrow && !view.Later
	v.show(http.StatusOK, "list", v.words.t("Credentials"), view)
	return nil
}

// search fills a page with what was asked for. Credentials are sealed, so that
// to search is to open them: it stops after some, and says where.
func (v *visit) search(view *listView, after string) (last string, more bool, err error) {
	seen := 0
	for seen < searched {
		page, err := v.ws.List(v.ctx(), host.Page{Type: view.Type, After: after, Limit: listed})
		if err != nil {
			return "", false, err
		}
		for i, c := range page {
			after = c.ID
			seen++
			if v.caller.Sees(c.ID) && v.wanted(view, c) {
				view.Rows = append(view.Rows, v.row(c))
				if len(view.Rows) == listed {
					return after, i < len(page)-1 || len(page) == listed, nil
				}
			}
		}
		if len(page) < listed {
			return after, false, nil
		}
	}
	return after, true, nil
}

// soon is how far ahead the list of what ends looks.
const soon = 30 * 24 * time.Hour

// wanted reports whether a credential is what was asked for.
func (v *visit) wanted(view *listView, c host.Credential) bool {
	switch view.Show {
	case "attention":
		if !attention(c) {
			return false
		}
	case "ending":
		if !endsWithin(c, v.h.cfg.Host.Now(), soon) {
			return false
		}
	}
	return view.Query == "" || matches(view.Query, c.Name, c.Type, c.Account, c.ID, v.kindOf(c.Type).Title)
}

func (v *visit) row(c host.Credential) row {
	k := v.kindOf(c.Type)
	r := row{Path: v.path("credentials", c.ID), Title: c.Name, Type: k.Title, Icon: k.Icon, Account: c.Account, State: v.stateOf(c, v.schema(c.Type)), Ends: c.Ends}
	if r.Title == "" {
		r.Title = k.Title
	}
	if c.Tested != nil {
		r.Tested = &c.Tested.At
	}
	return r
}

// schema returns a type's schema in the person's language, or one without
// fields if the type is not there.
func (v *visit) schema(name string) sdk.Schema {
	t, err := v.h.cfg.Host.Type(name)
	if err != nil {
		return sdk.Schema{Name: name, Title: name}
	}
	s := form.New(form.Config{Schema: t.Schema, Languages: v.words.tag}).Schema()
	s.Words = t.Schema.Words
	return s
}

// otherLanguage returns the language that a type's texts are in, if it is another
// than the page's (WCAG 2.2, success criterion 3.1.2): the type may not be
// translated into that.
func (v *visit) otherLanguage(name string) string {
	t, err := v.h.cfg.Host.Type(name)
	if err != nil {
		return ""
	}
	if tag := form.New(form.Config{Schema: t.Schema, Languages: v.words.tag}).Language(); tag != v.words.tag {
		return tag
	}
	return ""
}

// withQuery adds to the query of a path.
func withQuery(path string, pairs ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	return path + "?" + q.Encode()
}

// SPDX-License-Identifier: Apache-2.0

package form_test

import (
	"bytes"
	"encoding/json"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/credhost/credhost/host/form"
	"github.com/credhost/credhost/sdk"
)

var everything = sdk.Abilities{Test: true, Connect: true, Suggest: true}

var links = form.Links{Save: "/save", Connect: "/connect", Test: "/test", Suggest: "/suggest/{field}"}

func torture(t testing.TB) sdk.Schema {
	t.Helper()
	text, err := os.ReadFile("../../sdk/testdata/torture.json")
	if err != nil {
		t.Fatal(err)
	}
	var s sdk.Schema
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// editing returns the config of a form that edits stored answers, of which it is
// told no secret.
func editing(t testing.TB, s sdk.Schema, stored sdk.Values) form.Config {
	t.Helper()
	cfg := form.Config{Schema: s, Can: everything, Links: links, RedirectURL: "https://host.example/callback", Answers: map[string]json.RawMessage{}}
	if err := json.Unmarshal(s.Encode(stored), &cfg.Answers); err != nil {
		t.Fatal(err)
	}
	for name := range cfg.Answers {
		if f, _ := s.Field(name); f.Secret {
			cfg.Answers[name] = json.RawMessage(`{"set":true}`)
		}
	}
	return cfg
}

// Whatever the schema and the answers, the form is sound: labels and references
// lead somewhere, names are used once, and nothing in it is a script or a style.
func TestHTMLIsSound(t *testing.T) {
	t.Parallel()
	checkSound(t, form.New(form.Config{Schema: torture(t), Can: everything, Links: links, RedirectURL: "https://host.example/callback", Languages: "ar"}), form.State{})
	randoms(t, 500, func(r *rand.Rand, s sdk.Schema) {
		typed, err := s.Decode(object(randomAnswers(r, s)))
		if err != nil {
			t.Fatal(err)
		}
		for i := range s.Fields {
			if s.Fields[i].Help = ""; r.IntN(2) == 0 {
				s.Fields[i].Help = "h"
			}
		}
		cfg := editing(t, s, typed)
		cfg.Suggestions = map[string][]sdk.Option{s.Fields[0].Name: {{Value: "s"}}}
		f := form.New(cfg)
		checkSound(t, f, form.State{Answers: typed, Faults: f.Check(typed)})
	})
}

func checkSound(t *testing.T, f *form.Form, s form.State) {
	t.Helper()
	b := browse(t, f, s)
	ids := map[string]bool{}
	labelled := map[string]bool{}
	for _, n := range b.all(func(*html.Node) bool { return true }) {
		if id := attr(n, "id"); id != "" {
			if ids[id] {
				t.Errorf("the id %s is used twice", id)
			}
			ids[id] = true
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" {
				t.Errorf("<%s> has %s, which a strict policy forbids", n.Data, a.Key)
			}
		}
		if n.Data == "label" {
			labelled[attr(n, "for")] = true
		}
	}
	for _, n := range b.all(func(*html.Node) bool { return true }) {
		refs := strings.Fields(attr(n, "aria-describedby") + " " + attr(n, "aria-labelledby") + " " + attr(n, "for") + " " + attr(n, "list") + " " + attr(n, "data-copy"))
		if to, ok := strings.CutPrefix(attr(n, "href"), "#"); ok {
			refs = append(refs, to)
		}
		for _, id := range refs {
			if !ids[id] {
				t.Errorf("<%s> refers to %s, which is not there", n.Data, id)
			}
		}
	}
	for _, n := range b.tags("input", "select", "textarea") {
		if attr(n, "type") != "hidden" && !labelled[attr(n, "id")] {
			t.Errorf("%s has no label", attr(n, "name"))
		}
	}
	for _, n := range b.tags("fieldset") {
		if attr(n, "role") != "none" && n.FirstChild.NextSibling.Data != "legend" {
			t.Errorf("a group has no legend")
		}
	}
	if n := b.tags("script", "style", "link", "iframe", "object", "base"); n != nil {
		t.Errorf("there is a <%s>", n[0].Data)
	}
	faults := b.all(func(n *html.Node) bool { return attr(n, "aria-invalid") == "true" })
	if len(faults) == 0 && slices.ContainsFunc(s.Faults, func(fault form.Fault) bool { _, ok := f.Schema().Field(fault.Field); return ok }) && !onlyHidden(f, s.Faults) {
		t.Error("no control is marked as wrong")
	}
}

func onlyHidden(f *form.Form, faults []form.Fault) bool {
	return !slices.ContainsFunc(faults, func(fault form.Fault) bool {
		field, ok := f.Schema().Field(fault.Field)
		return ok && field.Kind != sdk.Hidden
	})
}

// What a type says is text, wherever it stands: a hostile type's form has the
// elements and attributes of a harmless one, and leads nowhere else.
func TestHTMLEscapes(t *testing.T) {
	t.Parallel()
	hostile := `"'><script>alert(1)</script><img src=x onerror=alert(1)>{{.}}</textarea></option></title>` + "`" + ` onfocus=alert(1) x="`
	build := func(text, docs string) []byte {
		s := torture(t)
		s.Title, s.DocsURL, s.Icon = text, docs, text
		for i := range s.Fields {
			field := &s.Fields[i]
			field.Title, field.Help = text, text
			if field.Kind != sdk.Number && field.Kind != sdk.DateTime {
				field.Example, field.Pattern, field.Bounds = text, "", nil
			}
			for j := range field.Options {
				field.Options[j].Title, field.Options[j].Help = text, text
			}
		}
		for i := range s.Notices {
			s.Notices[i].Text = text
		}
		cfg := editing(t, s, sdk.Values{"shop": text, "baseUrl": text, "claims": text, "account": text, "until": text, "port": text})
		cfg.RedirectURL = text
		cfg.Suggestions = map[string][]sdk.Option{"folder": {{Value: text, Title: text}}, "account": {{Value: text}}}
		var b bytes.Buffer
		err := form.New(cfg).WritePage(&b, form.State{Faults: []form.Fault{{Field: "shop", Message: text}, {Field: text, Message: text}, {Message: text}}})
		if err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	want, got := shape(t, build("no harm!", "https://example.com")), shape(t, build(hostile, "https://example.com"))
	if !slices.Equal(want, got) {
		i := 0
		for i < min(len(want), len(got)) && want[i] == got[i] {
			i++
		}
		t.Errorf("a hostile type's form has other elements, from the %dth on:\n%q\n%q", i, want[i:], got[i:])
	}
	for _, docs := range []string{"javascript:alert(1)", "data:text/html,x", "https:alert(1)", "http://example.com", "//example.com", " https://example.com", "https://u:p@example.com"} {
		if page := build("x", docs); bytes.Contains(page, []byte(`class="docs"`)) {
			t.Errorf("%s is linked to", docs)
		}
	}
}

// shape returns the elements and attributes of a page.
func shape(t *testing.T, page []byte) []string {
	t.Helper()
	root, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for n := range root.Descendants() {
		if n.Type == html.ElementNode {
			one := n.Data
			for _, a := range n.Attr {
				one += " " + a.Key
				if a.Key == "href" || a.Key == "src" || strings.HasSuffix(a.Key, "action") {
					one += "=" + a.Val[:min(len(a.Val), 8)]
				}
			}
			all = append(all, one)
		}
	}
	return all
}

// No secret is rendered: not the ones that are typed, and the form is told no
// others.
func TestHTMLKeepsSecrets(t *testing.T) {
	t.Parallel()
	const canary = "canary"
	s := torture(t)
	typed := sdk.Values{"baseUrl": "https://a.example", "method": "key", "region": "us"}
	for _, f := range s.Fields {
		if f.Secret {
			typed[f.Name] = canary
			if f.Kind == sdk.Pairs {
				typed[f.Name] = `{"canary":"canary"}`
			}
		}
	}
	cfgs := []form.Config{{Schema: s, Can: everything, Links: links}, editing(t, s, typed), editing(t, s, typed)}
	cfgs[2].Application = true
	for _, cfg := range cfgs {
		f := form.New(cfg)
		var b bytes.Buffer
		if err := f.WritePage(&b, form.State{Answers: typed, Faults: f.Check(typed)}); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(b.String(), canary) {
			t.Error("the page has a secret")
		}
	}
}

// Buttons and the redirect URL are there when they have a use.
func TestHTMLOffers(t *testing.T) {
	t.Parallel()
	s := torture(t)
	actions := func(cfg form.Config, state form.State) []string {
		var all []string
		b := browse(t, form.New(cfg), state)
		for _, n := range b.tags("button", "input") {
			hidden := has(n, "hidden")
			for up := range n.Ancestors() {
				hidden = hidden || has(up, "hidden")
			}
			switch {
			case hidden || attr(n, "aria-hidden") != "":
			case n.Data == "button":
				all = append(all, textIn(n)+attr(n, "formaction"))
			case has(n, "readonly"):
				all = append(all, attr(n, "value"))
			}
		}
		return all
	}
	blank := form.Config{Schema: s, Can: everything, Links: links, RedirectURL: "https://host.example/cb"}
	connects, stays := form.State{Answers: sdk.Values{"region": "us", "method": "key"}}, form.State{Answers: sdk.Values{"method": "password"}}
	edit := editing(t, s, sdk.Values{"method": "key", "region": "us"})
	unlinked := edit
	unlinked.Links = form.Links{}
	operator := edit
	operator.Application = true
	for _, c := range []struct {
		name  string
		cfg   form.Config
		state form.State
		want  []string
	}{
		{"new, connects", blank, connects, []string{"https://host.example/cb", "Suggest: Account/suggest/account", "Save", "Show the questions for these answers"}},
		{"new, does not connect", blank, stays, []string{"Suggest: Account/suggest/account", "Save", "Show the questions for these answers"}},
		{"edit", edit, form.State{}, []string{"https://host.example/callback", "Suggest: Account/suggest/account", "Save", "Show the questions for these answers", "Connect/connect", "Test/test"}},
		{"edit, does not connect any more", edit, stays, []string{"Suggest: Account/suggest/account", "Save", "Show the questions for these answers", "Test/test"}},
		{"without links", unlinked, form.State{}, []string{"https://host.example/callback"}},
		{"operator", operator, form.State{}, []string{"Save", "Show the questions for these answers"}},
	} {
		if got := actions(c.cfg, c.state); !slices.Equal(got, c.want) {
			t.Errorf("%s:\n got %q\nwant %q", c.name, got, c.want)
		}
	}
}

func TestHTMLDirection(t *testing.T) {
	t.Parallel()
	s := torture(t)
	s.Words = map[string]map[string]string{"ar": {"Region": "منطقة"}}
	b := browse(t, form.New(form.Config{Schema: s, Languages: "ar"}), form.State{})
	if n := b.tags("form")[0]; attr(n, "lang") != "ar" || attr(n, "dir") != "rtl" {
		t.Errorf("Arabic is lang=%s dir=%s", attr(n, "lang"), attr(n, "dir"))
	}
}

func BenchmarkHTML(b *testing.B) {
	s := sdk.Schema{Name: "t", Title: "T", DocsURL: "https://example.com", Origins: []string{"{baseUrl}"}, Fields: []sdk.Field{
		{Name: "hosting", Title: "Hosting", Kind: sdk.Choice, Default: "own", Options: []sdk.Option{{Value: "own", Help: "Yours."}, {Value: "theirs"}}},
		{Name: "baseUrl", Title: "URL", Kind: sdk.URL, Help: "Where it is.", Example: "https://example.com"},
		{Name: "tenant", Title: "Tenant", When: &sdk.Condition{Field: "hosting", Is: "theirs"}},
		{Name: "clientId", Title: "Client ID", Pattern: "^[a-z]+$"},
		{Name: "clientSecret", Title: "Client secret", Secret: true},
	}}
	b.Run("blank", func(b *testing.B) {
		f := form.New(form.Config{Schema: s, Can: everything, Links: links})
		for b.Loop() {
			if err := f.WriteHTML(io.Discard, form.State{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("edit", func(b *testing.B) {
		f := form.New(editing(b, s, sdk.Values{"hosting": "theirs", "baseUrl": "https://a.example", "tenant": "a", "clientId": "a", "clientSecret": "s"}))
		for b.Loop() {
			if err := f.WriteHTML(io.Discard, form.State{}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// A part that is in another language than the form says so: a screen reader
// would read it in the wrong voice.
func TestHTMLSaysTheLanguageOfItsParts(t *testing.T) {
	t.Parallel()
	for languages, want := range map[string]string{"pt-BR": ` lang="pt-BR"`, "zh": "", "": ""} {
		f := form.New(form.Config{Schema: shipped(t)[1], Languages: languages, Links: form.Links{Save: "/save"}, Answers: map[string]json.RawMessage{}})
		var b bytes.Buffer
		if err := f.WriteHTML(&b, form.State{}); err != nil {
			t.Fatal(err)
		}
		head, rest, _ := strings.Cut(b.String(), ">")
		if !strings.Contains(head, ` lang="`+f.Language()+`"`) || strings.Contains(rest, " lang=") != (want != "") || !strings.Contains(rest, want) {
			t.Errorf("%q: the form is in %s, its parts say: %s", languages, f.Language(), rest)
		}
	}
}

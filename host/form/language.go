// SPDX-License-Identifier: Apache-2.0

package form

import (
	"cmp"
	"embed"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"

	"golang.org/x/text/language"

	"github.com/credhost/credhost/sdk"
)

// words translate what one form says.
type words struct {
	tag      string            // of the language that the schema's texts are in
	formTag  string            // of the language that the texts of this package are in
	ofSchema map[string]string // the type's texts, by their English
	ofForm   map[string]string // the texts of this package, by their English
}

// of translates a text of this package. What has no translation is English.
func (w words) of(english string) string {
	if text, ok := w.ofForm[english]; ok {
		return text
	}
	return english
}

// schema translates a text of the type.
func (w words) schema(english string) string {
	if text, ok := w.ofSchema[english]; ok {
		return text
	}
	return english
}

//go:embed words/*.json
var wordFiles embed.FS

// formWords are the translations of this package's own texts, by tag.
var formWords = sync.OnceValue(func() map[string]map[string]string {
	files, err := wordFiles.ReadDir("words")
	if err != nil {
		panic("form: " + err.Error()) // they are embedded
	}
	all := map[string]map[string]string{}
	for _, file := range files {
		text, err := wordFiles.ReadFile("words/" + file.Name())
		if err != nil {
			panic("form: " + err.Error())
		}
		var one map[string]string
		if err := json.Unmarshal(text, &one); err != nil {
			panic("form: words/" + file.Name() + ": " + err.Error())
		}
		all[strings.TrimSuffix(file.Name(), ".json")] = one
	}
	return all
})

// formTongues are the languages of formWords.
var formTongues = sync.OnceValue(func() *tongues { return newTongues(tagsOf(formWords())) })

// languageOf returns the words for a person who reads languages, best first.
// The type and this package may be translated into different ones; each speaks
// the best that it knows.
func languageOf(s sdk.Schema, languages string) words {
	w := words{tag: "en", formTag: "en"}
	wanted := read(languages)
	if len(wanted) == 0 {
		return w
	}
	if len(s.Words) > 0 {
		w.tag = tonguesOf(tagsOf(s.Words)).best(wanted)
		w.ofSchema = s.Words[w.tag]
	}
	w.formTag = formTongues().best(wanted)
	w.ofForm = formWords()[w.formTag]
	return w
}

// WordLanguage returns the tag of the language that Word answers in, and that
// the messages of the host are in. It differs from Language if the type was
// translated into other languages than this package: a page then says of each
// part which it is in.
func (f *Form) WordLanguage() string { return f.words.formTag }

// The most of the header Accept-Language that is read, in entries and in bytes.
// Anyone may send one of any length, and reading it is most of what a language
// costs.
const (
	maxLanguages    = 16
	maxLanguageText = 512
)

// read returns the languages in a header Accept-Language, best first. What is
// no language is left out, and not all the rest with it.
func read(languages string) []language.Tag {
	if len(languages) > maxLanguageText {
		languages = languages[:strings.LastIndexByte(languages[:maxLanguageText], ',')+1]
	}
	type weighed struct {
		tag    language.Tag
		weight float32
	}
	var all []weighed
	entries := strings.SplitN(languages, ",", maxLanguages+1)
	for _, entry := range entries[:min(len(entries), maxLanguages)] {
		if tags, weights, err := language.ParseAcceptLanguage(entry); err == nil && len(tags) == 1 {
			all = append(all, weighed{tags[0], weights[0]})
		}
	}
	slices.SortStableFunc(all, func(a, b weighed) int { return cmp.Compare(b.weight, a.weight) })
	wanted := make([]language.Tag, len(all))
	for i, one := range all {
		wanted[i] = one.tag
	}
	return wanted
}

// tongues are the languages that something is translated into. English is the
// first, which is what it was translated from.
type tongues struct {
	tags    []string
	matcher language.Matcher
}

// The most languages of one type that are told apart, and the most sets of
// languages that are remembered: a set is some 13 KB, and takes 60 µs to make.
const (
	maxTags    = 128
	maxTongues = 256
)

func newTongues(tags []string) *tongues {
	t := &tongues{tags: []string{"en"}}
	known := []language.Tag{language.English}
	for _, tag := range tags[:min(len(tags), maxTags)] {
		if parsed, err := language.Parse(tag); err == nil && parsed != language.English { // or else it would match what is unknown, too
			t.tags, known = append(t.tags, tag), append(known, parsed)
		}
	}
	t.matcher = language.NewMatcher(known)
	return t
}

// remembered are the languages of types, by the list of their tags. Types have
// few sets of them.
var remembered struct {
	sync.Mutex
	tongues map[string]*tongues
}

// tonguesOf is newTongues, which it calls once for each list of tags.
func tonguesOf(tags []string) *tongues {
	key := strings.Join(tags, " ")
	remembered.Lock()
	defer remembered.Unlock()
	t := remembered.tongues[key]
	if t == nil {
		t = newTongues(tags)
		if remembered.tongues == nil || len(remembered.tongues) >= maxTongues {
			remembered.tongues = map[string]*tongues{}
		}
		remembered.tongues[key] = t
	}
	return t
}

// tagsOf returns the tags of translations, in an order that is always the same.
func tagsOf(all map[string]map[string]string) []string { return slices.Sorted(maps.Keys(all)) }

// best returns the tag that suits the wanted languages best, "en" if none does.
func (t *tongues) best(wanted []language.Tag) string {
	_, i, confidence := t.matcher.Match(wanted...)
	if confidence == language.No {
		return "en" // the index is a guess, by script
	}
	return t.tags[i]
}

// translate returns s in the language of w.
func (w words) translate(s sdk.Schema) sdk.Schema {
	if len(w.ofSchema) == 0 {
		return s
	}
	s.Title = w.schema(s.Title)
	s.Fields = slices.Clone(s.Fields)
	for i := range s.Fields {
		f := &s.Fields[i]
		f.Title, f.Help, f.Example = w.schema(f.Title), w.schema(f.Help), w.schema(f.Example)
		f.Options = slices.Clone(f.Options)
		for j := range f.Options {
			o := &f.Options[j]
			o.Title, o.Help = w.schema(o.Title), w.schema(o.Help)
		}
	}
	s.Notices = slices.Clone(s.Notices)
	for i := range s.Notices {
		s.Notices[i].Text = w.schema(s.Notices[i].Text)
	}
	return s
}

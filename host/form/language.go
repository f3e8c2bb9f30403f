// SPDX-License-Identifier: Apache-2.0

package form

import (
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

// languageOf returns the words for a person who reads languages, best first.
// The type and this package may be translated into different ones; each speaks
// the best that it knows.
func languageOf(s sdk.Schema, languages string) words {
	if languages == "" {
		return words{tag: "en"}
	}
	wanted, _, err := language.ParseAcceptLanguage(languages)
	if err != nil || len(wanted) == 0 {
		return words{tag: "en"}
	}
	w := words{tag: best(wanted, s.Words)}
	w.ofSchema = s.Words[w.tag]
	w.ofForm = formWords()[best(wanted, formWords())]
	if s.Words == nil { // a type that says nothing in any language does not decide
		w.tag = best(wanted, formWords())
	}
	return w
}

// best returns the tag of all that suits the wanted languages best, "en" if
// none does.
func best[V any](wanted []language.Tag, all map[string]V) string {
	tags := []string{"en"}
	for _, tag := range slices.Sorted(maps.Keys(all)) {
		if tag != "en" {
			tags = append(tags, tag)
		}
	}
	known := make([]language.Tag, len(tags))
	for i, tag := range tags {
		known[i] = language.Make(tag)
	}
	_, i, confidence := language.NewMatcher(known).Match(wanted...)
	if confidence == language.No {
		return "en"
	}
	return tags[i]
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

// SPDX-License-Identifier: Apache-2.0

package form

import (
	"fmt"
	"strings"
	"testing"

	"github.com/credhost/credhost/sdk"
)

// translatedInto returns a schema whose title is translated into languages, as the
// tag of each.
func translatedInto(tags ...string) sdk.Schema {
	s := sdk.Schema{Name: "t", Title: "en"}
	for _, tag := range tags {
		if s.Words == nil {
			s.Words = map[string]map[string]string{}
		}
		s.Words[tag] = map[string]string{"en": tag}
	}
	return s
}

// The type's texts and the form's own are each in the best language that there
// is of them. Language is that of the type's, which most of a form is made of.
func TestLanguages(t *testing.T) {
	t.Parallel()
	all := []string{"zh-Hans", "pt-BR", "ru"}
	for _, test := range []struct {
		languages string
		tags      []string
		title     string // which is the tag of its language
		save      string
	}{
		{"", all, "en", "Save"},
		{"zh", all, "zh-Hans", "保存"},
		{"zh-CN", all, "zh-Hans", "保存"},
		{"zh-cn, en-US;q=0.9", all, "zh-Hans", "保存"},
		{"zh-TW", all, "zh-Hans", "保存"}, // who reads traditional letters reads these rather than English
		{"zh-TW, en;q=0.8", all, "en", "Save"},
		{"zh-TW, zh;q=0.9, en;q=0.8", all, "zh-Hans", "保存"},
		{"zh-HK", []string{"zh-Hans", "zh-Hant"}, "zh-Hant", "保存"},
		{"pt", all, "pt-BR", "Salvar"},
		{"pt-PT", all, "pt-BR", "Salvar"},
		{"pt_BR", all, "pt-BR", "Salvar"},
		{"ru-RU", all, "ru", "Сохранить"},
		{"RU", all, "ru", "Сохранить"},
		{"de", all, "en", "Save"},
		{"uk", all, "en", "Save"},
		{"de, fr;q=0.9, ru;q=0.1", all, "ru", "Сохранить"},
		{"en-GB, ru;q=0.9", all, "en", "Save"},
		{"ru;q=0.5, pt-BR;q=0.9", all, "pt-BR", "Salvar"},
		{"ru;q=0", all, "en", "Save"},
		{"ru;q=0, de", all, "en", "Save"},
		{"*", all, "en", "Save"},
		{"de, *;q=0.5", all, "en", "Save"},
		{"ru, *;q=0.5", all, "ru", "Сохранить"},

		// What is no language is left out, and not all the rest with it.
		{"garbage", all, "en", "Save"},
		{"\x00\xff;q=\x00", all, "en", "Save"},
		{"@@@, xx, pt-BR;q=0.9", all, "pt-BR", "Salvar"},
		{"русский, ru", all, "ru", "Сохранить"},
		{"ru;q=high, pt", all, "pt-BR", "Salvar"},
		{",, ;q=1,,", all, "en", "Save"},

		// Plugins and this package speak different languages.
		{"de-AT, ru;q=0.9", []string{"de"}, "de", "Сохранить"},
		{"de", []string{"de"}, "de", "Save"},
		{"pt-BR", []string{"zh-Hans"}, "en", "Salvar"},
		{"pt-BR", nil, "en", "Salvar"},
		{"xx", []string{"xx"}, "en", "Save"}, // no language that is known
		{"de", []string{"xx", "und"}, "en", "Save"},
		{"und", []string{"xx"}, "en", "Save"},
		{"en-AU", []string{"en-GB", "de"}, "en-GB", "Save"},
		{"en", []string{"en", "de"}, "en", "Save"},
	} {
		f := New(Config{Schema: translatedInto(test.tags...), Languages: test.languages})
		if f.Schema().Title != test.title || f.Language() != test.title || f.Word("Save") != test.save {
			t.Errorf("%q of %v: the title is in %q, Language is %q, Save is %q; want %q and %q",
				test.languages, test.tags, f.Schema().Title, f.Language(), f.Word("Save"), test.title, test.save)
		}
		if want := map[string]string{"Save": "en", "保存": "zh-Hans", "Salvar": "pt-BR", "Сохранить": "ru"}[test.save]; f.WordLanguage() != want {
			t.Errorf("%q: WordLanguage is %q, want %q", test.languages, f.WordLanguage(), want)
		}
	}
}

// Every text of a type that a form shows is translated, and the type is not
// changed.
func TestTypesAreTranslated(t *testing.T) {
	t.Parallel()
	english := []string{"Type", "Title", "Help", "Example", "Option", "Option help", "Notice"}
	s := sdk.Schema{Name: "t", Title: english[0], Words: map[string]map[string]string{"ru": {}}, Notices: []sdk.Notice{{Text: english[6]}},
		Fields: []sdk.Field{{Name: "f", Title: english[1], Help: english[2], Example: english[3], Kind: sdk.Choice,
			Options: []sdk.Option{{Value: "o", Title: english[4], Help: english[5]}}}}}
	for _, text := range english {
		s.Words["ru"][text] = "ru " + text
	}
	shown := func(s sdk.Schema) []string {
		f := s.Fields[0]
		return []string{s.Title, f.Title, f.Help, f.Example, f.Options[0].Title, f.Options[0].Help, s.Notices[0].Text}
	}
	got := New(Config{Schema: s, Languages: "ru"}).Schema()
	for i, text := range shown(got) {
		if text != "ru "+english[i] {
			t.Errorf("%q is %q", english[i], text)
		}
	}
	if fmt.Sprint(shown(s)) != fmt.Sprint(english) {
		t.Errorf("the type itself was changed: %q", shown(s))
	}
}

// What a stranger sends costs no more than what a browser does, and is never
// remembered.
func TestLanguagesOfStrangers(t *testing.T) {
	for name, header := range map[string]string{
		"long":      strings.Repeat("pt-PT;q=0.1,", 100_000) + "ru",
		"no comma":  strings.Repeat("a", 1<<20),
		"hyphens":   strings.Repeat("a-", 1<<19),
		"commas":    strings.Repeat(",", 1<<20),
		"singleton": "ru-u-" + strings.Repeat("aaaaaaaa-", 1<<17),
		"spaces":    strings.Repeat(" ", 1<<20) + "ru",
	} {
		if wanted := read(header); len(wanted) > maxLanguages {
			t.Errorf("%s: %d languages are read", name, len(wanted))
		}
		s := translatedInto("ru", "pt-BR")
		if n := testing.AllocsPerRun(10, func() { languageOf(s, header) }); n > 200 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	if len(read(strings.Repeat("pt-PT,", 100))) != maxLanguages {
		t.Error("fewer languages are read than may be")
	}
	long := "ru-x-" + strings.Repeat("aaaaaaaa_", maxLanguageText/9+1) + "a"
	if got := read(long); len(got) != 0 {
		t.Errorf("more is read than may be: %v", got)
	}
	if got := read("pt, " + long); len(got) != 1 {
		t.Errorf("what stands before too much is %v", got)
	}
}

// A plugin may be translated into more languages than there are, and a host
// may have had more plugins than it has.
func TestManyLanguages(t *testing.T) {
	var tags []string
	for a := 'a'; a <= 'z'; a++ {
		for b := 'a'; b <= 'z'; b++ {
			tags = append(tags, string([]rune{a, b}))
		}
	}
	if got := New(Config{Schema: translatedInto(tags...), Languages: "be"}).Language(); got != "be" {
		t.Errorf("of all languages, be is %q", got)
	}
	if n := len(newTongues(tags).tags); n < 2 || n > maxTags+1 {
		t.Errorf("%d languages are told apart", n)
	}
	for _, tag := range tags {
		New(Config{Schema: translatedInto(tag), Languages: "ru"})
	}
	if n := len(remembered.tongues); n == 0 || n > maxTongues {
		t.Errorf("%d sets of languages are remembered", n)
	}
}

// A form in a language costs little more than one in none: BenchmarkLanguages
// says how much.
func BenchmarkLanguages(b *testing.B) {
	s := translatedInto("zh-Hans", "pt-BR", "ru")
	for _, header := range []string{"", "ru", "pt-PT, pt;q=0.9, de;q=0.8, en;q=0.5", strings.Repeat("sr-Latn-RS;q=0.9,", 1000)} {
		b.Run(fmt.Sprintf("%.20s", header), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				languageOf(s, header)
			}
		})
	}
}

// BenchmarkMessages translates a message that is constant, one that holds
// numbers, and one that nobody has translated.
func BenchmarkMessages(b *testing.B) {
	w := languageOf(sdk.Schema{}, "ru")
	for _, english := range []string{"is required", "must be between 1 and 64 characters long", "the credential works, but the account is not active"} {
		b.Run(english, func(b *testing.B) {
			for b.Loop() {
				w.message(english)
			}
		})
	}
}

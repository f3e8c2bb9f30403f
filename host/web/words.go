// SPDX-License-Identifier: Apache-2.0

package web

import (
	"cmp"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/credhost/credhost/host/form"
	"github.com/credhost/credhost/sdk"
)

//go:embed words/*.json
var wordFiles embed.FS

// languages are those of the page, which are the forms', each with what its
// speakers call it.
var languages = []struct{ Tag, Name string }{{"en", "English"}, {"pt-BR", "Português (Brasil)"}, {"ru", "Русский"}, {"zh-Hans", "简体中文"}}

// words are what the page says in one language.
type words struct {
	tag string
	of  map[string]string // by its English
}

// loadWords reads the translations.
func loadWords() (map[string]*words, error) {
	all := map[string]*words{"en": {tag: "en"}}
	for _, l := range languages[1:] {
		text, err := wordFiles.ReadFile("words/" + l.Tag + ".json")
		if err != nil {
			return nil, fmt.Errorf("web: %w", err)
		}
		one := &words{tag: l.Tag}
		if err := json.Unmarshal(text, &one.of); err != nil {
			return nil, fmt.Errorf("web: words/%s.json: %w", l.Tag, err)
		}
		all[l.Tag] = one
	}
	return all, nil
}

// languageOf returns the tag of the language that somebody reads best: what was
// chosen here, or else what the browser says.
func languageOf(chosen, accept string) string {
	for _, l := range languages {
		if l.Tag == chosen {
			return chosen
		}
	}
	return form.New(form.Config{Languages: accept}).WordLanguage()
}

// t translates a text of this page, with values in the place of its percent
// signs: in their order, or where it has %1 and %2 in that of these.
func (w *words) t(english string, values ...any) string {
	text := cmp.Or(w.of[english], english)
	if len(values) == 0 {
		return text
	}
	var b strings.Builder
	for next := 0; ; next++ {
		before, rest, ok := strings.Cut(text, "%")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		i := next
		if rest != "" && rest[0] >= '1' && rest[0] <= '9' {
			i, rest = int(rest[0]-'1'), rest[1:]
		}
		if i < len(values) {
			fmt.Fprint(&b, values[i])
		}
		text = rest
	}
}

// say translates what the host, or a plugin of the type with the given schema,
// says of something: their messages have their words in package form.
func (w *words) say(s sdk.Schema, english string) string {
	if english == "" {
		return ""
	}
	faults := form.New(form.Config{Schema: s, Languages: w.tag}).Faults(&sdk.Error{Code: sdk.Invalid, Message: english})
	return sentence(faults[0].Message)
}

// sentence makes a message, which is in lower case and without a full stop, a
// sentence of its own.
func sentence(message string) string {
	if first, _, _ := strings.Cut(message, " "); !strings.Contains(first, "://") { // an address is as it is
		message = sentenceCase(message)
	}
	if strings.ContainsAny(message[len(message)-1:], ".!?") || strings.HasSuffix(message, "。") {
		return message
	}
	if strings.ContainsFunc(message, func(r rune) bool { return r >= 0x4e00 && r <= 0x9fff }) {
		return message + "。"
	}
	return message + "."
}

// sentenceCase makes the first letter of a text a capital.
func sentenceCase(text string) string {
	_, size := utf8.DecodeRuneInString(text)
	return strings.ToUpper(text[:size]) + text[size:]
}

// when writes a time as how long ago it was, or is to come; the time itself is
// there for who looks closely, and for programs.
func (w *words) when(now, at time.Time) template.HTML {
	exact := at.UTC().Format("2006-01-02 15:04") + " UTC"
	return template.HTML(fmt.Sprintf(`<time datetime="%s" title="%s">%s</time>`, //nolint:gosec // no text of it is anybody's
		at.UTC().Format(time.RFC3339), exact, template.HTMLEscapeString(w.distance(now, at))))
}

// timed translates a text that has a time in the place of its percent sign.
func (w *words) timed(english string, now, at time.Time) template.HTML {
	before, after, _ := strings.Cut(w.t(english), "%")
	return template.HTML(template.HTMLEscapeString(before)) + w.when(now, at) + template.HTML(template.HTMLEscapeString(after)) //nolint:gosec // escaped
}

// distance says how far a time is away.
func (w *words) distance(now, at time.Time) string {
	d := now.Sub(at)
	ahead := d < 0
	if ahead {
		d = -d
	}
	say := func(past, future string, n time.Duration) string {
		if ahead {
			return w.t(future, int(n))
		}
		return w.t(past, int(n))
	}
	const day = 24 * time.Hour
	switch {
	case d < time.Minute && ahead:
		return w.t("in less than a minute")
	case d < time.Minute:
		return w.t("just now")
	case d < 90*time.Minute:
		return say("% min ago", "in % min", d/time.Minute)
	case d < 36*time.Hour:
		return say("% h ago", "in % h", (d+time.Hour/2)/time.Hour)
	case d < 60*day:
		return say("% d ago", "in % d", (d+day/2)/day)
	}
	return at.UTC().Format("2006-01-02")
}

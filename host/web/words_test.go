// SPDX-License-Identifier: Apache-2.0

package web

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

var inTemplates = regexp.MustCompile(`(?:[{(]t|timed) ("(?:[^"\\]|\\.)*")`)

// said returns all that the page says, by its English, and where.
func said(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	names, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text, err := fs.ReadFile(templateFiles, name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range inTemplates.FindAllStringSubmatch(string(text), -1) {
			english, err := strconv.Unquote(m[1])
			if err != nil {
				t.Fatal(err)
			}
			all[english] = name
		}
	}
	for _, text := range dones {
		all[text] = "dones"
	}
	for name, texts := range map[string]map[string]string{"doings": doings, "endings": endings} {
		for _, text := range texts {
			all[text] = name
		}
	}
	for _, text := range titles {
		all[text] = "titles"
	}
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !strings.HasSuffix(file.Name(), ".go") || strings.HasSuffix(file.Name(), "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool { return note(n, file.Name(), all) })
	}
	return all
}

// note notes what a call of t, or of what hands its texts to t, says.
func note(n ast.Node, file string, all map[string]string) bool {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return true
	}
	name := ""
	switch f := call.Fun.(type) {
	case *ast.Ident:
		name = f.Name
	case *ast.SelectorExpr:
		name = f.Sel.Name
	}
	texts := map[string]int{"t": 1, "say": 2}[name]
	for _, arg := range call.Args[:min(texts, len(call.Args))] {
		if lit, ok := arg.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if english, err := strconv.Unquote(lit.Value); err == nil {
				all[english] = file
			}
		}
	}
	return true
}

// Nobody reads English who has asked for another language, and no translation is
// left of what is not said any more.
func TestEverythingIsTranslated(t *testing.T) {
	t.Parallel()
	all := said(t)
	if len(all) < 300 {
		t.Fatalf("only %d texts were found", len(all))
	}
	loaded, err := loadWords()
	if err != nil {
		t.Fatal(err)
	}
	for tag, w := range loaded {
		if tag == "en" {
			continue
		}
		for _, english := range slices.Sorted(maps.Keys(all)) {
			if w.of[english] == "" {
				t.Errorf("words/%s.json lacks %q (%s)", tag, english, all[english])
			}
		}
		for english := range w.of {
			if all[english] == "" {
				t.Errorf("words/%s.json has %q, which nobody says", tag, english)
			}
		}
	}
}

// keepsEnglish are the texts that a language writes as English does.
var keepsEnglish = map[string][]string{"pt-BR": {"ID", "Token"}, "ru": {"ID"}, "zh-Hans": {"ID"}}

// unwritten is what nobody writes in a language, and machines do.
var unwritten = map[string]map[string]*regexp.Regexp{
	"zh-Hans": {
		"no space between Chinese and Latin": regexp.MustCompile(`\p{Han}[A-Za-z0-9%@]|[A-Za-z0-9%@]\p{Han}`),
		"a mark of Latin after Chinese":      regexp.MustCompile(`\p{Han} ?[,;?!.()]|\p{Han}:(\S|$| \P{Han})`),
		"a letter of traditional Chinese":    regexp.MustCompile(`[請連檔碼設無為權輸這個須應類標選擇變話務關閉開確認]`),
		"another word for credential":        regexp.MustCompile(`凭证|证书凭`),
	},
	"pt-BR": {
		"a word of Portugal":           regexp.MustCompile(`(?i)ficheiro|utilizador|palavra-passe|ecrã|registo\b|aceder|contacte|secção|\bteu\b|\btua\b`),
		"a letter of another alphabet": regexp.MustCompile(`\p{Cyrillic}|\p{Han}`),
	},
	"ru": {
		"letters of two alphabets in one word": regexp.MustCompile(`\p{Cyrillic}[A-Za-z]|[A-Za-z]\p{Cyrillic}`),
		"quotation marks of English":           regexp.MustCompile(`["“”]`),
		"a hyphen for a dash":                  regexp.MustCompile(` - `),
	},
}

// A translation has what its English has, and is of its language.
func TestTranslationsAreSound(t *testing.T) {
	t.Parallel()
	loaded, err := loadWords()
	if err != nil {
		t.Fatal(err)
	}
	for tag, w := range loaded {
		for english, text := range w.of {
			wrong := func(what string) { t.Errorf("words/%s.json: %s: %q is %q", tag, what, english, text) }
			switch {
			case text == english && !slices.Contains(keepsEnglish[tag], english):
				wrong("is not translated")
			case strings.Count(text, "%") != strings.Count(english, "%"):
				wrong("has another number of holes")
			case text != strings.Join(strings.Fields(text), " "):
				wrong("has a space too many")
			case strings.Contains(text, "..."):
				wrong("… is one character")
			case strings.HasSuffix(english, ".") != (strings.HasSuffix(text, ".") || strings.HasSuffix(text, "。")):
				wrong("has a full stop where the other has none")
			}
			for what, bad := range unwritten[tag] {
				if found := bad.FindString(text); found != "" {
					wrong(what + " (" + found + ")")
				}
			}
		}
	}
}

// The files are sorted, so that a change of one text is a change of one line.
func TestWordFilesAreSorted(t *testing.T) {
	t.Parallel()
	for _, l := range languages[1:] {
		name := "words/" + l.Tag + ".json"
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var words map[string]string
		if err := json.Unmarshal(text, &words); err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(words); err != nil {
			t.Fatal(err)
		}
		if b.String() != string(text) {
			if os.Getenv("CREDHOST_SORT_WORDS") == "1" {
				os.WriteFile(name, []byte(b.String()), 0o644)
				continue
			}
			t.Errorf("%s is not as encoding/json would write it, sorted", name)
		}
	}
}

func TestDistance(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	w := &words{tag: "en"}
	for d, want := range map[time.Duration]string{
		0: "just now", -time.Second: "just now", time.Second: "in less than a minute", -5 * time.Minute: "5 min ago", 80 * time.Minute: "in 80 min",
		-2 * time.Hour: "2 h ago", 47 * time.Hour: "in 2 d", -59 * 24 * time.Hour: "59 d ago", 90 * 24 * time.Hour: "2027-02-26",
	} {
		if got := w.distance(now, now.Add(d)); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}

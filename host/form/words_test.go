// SPDX-License-Identifier: Apache-2.0

package form

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/credhost/credhost/sdk"
)

// translated are the languages of this package.
var translated = []string{"pt-BR", "ru", "zh-Hans"}

// A new message, and a new text of a form, has a translation into all languages
// before it is released; one that is gone leaves none behind.
func TestEverythingSaidIsTranslated(t *testing.T) {
	t.Parallel()
	said := hostMessages(t)
	maps.Copy(said, ownTexts(t))
	if len(said) < 150 {
		t.Fatalf("only %d texts were found: the sources are written in a way that this test does not read", len(said))
	}
	if got := slices.Sorted(maps.Keys(formWords())); !slices.Equal(got, translated) {
		t.Errorf("the languages are %v, want %v", got, translated)
	}
	for tag, words := range formWords() {
		for _, english := range slices.Sorted(maps.Keys(said)) {
			if words[english] == "" {
				t.Errorf("words/%s.json lacks %q (%s)", tag, english, said[english])
			}
		}
		for english := range words {
			if said[english] == "" {
				t.Errorf("words/%s.json has %q, which nobody says", tag, english)
			}
		}
	}
}

// keepsEnglish are the texts that a language writes as English does: the names
// of keys.
var keepsEnglish = map[string][]string{"pt-BR": {"enter", "tab"}, "ru": {"enter", "tab"}, "zh-Hans": {"tab"}}

// A translation has what its English has: as many holes, a full stop, a capital
// letter, and nothing else in the place of a letter of its language.
func TestTranslationsAreSound(t *testing.T) {
	t.Parallel()
	numbered := regexp.MustCompile(`%[1-9]`)
	own := ownTexts(t)
	for tag, words := range formWords() {
		for english, text := range words {
			wrong := func(what string) { t.Errorf("words/%s.json: %s: %q is %q", tag, what, english, text) }
			switch first, _ := utf8.DecodeRuneInString(text); {
			case text == english && !slices.Contains(keepsEnglish[tag], english):
				wrong("is not translated")
			case strings.Count(text, "%") != strings.Count(english, "%"):
				wrong("has another number of holes")
			case own[english] != "" && numbered.MatchString(text):
				wrong("only messages may number their holes")
			case strings.Contains(english, "%%"):
				wrong("two holes need something between them")
			case text != strings.Join(strings.Fields(text), " "):
				wrong("has a space too many")
			case strings.Contains(text, "..."):
				wrong("… is one character")
			case strings.HasSuffix(english, ".") != (strings.HasSuffix(text, ".") || strings.HasSuffix(text, "。")):
				wrong("has a full stop where the other has none")
			case unicode.IsUpper(first) != startsUpper(english) && unicode.IsLetter(first) && tag != "zh-Hans":
				if !regexp.MustCompile(`^(IP|JSON|URL)\b`).MatchString(text) {
					wrong("begins with a letter of another size")
				}
			}
			for what, bad := range unwritten[tag] {
				if found := bad.FindString(text); found != "" {
					wrong(what + " (" + found + ")")
				}
			}
		}
	}
}

func startsUpper(text string) bool {
	first, _ := utf8.DecodeRuneInString(text)
	return unicode.IsUpper(first)
}

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
		"е for ё":                              regexp.MustCompile(`еще|[Уу]четн|[Вв]веден|(ержд|ключ)ен(\P{L}|$)`),
		"quotation marks of English":           regexp.MustCompile(`["“”]`),
		"a hyphen for a dash":                  regexp.MustCompile(` - `),
	},
}

// The files are as this test would write them, so that a change of one text is
// a change of one line.
func TestWordFilesAreSorted(t *testing.T) {
	t.Parallel()
	for _, tag := range translated {
		text, err := os.ReadFile("words/" + tag + ".json")
		if err != nil {
			t.Fatal(err)
		}
		keys := regexp.MustCompile(`(?m)^  ("(?:[^"\\]|\\.)*"): `).FindAllSubmatch(text, -1)
		var got []string
		for _, key := range keys {
			var english string
			if err := json.Unmarshal(key[1], &english); err != nil {
				t.Fatal(err)
			}
			got = append(got, english)
		}
		want := slices.SortedFunc(maps.Keys(formWords()[tag]), func(a, b string) int {
			if c := strings.Compare(strings.ToLower(a), strings.ToLower(b)); c != 0 {
				return c
			}
			return strings.Compare(a, b)
		})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("words/%s.json is not sorted, or has a text twice (-want +got):\n%s", tag, diff)
		}
	}
}

// demanding is a schema that refuses for every reason.
var demanding = sdk.Schema{Name: "demanding", Fields: []sdk.Field{
	{Name: "needed", Title: "Needed"},
	{Name: "link", Title: "Link", Kind: sdk.URL},
	{Name: "code", Title: "Code", Pattern: `^[A-Z]{2}-[0-9]+$`, Example: "AB-100%"},
	{Name: "shape", Title: "Shape", Pattern: `^x+$`},
	{Name: "short", Title: "Short", Bounds: boundsOf(8, 64)},
	{Name: "long", Title: "Long", Bounds: boundsOf(8, 0)},
	{Name: "size", Title: "Size", Kind: sdk.Number, Bounds: boundsOf(0, 10)},
	{Name: "much", Title: "Much", Kind: sdk.LongText},
	{Name: "region", Title: "Region", Kind: sdk.Choice, Options: []sdk.Option{{Value: "eu"}, {Value: "us"}}},
	{Name: "shop", Title: "Shop"},
	{Name: "fixed", Kind: sdk.Hidden, Default: "f"},
}, Origins: []string{"https://{shop}.example.com"}}

func boundsOf(low, high float64) *sdk.Bounds {
	b := &sdk.Bounds{}
	if low != 0 {
		b.Min = &low
	}
	if high != 0 {
		b.Max = &high
	}
	return b
}

// What the host refuses is told in the person's language, for every reason
// that it has.
func TestFaultsAreTranslated(t *testing.T) {
	t.Parallel()
	answers := sdk.Values{"link": "ftp://x", "code": "x", "shape": "y", "short": "x", "long": "x", "size": "11", "much": strings.Repeat("x", sdk.MaxAnswer+1),
		"region": "moon", "shop": "a.b", "fixed": "g", "other": "?"}
	_, err := demanding.Complete(answers)
	for tag, want := range map[string][]string{
		"pt-BR": {
			"needed required campo obrigatório",
			"link kind deve ser uma URL como https://example.com/path, sem usuário, parâmetros de consulta nem fragmento",
			"code pattern deve ter um formato como AB-100%",
			"shape pattern não está no formato exigido",
			"short bounds o número de caracteres deve estar entre 8 e 64",
			"long bounds o número mínimo de caracteres é 8",
			"size bounds deve ser no máximo 10",
			"much size tem mais de 256 KiB",
			"region option não é uma das opções",
			"shop origin deve ser uma parte de um nome de host: letras, dígitos e hifens",
			"fixed fixed este campo não é solicitado; por isso, não aceita resposta",
			"other unknown não é um campo de demanding",
		},
		"ru": {
			"needed required обязательное поле",
			"link kind требуется URL вида https://example.com/path, без имени пользователя, параметров запроса и фрагмента",
			"code pattern требуется значение вида AB-100%",
			"shape pattern не соответствует требуемому формату",
			"short bounds длина в символах — от 8 до 64",
			"long bounds длина в символах — не меньше 8",
			"size bounds максимальное значение — 10",
			"much size размер больше 256 КиБ",
			"region option такого варианта нет",
			"shop origin требуется одна часть имени хоста: буквы, цифры и дефисы",
			"fixed fixed это поле не запрашивается, поэтому его нельзя заполнить",
			"other unknown такого поля нет в demanding",
		},
		"zh-Hans": {
			"needed required 必须填写",
			"link kind 必须为 URL，例如 https://example.com/path，且不含用户名、查询参数和片段",
			"code pattern 格式应类似于 AB-100%",
			"shape pattern 格式不符合要求",
			"short bounds 长度必须为 8 到 64 个字符",
			"long bounds 长度不能少于 8 个字符",
			"size bounds 不能大于 10",
			"much size 超过 256 KiB",
			"region option 不是可选项之一",
			"shop origin 必须为主机名中的一段：只能包含字母、数字和连字符",
			"fixed fixed 此项无需填写，因此不接受填写内容",
			"other unknown 不是 demanding 的字段",
		},
	} {
		var got []string
		for _, fault := range New(Config{Schema: demanding, Languages: tag}).Faults(err) {
			got = append(got, fault.Field+" "+fault.Code+" "+fault.Message)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("in %s (-want +got):\n%s", tag, diff)
		}
	}
	if said := New(Config{Schema: demanding}).Faults(err)[0].Message; said != "is required" {
		t.Errorf("in no language: %q", said)
	}
}

// The plugin's own word goes first, also within a message of the host; a
// sentence of a plugin that begins like one of the host is left whole.
func TestMessages(t *testing.T) {
	t.Parallel()
	s := sdk.Schema{Name: "own", Words: map[string]map[string]string{"ru": {
		"is required": "без этого никак", "an invented name": "придуманное имя", "must be at least 3 characters long": "не короче трёх букв",
	}, "de": {"an invented name": "ein erfundener Name"}}}
	for _, test := range []struct{ languages, english, want string }{
		{"ru", "is required", "без этого никак"},
		{"pt-BR", "is required", "campo obrigatório"},
		{"ru", "must be at least 3 characters long", "не короче трёх букв"},
		{"ru", "must be at least 4 characters long", "длина в символах — не меньше 4"},
		{"ru", "must be at least 4", "минимальное значение — 4"},
		{"ru", "must look like an invented name", "требуется значение вида придуманное имя"},
		{"ru", "must look like %1 or %", "требуется значение вида %1 or %"},
		{"de", "must look like an invented name", "must look like an invented name"},
		{"de", "is required", "is required"},
		{"ru", "must be at least as long as the other", "must be at least as long as the other"},
		{"ru", "must look like ", "must look like "},
		{"ru", "the service does not take the credential (401 Unauthorized)", "сервис не принимает учётные данные (401 Unauthorized)"},
		{"ru", "the service could not answer (503 Service Unavailable)", "сервис не смог ответить (503 Service Unavailable)"},
		{"pt", "https://a.example:8443 could not be reached", "não foi possível acessar https://a.example:8443"},
		{"pt", "the HaloPSA API could not be reached", "the HaloPSA API could not be reached"},
		{"zh", "https://a.example answered with more than 1048576 bytes (egress.Config.MaxAnswer)", "https://a.example 的响应超过 1048576 字节（egress.Config.MaxAnswer）"},
		{"ru", "", ""},
		{"ru", strings.Repeat("must be between 1 and 2 ", 1000), strings.Repeat("must be between 1 and 2 ", 1000)},
	} {
		f := New(Config{Schema: s, Languages: test.languages})
		if got := f.Faults(&sdk.Error{Code: sdk.Invalid, Message: test.english})[0].Message; got != test.want {
			t.Errorf("%s: %.80q is %.80q, want %.80q", test.languages, test.english, got, test.want)
		}
	}
}

// What says more is tried first.
func TestPatterns(t *testing.T) {
	t.Parallel()
	before := ""
	for _, p := range patterns() {
		if own := strings.ReplaceAll(p.english, "%", ""); before != "" && len(own) > len(before) {
			t.Errorf("%q comes after %q", own, before)
		} else {
			before = own
		}
	}
	if before == "" {
		t.Error("there are no patterns")
	}
}

func TestFill(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text   string
		values []string
		want   string
	}{
		{"a % b % c", []string{"1", "2"}, "a 1 b 2 c"},
		{"%2, %1", []string{"first", "second"}, "second, first"},
		{"% %", []string{"%2", "%1"}, "%2 %1"},
		{"%9 %", []string{"1", "2"}, " 2"},
		{"none", nil, "none"},
	} {
		if got := fill(test.text, test.values); got != test.want {
			t.Errorf("fill(%q, %q) = %q, want %q", test.text, test.values, got, test.want)
		}
	}
}

// All that package sdk says of a field is a message, with its numbers, whatever
// the kind and the bounds.
func TestMessagesOfFields(t *testing.T) {
	t.Parallel()
	reasons := []string{sdk.ReasonRequired, sdk.ReasonKind, sdk.ReasonBounds, sdk.ReasonSize, sdk.ReasonPattern, sdk.ReasonOption, sdk.ReasonFixed}
	kinds := []sdk.Kind{sdk.Text, sdk.LongText, sdk.URL, sdk.Choice, sdk.Bool, sdk.Number, sdk.DateTime, sdk.JSON, sdk.Pairs, sdk.Hidden}
	digits := regexp.MustCompile(`[0-9.]*[0-9]`)
	for _, tag := range translated {
		f := New(Config{Languages: tag})
		for _, kind := range kinds {
			for _, b := range []*sdk.Bounds{nil, boundsOf(1, 0), boundsOf(0, 2.5), boundsOf(-3, 123456)} {
				for _, example := range []string{"", "x-1"} {
					field := sdk.Field{Kind: kind, Bounds: b, Example: example}
					for _, reason := range reasons {
						english := field.Message(reason)
						got := f.words.message(english)
						if english != "" && (got == english || strings.Contains(got, "%") || !slices.Equal(digits.FindAllString(got, -1), digits.FindAllString(english, -1))) {
							t.Errorf("in %s: %q is %q", tag, english, got)
						}
					}
				}
			}
		}
	}
}

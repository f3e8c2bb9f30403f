// SPDX-License-Identifier: Apache-2.0

package form_test

import (
	"encoding/json"
	"errors"
	"maps"
	"math/rand/v2"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/credhost/credhost/host/form"
	"github.com/credhost/credhost/sdk"
)

func TestParse(t *testing.T) {
	t.Parallel()
	s := sdk.Schema{Name: "t", Title: "T", Fields: []sdk.Field{
		{Name: "text", Title: "F"}, {Name: "long", Title: "F", Kind: sdk.LongText}, {Name: "bool", Title: "F", Kind: sdk.Bool},
		{Name: "number", Title: "F", Kind: sdk.Number}, {Name: "time", Title: "F", Kind: sdk.DateTime}, {Name: "pairs", Title: "F", Kind: sdk.Pairs},
		{Name: "many", Title: "F", Many: true}, {Name: "longs", Title: "F", Kind: sdk.LongText, Many: true},
		{Name: "choices", Title: "F", Kind: sdk.Choice, Many: true, Suggest: &sdk.Suggest{}},
		{Name: "secret", Title: "F", Secret: true, Optional: true}, {Name: "needed", Title: "F", Secret: true},
		{Name: "fixed", Kind: sdk.Hidden, Default: "x"}, {Name: "app", Title: "F", Scope: sdk.Application},
	}}
	f := form.New(form.Config{Schema: s, Given: map[string]json.RawMessage{}})
	for _, c := range []struct {
		posted string
		want   sdk.Values
	}{
		{"text=a", sdk.Values{"text": "a"}},
		{"text=", sdk.Values{"text": ""}},
		{"long=a%0D%0Ab%0D%0A", sdk.Values{"long": "a\nb\n"}},
		{"bool=false&bool=true", sdk.Values{"bool": "true"}},
		{"bool=false", sdk.Values{"bool": "false"}},
		{"number=007", sdk.Values{"number": "7"}},
		{"number=-.5e3", sdk.Values{"number": "-0.5e3"}},
		{"number=0", sdk.Values{"number": "0"}},
		{"number=000", sdk.Values{"number": "0"}},
		{"number=x", sdk.Values{"number": "x"}},
		{"number=-", sdk.Values{"number": "-"}},
		{"number=1e0", sdk.Values{"number": "1e0"}},
		{"time=2026-11-21T22:17", sdk.Values{"time": "2026-11-21T22:17:00Z"}},
		{"time=2026-11-21T22:17:30.25", sdk.Values{"time": "2026-11-21T22:17:30.25Z"}},
		{"time=tomorrow", sdk.Values{"time": "tomorrow"}},
		{"pairs=b:+2%0D%0A%0D%0Aa:x:y", sdk.Values{"pairs": `{"a":"x:y","b":"2"}`}},
		{`pairs={"a:b":"c"}`, sdk.Values{"pairs": `{"a:b":"c"}`}},
		{"pairs=a", sdk.Values{"pairs": "a\x00"}},
		{"pairs=null", sdk.Values{"pairs": "null\x00"}},
		{"pairs=a:1%0D%0Aa:2", sdk.Values{"pairs": "a:1\na:2\x00"}},
		{"many=a%0D%0A%0D%0Ab", sdk.Values{"many": `["a","b"]`}},
		{`many=["a"]`, sdk.Values{"many": `["[\"a\"]"]`}},
		{`longs=["a\nb"]`, sdk.Values{"longs": `["a\nb"]`}},
		{"choices=&choices=a&choices=b%0D%0Aa", sdk.Values{"choices": `["a","b"]`}},
		{"choices=", sdk.Values{"choices": ""}},
		{"secret=&needed=", sdk.Values{}},
		{"secret=&_clear.secret=1&_clear.needed=1", sdk.Values{"secret": ""}},
		{"secret=new&_clear.secret=1", sdk.Values{"secret": "new"}},
		{"_x=1&x=&fixed=y&app=z", sdk.Values{"x": "", "fixed": "y", "app": "z"}},
	} {
		posted, err := url.ParseQuery(c.posted)
		if err != nil {
			t.Fatal(err)
		}
		if got, again := f.Parse(posted); again || !maps.Equal(got, c.want) {
			t.Errorf("%s is %q, want %q", c.posted, map[string]string(got), map[string]string(c.want))
		}
	}
	if _, again := f.Parse(url.Values{"_again": {"1"}}); !again {
		t.Error("the button without script is not heard")
	}
}

// What is no answer is refused for the right reason, and shown as it was typed.
func TestTypedIsShownAgain(t *testing.T) {
	t.Parallel()
	s := sdk.Schema{Name: "t", Title: "T", Fields: []sdk.Field{
		{Name: "pairs", Title: "F", Kind: sdk.Pairs}, {Name: "number", Title: "F", Kind: sdk.Number}, {Name: "time", Title: "F", Kind: sdk.DateTime},
		{Name: "json", Title: "F", Kind: sdk.JSON}, {Name: "url", Title: "F", Kind: sdk.URL}, {Name: "numbers", Title: "F", Kind: sdk.Number, Many: true},
	}}
	f := form.New(form.Config{Schema: s})
	typed := map[string]string{"pairs": "a: 1\nno colon", "number": "twelve", "time": "tomorrow", "json": "{\n  nope", "url": "example", "numbers": "1\ntwo"}
	posted := url.Values{}
	for name, text := range typed {
		posted.Set(name, strings.ReplaceAll(text, "\n", "\r\n"))
	}
	answers, _ := f.Parse(posted)
	faults := f.Check(answers)
	if len(faults) != len(typed) || slices.ContainsFunc(faults, func(fault form.Fault) bool { return fault.Code != sdk.ReasonKind }) {
		t.Errorf("faults are %v", faults)
	}
	b := browse(t, f, form.State{Answers: answers, Faults: faults})
	for name, text := range typed {
		if got := value(b.named(name)[0]); got != text {
			t.Errorf("%s is shown as %q, typed as %q", name, got, text)
		}
	}
}

// A form that is opened and saved changes nothing.
func TestSavingUnchanged(t *testing.T) {
	t.Parallel()
	saved := 0
	randoms(t, 4000, func(r *rand.Rand, s sdk.Schema) {
		for i := range s.Fields {
			if f := &s.Fields[i]; f.Kind == sdk.LongText && f.Bounds == nil && r.IntN(4) == 0 {
				f.Many = !f.Many && f.Default == "" && f.Defaults == nil || f.Many
			}
		}
		answers, err := s.Decode(object(randomAnswers(r, s)))
		for _, f := range s.Fields {
			if odd := oddities(f); answers[f.Name] != "" && len(odd) > 0 && r.IntN(3) == 0 {
				answers[f.Name] = pick(r, odd)
			}
		}
		if err == nil {
			answers, err = s.Complete(answers)
		}
		if err != nil {
			return
		}
		saved++
		f := form.New(editing(t, s, answers))
		put, _ := f.Parse(browse(t, f, form.State{}).submit(""))
		for _, field := range s.Fields { // as the host keeps secrets
			if _, ok := put[field.Name]; field.Secret && !ok {
				put[field.Name] = answers[field.Name]
			}
		}
		got, err := s.Complete(put)
		if err != nil || !maps.Equal(got, answers) {
			t.Errorf("stored %q\nput %q\nbecame %q %v", map[string]string(answers), map[string]string(put), map[string]string(got), err)
			return
		}
		put, _ = f.Parse(browse(t, f, form.State{Answers: put}).submit("_again"))
		for _, field := range s.Fields {
			if field.Secret {
				put[field.Name] = answers[field.Name]
			}
		}
		if got, err := s.Complete(put); err != nil || !maps.Equal(got, answers) {
			t.Errorf("shown again: stored %q\nbecame %q %v", map[string]string(answers), map[string]string(got), err)
		}
	})
	t.Logf("%d credentials were saved", saved)
	if saved < 1500 {
		t.Error("too few to say anything")
	}
}

// oddities are answers that no control can hold as they are.
func oddities(f sdk.Field) []string {
	switch {
	case f.Kind == sdk.LongText && f.Many:
		return []string{`["a\nb","c"]`, `["[\"a\"]"]`, `["a\rb"]`, `[" a ","\ta"]`}
	case f.Many:
	case f.Kind == sdk.LongText:
		return []string{"\nab", "a\r\nb", "a\rb", "\n\n", " "}
	case f.Kind == sdk.Pairs:
		return []string{`{"a:b":"c"}`, `{"a":" b "}`, `{"":"x"}`, `{"a":"b\nc: d"}`, `{" a":"b"}`, `{"{\"a\"":"\"b\"}"}`}
	case f.Kind == sdk.DateTime:
		return []string{"2026-11-21T22:17:00.123456789-11:30", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59-01:00", "2026-11-21T22:00:00Z"}
	case f.Kind == sdk.Number:
		return []string{"1234567890123456789012345678901", "1e+300", "-0.0000001"}
	case f.Kind == sdk.JSON:
		return []string{`{"a":{"b":[1,2,{}]},"c":"<&>\u2028"}`, `"text"`, `[]`}
	}
	return nil
}

// A person without script gets through: shown, filled in, shown again with
// other questions, filled in, saved.
func TestWithoutScript(t *testing.T) {
	t.Parallel()
	for name, all := range map[string][]sdk.Values{
		"halopsa": {
			{"hostingType": "onPremise", "authUrl": "https://a.example/auth", "resourceUrl": "https://a.example/api", "clientId": "i", "clientSecret": "s", "scope": "all"},
			{"hostingType": "hostedHalo", "authUrl": "https://a.example/auth", "resourceUrl": "https://a.example/api", "tenant": "t", "clientId": "i", "clientSecret": "s", "scope": "read:tickets"},
		},
		"hellocloud": {
			{"baseUrl": "https://a.example", "version": "7.10.0", "grantType": "password", "clientId": "i", "clientSecret": "s", "username": "u", "password": "p"},
			{"baseUrl": "https://a.example", "version": "7.10.2+", "grantType": "password", "clientId": "i", "clientSecret": "s", "username": "u", "password": "p"},
			{"baseUrl": "https://a.example", "version": "7.10.2+", "grantType": "client_credentials", "clientId": "i", "clientSecret": "s"},
		},
		"faxplus": {
			{"authMethod": "pat", "personalAccessToken": "alohi_pat_x", "patExpiresAt": "2027-01-01T00:00:00Z"},
			{"authMethod": "oauth2", "clientId": "APIK-1", "clientSecret": "s", "advancedSecurityControls": "true"},
		},
		"torture": {
			{"clientId": "APIK-1a", "clientSecret": "12345678", "region": "us", "baseUrl": "https://a.example", "mirrors": `["https://b.example","https://c.example"]`, "shop": "s", "host": "db.example", "port": "1",
				"method": "key", "key": "-----BEGIN\nkey\n", "passphrase": "p", "verify": "false", "timeout": "1.5", "until": "2027-01-01T00:00:00Z", "claims": `{"a":1}`, "headers": `{"X-A":"1","X-B":"2"}`, "scopes": `["read","write"]`, "folder": "f", "account": "a", "grantType": "password"},
			{"clientId": "APIK-1a", "clientSecret": "12345678", "region": "eu", "baseUrl": "https://a.example", "method": "password", "password": " p ", "verify": "true", "claims": `{"sub":"x"}`, "scopes": `["read"]`, "grantType": "client_credentials"},
		},
	} {
		s := torture(t)
		if name != "torture" {
			s = sdk.Schema{}
			text, err := os.ReadFile("../../schemas/types/" + name + ".schema.json")
			if err == nil {
				err = json.Unmarshal(text, &s)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		for _, answers := range all {
			journey(t, s, answers)
		}
	}
	journeys := 0
	randoms(t, 1500, func(r *rand.Rand, s sdk.Schema) {
		answers, err := s.Decode(object(randomAnswers(r, s)))
		if err == nil {
			answers, err = s.Complete(answers)
		}
		if err == nil {
			journeys++
			journey(t, s, answers)
		}
	})
	t.Logf("%d journeys", journeys)
}

// journey gives answers, as long as they are asked, without script.
func journey(t *testing.T, s sdk.Schema, answers sdk.Values) {
	t.Helper()
	f := form.New(form.Config{Schema: s, Can: everything, Links: links})
	b, asked := browse(t, f, form.State{}), ""
	for range len(s.Fields) + 2 {
		now := ""
		for _, field := range s.Fields {
			if len(b.named(field.Name)) > 0 {
				now += field.Name + " "
				give(t, b, field, answers[field.Name])
			}
		}
		if now == asked {
			break
		}
		asked = now
		typed, again := f.Parse(b.submit("_again"))
		if !again {
			t.Fatal("the button without script is not heard")
		}
		b = browse(t, f, form.State{Answers: typed})
		for _, field := range s.Fields {
			if len(b.named(field.Name)) > 0 {
				give(t, b, field, answers[field.Name])
			}
		}
	}
	put, again := f.Parse(b.submit(""))
	got, err := s.Complete(put)
	if want := asTyped(t, s, answers); err != nil || again || !maps.Equal(got, want) {
		t.Errorf("%v\n%s", err, cmp.Diff(map[string]string(want), map[string]string(got)))
	}
}

// give types one answer, or chooses it.
func give(t *testing.T, b browser, field sdk.Field, answer string) {
	t.Helper()
	texts := []string{answer}
	switch {
	case field.Many && answer == "":
		texts = nil
	case field.Many:
		if err := json.Unmarshal([]byte(answer), &texts); err != nil {
			t.Fatal(err)
		}
		if field.Kind == sdk.LongText {
			texts = []string{answer}
		}
	case field.Kind == sdk.Pairs && answer != "":
		var pairs map[string]string
		if err := json.Unmarshal([]byte(answer), &pairs); err != nil {
			t.Fatal(err)
		}
		texts = nil
		for name, value := range pairs {
			texts = append(texts, name+":"+value)
		}
	case field.Kind == sdk.DateTime && answer != "" && !field.Secret:
		at, err := time.Parse(time.RFC3339, answer)
		if err != nil {
			t.Fatal(err)
		}
		texts = []string{at.UTC().Format("2006-01-02T15:04:05.999999999")}
	}
	if !b.fill(field.Name, texts...) {
		t.Errorf("%s cannot be answered", field.Name)
	}
}

// asTyped returns answers as a person gives them: times in UTC, and choices in
// the order in which they are offered.
func asTyped(t *testing.T, s sdk.Schema, answers sdk.Values) sdk.Values {
	t.Helper()
	all := maps.Clone(answers)
	for _, f := range s.Fields {
		switch answer := all[f.Name]; {
		case answer == "":
		case f.Kind == sdk.DateTime && !f.Many && !f.Secret:
			at, err := time.Parse(time.RFC3339, answer)
			if err != nil {
				t.Fatal(err)
			}
			all[f.Name] = at.UTC().Format(time.RFC3339Nano)
		case f.Kind == sdk.Choice && f.Many:
			var chosen []string
			if err := json.Unmarshal([]byte(answer), &chosen); err != nil {
				t.Fatal(err)
			}
			slices.Sort(chosen) // as the options of these schemas are
			text, _ := json.Marshal(chosen)
			all[f.Name] = string(text)
		}
	}
	return all
}

// Nobody makes Parse, or a form of its answers, fail or stall.
func FuzzParse(f *testing.F) {
	s := torture(f)
	one := form.New(form.Config{Schema: s, Can: everything, Links: links})
	f.Add("clientId=a&headers=a%3Ab&scopes=x&until=2026-01-01T00:00&_again=1")
	f.Fuzz(func(t *testing.T, query string) {
		posted, _ := url.ParseQuery(query)
		answers, _ := one.Parse(posted)
		var faults sdk.Errors
		if _, err := s.Complete(answers); err != nil && !errors.As(err, &faults) {
			t.Fatal(err)
		}
		browse(t, one, form.State{Answers: answers, Faults: one.Faults(faults)})
	})
}

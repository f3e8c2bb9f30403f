// SPDX-License-Identifier: Apache-2.0

package form_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/credhost/credhost/host/form"
	"github.com/credhost/credhost/sdk"
)

// A bundle is what the tests read of one.
type bundle struct {
	Schema struct {
		Properties map[string]json.RawMessage
		Required   []string
	}
	Data    map[string]any
	Notices []struct{ Text, Before string }
	Actions []struct {
		ID, Title, Href, Value, Field string
		Requires                      []string
		When                          json.RawMessage
	}
	Secrets  map[string]struct{ Set bool }
	Messages map[string]map[string]string
}

func read(t *testing.T, document []byte) bundle {
	t.Helper()
	var b bundle
	if err := json.Unmarshal(document, &b); err != nil {
		t.Fatalf("%v in %s", err, document)
	}
	return b
}

func takes(t *testing.T, schema *jsonschema.Schema, answers string) bool {
	t.Helper()
	instance, err := jsonschema.UnmarshalJSON(strings.NewReader(answers))
	if err != nil {
		t.Fatal(err)
	}
	return schema.Validate(instance) == nil
}

// Who changes an answer that decides where secrets go is asked for them again;
// who changes what does not decide it is not.
func TestDestinationAsksAgain(t *testing.T) {
	t.Parallel()
	f := form.New(form.Config{Schema: shipped(t)[1], Answers: map[string]json.RawMessage{
		"hostingType": json.RawMessage(`"hostedHalo"`), "tenant": json.RawMessage(`"acme"`), "clientId": json.RawMessage(`"c"`),
		"authUrl": json.RawMessage(`"https://acme.halopsa.com/auth"`), "resourceUrl": json.RawMessage(`"https://acme.halopsa.com/api"`),
		"clientSecret": json.RawMessage(`{"set":true}`),
	}})
	schema := validator(t, f)
	put := func(authURL, more string) string {
		return `{"hostingType":"hostedHalo","tenant":"acme","clientId":"c","resourceUrl":"https://acme.halopsa.com/api","authUrl":"` + authURL + `"` + more + `}`
	}
	for answers, want := range map[string]bool{
		put("https://acme.halopsa.com/auth", ""):                       true,
		put("https://acme.halopsa.com/other/auth", ""):                 true,
		put("https://evil.example/auth", ""):                           false,
		put("https://acme.halopsa.com.evil.example/auth", ""):          false,
		put("https://evil.example/auth", `,"clientSecret":"again"`):    true,
		put("https://acme.halopsa.com:8443/auth", ""):                  false,
		put("https://acme.halopsa.com/auth", `,"clientSecret":"anew"`): true,
	} {
		if got := takes(t, schema, answers); got != want {
			t.Errorf("takes %s: %v, want %v", answers, got, want)
		}
	}
	b := read(t, f.RJSF())
	if !b.Secrets["clientSecret"].Set || slices.Contains(b.Schema.Required, "clientSecret") || b.Data["tenant"] != "acme" || b.Data["clientSecret"] != nil {
		t.Errorf("the form begins with %+v, requires %v, secrets %+v", b.Data, b.Schema.Required, b.Secrets)
	}
}

var (
	appID     = sdk.Field{Name: "appId", Title: "App ID", Scope: sdk.Application}
	appSecret = sdk.Field{Name: "appSecret", Title: "App secret", Secret: true, Scope: sdk.Application}
	region    = sdk.Field{Name: "region", Title: "Region", Kind: sdk.Choice, Scope: sdk.Application, Default: "eu", Options: []sdk.Option{{Value: "eu"}, {Value: "us"}}}
	team      = sdk.Field{Name: "team", Title: "Team", When: region.Is("us")}
	folder    = sdk.Field{Name: "folder", Title: "Folder", Kind: sdk.Choice, Suggest: &sdk.Suggest{Needs: []string{"team"}}}

	scoped = sdk.Schema{Name: "scoped", Title: "Scoped", Fields: []sdk.Field{appID, appSecret, region, team, folder}, Origins: []string{"https://api.example.com"},
		Notices: []sdk.Notice{{Before: "appId", Text: "For operators."}, {Text: "For people."}}}
)

// A schema has a form for the operator, one for the person whose application
// is known, and one for whoever answers both.
func TestScopes(t *testing.T) {
	t.Parallel()
	given := map[string]json.RawMessage{"appId": json.RawMessage(`"a"`), "appSecret": json.RawMessage(`{"set":true}`), "region": json.RawMessage(`"us"`)}
	for name, test := range map[string]struct {
		cfg     form.Config
		asks    []string
		takes   string
		refuses string
		notices []string
	}{
		"application": {form.Config{Application: true}, []string{"appId", "appSecret", "region"},
			`{"appId":"a","appSecret":"s"}`, `{"appId":"a","appSecret":"s","team":"t"}`, []string{"For operators."}},
		"connection": {form.Config{Given: given}, []string{"team", "folder"},
			`{"team":"t","folder":"f"}`, `{"folder":"f"}`, []string{"For people."}},
		"another region": {form.Config{Given: map[string]json.RawMessage{"region": json.RawMessage(`"eu"`)}}, []string{"team", "folder"},
			`{"folder":"f"}`, `{"region":"us","team":"t","folder":"f"}`, []string{"For people."}},
		"all": {form.Config{}, []string{"appId", "appSecret", "region", "team", "folder"},
			`{"appId":"a","appSecret":"s","folder":"f"}`, `{"folder":"f"}`, []string{"For operators.", "For people."}},
		"draft": {form.Config{Given: given, Draft: true}, []string{"team", "folder"}, `{"team":"t"}`, `{}`, []string{"For people."}},
	} {
		test.cfg.Schema = scoped
		f := form.New(test.cfg)
		var asks []string
		for _, field := range f.Schema().Fields {
			asks = append(asks, field.Name)
		}
		if diff := cmp.Diff(test.asks, asks); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		schema := validator(t, f)
		if !takes(t, schema, test.takes) || takes(t, schema, test.refuses) {
			t.Errorf("%s: it takes %v %s and %v %s", name, takes(t, schema, test.takes), test.takes, takes(t, schema, test.refuses), test.refuses)
		}
		for answers, want := range map[string]bool{test.takes: true, test.refuses: false} {
			values, err := f.Schema().Decode([]byte(answers))
			if faults := f.Check(values); err != nil || (faults == nil) != want {
				t.Errorf("%s: Check of %s gives %v, %v", name, answers, faults, err)
			}
		}
		var notices []string
		for _, n := range read(t, f.JSONForms()).Notices {
			notices = append(notices, n.Text)
		}
		if diff := cmp.Diff(test.notices, notices); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// What a person can do besides answering is offered where it can be done.
func TestActions(t *testing.T) {
	t.Parallel()
	can := sdk.Abilities{Connect: true, Test: true, Suggest: true}
	links := form.Links{Connect: "/connect", Test: "/test", Suggest: "/suggest?field={field}"}
	f := form.New(form.Config{Schema: shipped(t)[0], Can: can, RedirectURL: "https://host.example/callback", Links: links})
	b := read(t, f.RJSF())
	if len(b.Actions) != 3 || b.Actions[0].ID != "redirect" || b.Actions[0].Value != "https://host.example/callback" || b.Actions[1].Href != "/connect" || b.Actions[2].Href != "/test" {
		t.Fatalf("actions %+v", b.Actions)
	}
	for _, a := range b.Actions[:2] {
		if !strings.Contains(string(a.When), `"oauth2"`) {
			t.Errorf("%s is offered when %s", a.ID, a.When)
		}
	}
	if f.RedirectURL(f.Assume(nil)) != "" || f.RedirectURL(f.Assume(sdk.Values{"authMethod": "oauth2"})) == "" {
		t.Error("the redirect URL is shown where nothing is connected, or not where something is")
	}
	f = form.New(form.Config{Schema: scoped, Can: can, Links: links, Suggestions: map[string][]sdk.Option{"folder": {{Value: "inbox"}}}})
	b = read(t, f.RJSF())
	i := slices.IndexFunc(b.Actions, func(a struct {
		ID, Title, Href, Value, Field string
		Requires                      []string
		When                          json.RawMessage
	}) bool {
		return a.ID == "suggest"
	})
	if i < 0 || b.Actions[i].Href != "/suggest?field=folder" || !slices.Equal(b.Actions[i].Requires, []string{"team"}) {
		t.Errorf("actions %+v", b.Actions)
	}
	if !bytes.Contains(b.Schema.Properties["folder"], []byte(`"inbox"`)) {
		t.Errorf("folder is %s, without what the service suggests", b.Schema.Properties["folder"])
	}
}

// Whatever a plugin says is data in every format.
func TestHostileTexts(t *testing.T) {
	t.Parallel()
	evil := "</script><script>alert(1)</script>\"'{{7*7}}\u2028"
	s := sdk.Schema{Name: "evil", Title: evil, Fields: []sdk.Field{
		{Name: "a", Title: evil, Help: evil, Example: evil},
		{Name: "b", Title: evil, Kind: sdk.Choice, Options: []sdk.Option{{Value: "x", Title: evil, Help: evil}}},
	}, Notices: []sdk.Notice{{Text: evil}}}
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	f := form.New(form.Config{Schema: s})
	for _, format := range form.Formats() {
		document := format.Render(f)
		switch {
		case strings.HasSuffix(format.Suffix, ".json"):
			if !json.Valid(document) || !bytes.Contains(document, []byte(`</script>`)) {
				t.Errorf("%s: not JSON, or not what was said: %s", format.Name, document)
			}
		case bytes.Contains(document, []byte("alert(1)</script>")):
			t.Errorf("%s: a plugin's script is one", format.Name)
		}
	}
}

// Every fault names a field of the form and is in its messages, so that a form
// library says what the host says.
func TestMessagesAreTheHosts(t *testing.T) {
	t.Parallel()
	for _, s := range shipped(t) {
		f := form.New(form.Config{Schema: s})
		messages := read(t, f.RJSF()).Messages
		for _, fault := range f.Check(sdk.Values{}) {
			if got := messages[fault.Field][fault.Code]; got != fault.Message {
				t.Errorf("%s: messages say %q of %s, the host %q", s.Name, got, fault.Field, fault.Message)
			}
		}
	}
}

// The errors of the host are what the libraries show beside the fields.
func TestErrorsForLibraries(t *testing.T) {
	t.Parallel()
	faults := []form.Fault{{"a", "required", "is required"}, {"a", "kind", `must be "x"`}, {"", "denied", "no"}}
	want := `{"a":{"__errors":["is required","must be \"x\""]},"__errors":["no"]}`
	var compact bytes.Buffer
	if err := json.Compact(&compact, form.ExtraErrors(faults)); err != nil || compact.String() != want {
		t.Errorf("extraErrors %s, %v", compact.String(), err)
	}
	compact.Reset()
	want = `[{"instancePath":"/a","message":"is required","keyword":"required","schemaPath":"","params":{}},` +
		`{"instancePath":"/a","message":"must be \"x\"","keyword":"kind","schemaPath":"","params":{}},` +
		`{"instancePath":"","message":"no","keyword":"denied","schemaPath":"","params":{}}]`
	if err := json.Compact(&compact, form.AdditionalErrors(faults)); err != nil || compact.String() != want {
		t.Errorf("additionalErrors %s, %v", compact.String(), err)
	}
}

// SPDX-License-Identifier: Apache-2.0

package sdk_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"log"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"text/template"
	"time"

	"github.com/credhost/credhost/sdk"
)

// secrets returns one value of each type that holds secrets, with the canary
// in every place that may have one.
func secrets() map[string]any {
	values := sdk.Values{"password": canary}
	header := http.Header{"Authorization": {"Bearer " + canary}, "Cookie": {"sid=" + canary}}
	grant := sdk.Grant{Header: header, Query: url.Values{"key": {canary}}, Path: map[string]string{"token": canary},
		Expiry: time.Unix(1e9, 0), Account: canary, Facts: map[string]string{"a": canary}, Values: values, State: []byte(canary)}
	in := sdk.NewInput(sdk.Schema{Fields: []sdk.Field{{Name: "password", Default: canary}}}, values)
	in.State, in.Refused = []byte(canary), &sdk.Refusal{Status: 401, Header: header}
	e := sdk.Errorf(sdk.Denied, "enter the password again").Because(errors.New("it said " + canary))
	return map[string]any{
		"values":    values,
		"input":     in,
		"grant":     grant,
		"signature": sdk.Signature{Header: header, Query: "sig=" + canary},
		"request":   sdk.Request{Method: "POST", URL: "https://example.com/" + canary, Header: header, SHA256: []byte(canary), Body: []byte(canary)},
		"refusal":   sdk.Refusal{Status: 401, Header: header},
		"callback":  sdk.Callback{RedirectURL: "https://example.com", State: canary, Verifier: canary, Query: url.Values{"code": {canary}}, Kept: []byte(canary)},
		"approval":  sdk.Approval{URL: "https://example.com/?state=" + canary, UserCode: canary, State: []byte(canary)},
		"error":     e,
		"errors":    sdk.Errors{e, e.In(sdk.Field{Name: "password"})},
		"joined":    fmt.Errorf("test: %w", errors.Join(e, e)),
	}
}

// holders returns v in everything that a program may hold it in.
func holders[T any](v T) []any {
	type named struct {
		V   T
		Any any
		P   *T
	}
	p := &v
	return []any{v, p, &p, []T{v}, []*T{p}, [1]T{v}, map[string]T{"k": v}, map[string]*T{"k": p}, map[string]any{"k": []any{v}},
		named{v, v, p}, &named{v, v, p}, struct{ named }{named{v, v, p}}, []any{v, p}, func() any { return v }()}
}

func everyHolder(v any) []any {
	switch v := v.(type) {
	case sdk.Values:
		return holders(v)
	case sdk.Input:
		return holders(v)
	case sdk.Grant:
		return holders(v)
	case sdk.Signature:
		return holders(v)
	case sdk.Request:
		return holders(v)
	case sdk.Refusal:
		return holders(v)
	case sdk.Callback:
		return holders(v)
	case sdk.Approval:
		return holders(v)
	case *sdk.Error:
		return append(holders(v), holders(*v)...)
	case sdk.Errors:
		return holders(v)
	}
	return holders(v)
}

// renderings returns v in all the forms in which a program shows a value.
func renderings(t *testing.T, v any) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%X", "% x", "%q", "%+q", "%d", "%o", "%b", "%e", "%t", "%c", "%U", "%10.3v", "%!", "%z", "no verb"} {
		out[verb] = fmt.Sprintf(verb, v)
	}
	out["Sprint"], out["Sprintln"] = fmt.Sprint(v), fmt.Sprintln(v)
	out["Errorf"] = fmt.Errorf("x: %v", v).Error()
	if encoded, err := json.Marshal(v); err == nil {
		out["json"] = string(encoded)
	} else {
		out["json error"] = err.Error()
	}
	encoded, err := xml.Marshal(v)
	out["xml"] = string(encoded) + fmt.Sprint(err)
	var b bytes.Buffer
	slog.New(slog.NewTextHandler(&b, nil)).Info("x", "v", v, slog.Group("g", "v", v))
	slog.New(slog.NewJSONHandler(&b, nil)).With("w", v).Info("x", "v", v, slog.Group("g", "v", v))
	out["slog"] = b.String()
	b.Reset()
	log.New(&b, "", 0).Print(v)
	template.Must(template.New("").Parse("{{.}} {{printf `%v` .}}")).Execute(&b, v)
	htmltemplate.Must(htmltemplate.New("").Parse("<p title='{{.}}'>{{.}}<script>x = {{.}}</script>")).Execute(&b, v)
	out["log and templates"] = b.String()
	return out
}

// leaks reports whether text has the canary, in any of the forms that a verb
// may give it.
func leaks(text string) bool {
	forms := []string{canary, fmt.Sprintf("%x", canary), fmt.Sprintf("%X", canary), fmt.Sprintf("% x", canary)}
	list := fmt.Sprint([]byte(canary))
	forms = append(forms, list[1:len(list)-1], strings.ReplaceAll(list[1:len(list)-1], " ", ", "), "YzRuNHJ5LTVlY3JldA")
	return slices.ContainsFunc(forms, func(form string) bool { return strings.Contains(text, form) })
}

func TestSecretsNeverPrint(t *testing.T) {
	t.Parallel()
	for name, v := range secrets() {
		for _, holder := range everyHolder(v) {
			for how, text := range renderings(t, holder) {
				if leaks(text) {
					t.Errorf("%s, as a %T, leaks with %s: %s", name, holder, how, text)
				}
			}
		}
	}
}

// A test that looks for leaks must be able to find one.
func TestLeaksAreFound(t *testing.T) {
	t.Parallel()
	type bare struct {
		Text  string
		Bytes []byte
	}
	for how, text := range renderings(t, bare{canary, []byte(canary)}) {
		if !leaks(text) && !slices.Contains([]string{"%o", "%b", "%e", "%t", "%c", "%U", "%10.3v", "%!", "%+q", "%z"}, how) {
			t.Errorf("%s hides the canary: %s", how, text)
		}
	}
}

// An outline must still be of use to whoever reads the log.
func TestOutlines(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"values":    "values[password]",
		"input":     "input[password]",
		"grant":     "grant[Authorization Cookie key token until 2001-09-09T01:46:40Z]",
		"signature": "signature[Authorization Cookie]",
		"request":   "request[POST Authorization Cookie]",
		"refusal":   "refusal[401 Authorization Cookie]",
		"callback":  "callback[code]",
		"approval":  "approval[]",
		"error":     "enter the password again",
		"errors":    "enter the password again; password: enter the password again",
	}
	all := secrets()
	for name, outline := range want {
		if got := fmt.Sprint(all[name]); got != outline {
			t.Errorf("%s prints as %q, want %q", name, got, outline)
		}
	}
	if got := (sdk.Values{"a\x1b[2J": "x"}).String(); strings.Contains(got, "\x1b") {
		t.Errorf("a name reaches the terminal as it is: %q", got)
	}
	var none *sdk.Grant
	if got := fmt.Sprintf("%v %v", none, (*sdk.Error)(nil)); !strings.Contains(got, "<nil>") {
		t.Errorf("nil prints as %q", got)
	}
}

const panicVariable = "SDK_TEST_PANIC"

// TestMain panics with a secret in the child that TestPanics starts.
func TestMain(m *testing.M) {
	if name := os.Getenv(panicVariable); name != "" {
		panic(panics()[name])
	}
	os.Exit(m.Run())
}

// panics returns what a program may panic with.
func panics() map[string]any {
	all := secrets()
	for name, v := range secrets() {
		all["slice of "+name] = []any{v}
		all["map of "+name] = map[string]any{"k": v}
		all["struct of "+name] = struct{ V any }{v}
		all["wrapped "+name] = fmt.Errorf("%v", v)
	}
	g := all["grant"].(sdk.Grant)
	all["pointer"] = &g
	return all
}

func TestPanics(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name := range panics() {
		child := exec.CommandContext(t.Context(), self)
		child.Env = append(os.Environ(), panicVariable+"="+name, "GOTRACEBACK=all")
		out, err := child.CombinedOutput()
		if err == nil || !strings.Contains(string(out), "panic: ") {
			t.Errorf("%s: the child did not panic: %v\n%s", name, err, out)
		}
		if leaks(string(out)) {
			t.Errorf("a panic with %s leaks:\n%s", name, out)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

//go:build unix

package terminal_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/credhost/credhost/host/form"
	"github.com/credhost/credhost/host/form/terminal"
	"github.com/credhost/credhost/internal/screen"
	"github.com/credhost/credhost/sdk"
)

func TestMain(m *testing.M) {
	os.Setenv("TERM", "xterm-256color")
	os.Setenv("LC_ALL", "C.UTF-8")
	os.Unsetenv("ACCESSIBLE")
	os.Exit(m.Run())
}

// Keys.
const (
	enter, tab, end  = "\r", "\t", "\x03"
	up, down         = "\x1b[A", "\x1b[B"
	right, back      = "\x1b[C", "\x1b[Z"
	clear, backspace = "\x15", "\x7f"
)

// An asking is a form that is being asked.
type asking struct {
	*screen.Terminal
	t    *testing.T
	done chan struct{}

	answers sdk.Values
	err     error
}

// ask asks a form on a terminal of its own.
func ask(t *testing.T, cfg form.Config, o terminal.Options) *asking {
	t.Helper()
	if cfg.Schema.Name == "" {
		cfg.Schema.Name, cfg.Schema.Title = "acme", "Acme"
	}
	if err := cfg.Schema.Validate(); err != nil {
		t.Fatal(err)
	}
	a := &asking{Terminal: screen.Open(t, 80, 30), t: t, done: make(chan struct{})}
	o.In, o.Out = a.TTY, a.TTY
	go func() {
		defer close(a.done)
		a.answers, a.err = terminal.Ask(t.Context(), form.New(cfg), o)
	}()
	return a
}

// ends waits for the form to end.
func (a *asking) ends() {
	a.t.Helper()
	select {
	case <-a.done:
	case <-time.After(20 * time.Second):
		a.t.Fatalf("after 20 s it has not ended\n%s", a.Seen())
	}
}

// saves waits for the form to be saved with answers.
func (a *asking) saves(want sdk.Values) {
	a.t.Helper()
	a.ends()
	if a.err != nil {
		a.t.Fatalf("%v\n%s", a.err, a.Seen())
	}
	// The types of package sdk hide what they hold.
	if diff := cmp.Diff(map[string]string(want), map[string]string(a.answers)); diff != "" {
		a.t.Errorf("the answers: %s", diff)
	}
	if strings.Contains(a.Written(), "CANARY") {
		a.t.Errorf("it showed a secret: %q", a.Written())
	}
}

// fails waits for the form to end with an error.
func (a *asking) fails(want error) {
	a.t.Helper()
	a.ends()
	if !errors.Is(a.err, want) || a.answers != nil {
		a.t.Errorf("it ended with %v and %d answers, not with %v", a.err, len(a.answers), want)
	}
}

func native(t *testing.T, all map[string]any) map[string]json.RawMessage {
	t.Helper()
	raw := map[string]json.RawMessage{}
	for name, v := range all {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		raw[name] = text
	}
	return raw
}

func fields(all ...sdk.Field) form.Config { return form.Config{Schema: sdk.Schema{Fields: all}} }

var colours = []sdk.Option{{Value: "red", Title: "Red"}, {Value: "green", Title: "Green", Help: "As grass."}, {Value: "blue", Title: "Blue"}}

// Each kind is asked drawn, with keys, and with prompts, where \n ends a line.
func TestKinds(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("CANARY\n\tin a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		field  sdk.Field
		keys   string
		prompt string
		want   string
	}{
		{"text", sdk.Field{}, "a b" + enter, "a b\n", "a b"},
		{"secret", sdk.Field{Secret: true}, "CANARY x" + backspace + enter, "CANARY x\x7f\r", "CANARY "},
		{"url", sdk.Field{Kind: sdk.URL}, "https://a.example/" + enter, "https://a.example/\n", "https://a.example/"},
		{"number", sdk.Field{Kind: sdk.Number}, "12.50" + enter, "12.50\n", "12.50"},
		{"dateTime", sdk.Field{Kind: sdk.DateTime}, "2026-01-02T15:04:05Z" + enter, "2026-01-02T15:04:05Z\n", "2026-01-02T15:04:05Z"},
		{"json", sdk.Field{Kind: sdk.JSON}, `{"a": [1]}` + enter, `{"a": [1]}` + "\n", `{"a": [1]}`},
		{"yes", sdk.Field{Kind: sdk.Bool}, right + enter, "y\n", "true"},
		{"no", sdk.Field{Kind: sdk.Bool}, enter, "no\n", "false"},
		{"yes by a letter", sdk.Field{Kind: sdk.Bool}, "y" + enter, "YES\n", "true"},
		{"choice", sdk.Field{Kind: sdk.Choice, Options: colours}, down + enter, "2\n", "green"},
		{"the first choice", sdk.Field{Kind: sdk.Choice, Options: colours}, enter, "red\n", "red"},
		{"a choice that is not made", sdk.Field{Kind: sdk.Choice, Options: colours, Optional: true}, enter, "\n", ""},
		{"choices", sdk.Field{Kind: sdk.Choice, Options: colours, Many: true}, " " + down + down + " " + enter, "1\n3\n\n", `["red","blue"]`},
		{"what may be suggested", sdk.Field{Kind: sdk.Choice, Options: colours, Suggest: &sdk.Suggest{}}, "gr" + right + enter, "green\n", "green"},
		{"what is not suggested", sdk.Field{Kind: sdk.Choice, Options: colours, Suggest: &sdk.Suggest{}}, "grey" + enter, "grey\n", "grey"},
		{"longText", sdk.Field{Kind: sdk.LongText}, "one" + enter + enter + "two" + tab, "one\n\ntwo\n.\n", "one\n\ntwo"},
		{"secret longText", sdk.Field{Kind: sdk.LongText, Secret: true}, "CANARY" + enter + "two" + tab, "CANARY\rtwo\r.\r", "CANARY\ntwo"},
		{"a file", sdk.Field{Kind: sdk.LongText, Secret: true}, "@" + file + tab, "@" + file + "\r", "CANARY\n\tin a file\n"},
		{"what only looks like a file", sdk.Field{Kind: sdk.LongText}, "@@me" + tab, "@@me\n.\n", "@me"},
		{"lines", sdk.Field{Many: true}, "a" + enter + "b=c" + enter + tab, "a\nb=c\n\n", `["a","b=c"]`},
		{"a list", sdk.Field{Many: true}, `["a","b"]` + tab, `["a","b"]` + "\n\n", `["a","b"]`},
		{"secret lines", sdk.Field{Many: true, Secret: true}, "CANARY" + enter + " b" + tab, "CANARY\r b\r\r", `["CANARY"," b"]`},
		{"numbers", sdk.Field{Many: true, Kind: sdk.Number}, "1" + enter + "2" + tab, "1\n2\n\n", `["1","2"]`},
		{"pairs", sdk.Field{Kind: sdk.Pairs}, "X-Team=blue" + enter + "b=c=d" + tab, "X-Team=blue\nb=c=d\n\n", `{"X-Team":"blue","b":"c=d"}`},
		{"secret pairs", sdk.Field{Kind: sdk.Pairs, Secret: true}, "a=CANARY" + tab, "a=CANARY\r\r", `{"a":"CANARY"}`},
		{"a default", sdk.Field{Default: "all"}, enter, "\n", ""},
		{"nothing", sdk.Field{Optional: true}, enter, "\n", ""},
	} {
		test.field.Name, test.field.Title = "it", "It"
		want := sdk.Values{}
		if test.want != "" {
			want["it"] = test.want
		}
		t.Run(test.name+" drawn", func(t *testing.T) {
			t.Parallel()
			a := ask(t, fields(test.field), terminal.Options{})
			a.Shows("  It", "ctrl+c cancel")
			a.Type(test.keys)
			a.Shows("enter save")
			a.Type(enter)
			a.saves(want)
		})
		t.Run(test.name+" prompted", func(t *testing.T) {
			t.Parallel()
			a := ask(t, fields(test.field), terminal.Options{Plain: true})
			a.Shows("\nIt", "\n>")
			if test.field.Secret {
				a.Listens()
			}
			a.Type(test.prompt)
			a.saves(want)
		})
	}
}

// What is asked follows the answers, and a choice that they rule out is none;
// but it is remembered.
func TestConditions(t *testing.T) {
	version := sdk.Field{Name: "version", Title: "Version", Kind: sdk.Choice, Default: "two", Options: []sdk.Option{{Value: "one"}, {Value: "two"}}}
	grant := sdk.Field{Name: "grant", Title: "Grant", Kind: sdk.Choice, Default: "client",
		Options: []sdk.Option{{Value: "client", When: version.Is("two")}, {Value: "password"}, {Value: "code", When: version.Is("two")}}}
	user := sdk.Field{Name: "user", Title: "User", When: grant.Is("password")}
	cfg := fields(grant, version, user, sdk.Field{Name: "key", Title: "Key", Secret: true, Optional: true})
	cfg.Schema.Notices = []sdk.Notice{{Before: "key", Text: "Only of one.", When: version.Is("one")}, {Text: "The end of two.", When: version.Is("two")}}

	a := ask(t, cfg, terminal.Options{})
	a.Shows("  > client\n    password\n    code\n", "· Version: two")
	a.Type(down + down + enter) // code
	a.Shows("✓ Grant: code", "    one\n  > two\n")
	a.Type(up)
	a.Shows("! Grant\n", "  > one\n") // has no answer any more
	a.Type(down)
	a.Shows("✓ Grant: code")
	a.Type(up + back)
	a.Shows("  > password\n")
	a.Hides("client", "code")
	a.Type(tab)
	a.Shows("· User")
	a.Type(enter)
	a.Shows("  User\n")
	a.Type("me" + enter)
	a.Shows("Only of one.", "  Key (optional)\n")
	a.Type(enter)
	a.Shows("enter save")
	a.Hides("Only of one.", "The end of two.")
	a.Type(enter)
	a.saves(sdk.Values{"version": "one", "grant": "password", "user": "me"})
}

// What is left over in a field that is not asked any more is not put.
func TestWhatIsNotAskedIsNotPut(t *testing.T) {
	more := sdk.Field{Name: "more", Title: "More", Kind: sdk.Bool}
	what := sdk.Field{Name: "what", Title: "What", When: more.Is("true")}
	for _, plain := range []bool{false, true} {
		a := ask(t, fields(more, what), terminal.Options{Plain: plain})
		if plain {
			a.Shows("More [No]", "\n>")
			a.Type("n\n")
			a.saves(sdk.Values{"more": "false"})
			continue
		}
		a.Shows(" Yes   No")
		a.Type("y" + enter)
		a.Shows("  What\n")
		a.Type("something" + back)
		a.Shows("✓ What: something")
		a.Type("n" + enter)
		a.Shows("enter save")
		a.Hides("What")
		a.Type(enter)
		a.saves(sdk.Values{"more": "false"})
	}
}

func TestGoingOnDespiteAFault(t *testing.T) {
	a := ask(t, fields(sdk.Field{Name: "count", Title: "Count", Kind: sdk.Number}, sdk.Field{Name: "site", Title: "Site"}), terminal.Options{})
	a.Shows("  Count\n")
	a.Type("many" + enter)
	a.Shows("! must be a number")
	a.Type(enter)
	a.Type(tab) // a second time: the person knows
	a.Shows("! Count: many", "  Site\n")
	a.Type("north" + enter)
	a.Shows("enter save")
	a.Type(enter) // leads back
	a.Shows("! must be a number", "> many")
	a.Type(clear + "3" + tab)
	a.Shows("✓ Count: 3", "  Site\n")
	a.Type(tab)
	a.Shows("enter save")
	a.Type(enter)
	a.saves(sdk.Values{"count": "3", "site": "north"})
}

func TestPasting(t *testing.T) {
	a := ask(t, fields(sdk.Field{Name: "key", Title: "Key", Secret: true}, sdk.Field{Name: "extra", Title: "Extra", Kind: sdk.JSON},
		sdk.Field{Name: "pem", Title: "PEM", Kind: sdk.LongText, Secret: true}, sdk.Field{Name: "note", Title: "Note", Kind: sdk.LongText}), terminal.Options{})
	a.Shows("  Key\n")
	a.Paste("CANARY\nCANARY")
	a.Shows("! is one line, and what was pasted is several")
	a.Paste("CANARY\n") // as a line is copied
	a.Shows("> ******")
	a.Hides("several")
	a.Type(enter)
	a.Shows("  Extra\n")
	a.Paste("{\n  \"a\": 1\n}\n")
	a.Type(enter)
	a.Shows("  PEM\n")
	a.Paste("CANARY\n\tCANARY")
	a.Shows("lines: 2")
	a.Type(tab)
	a.Shows("  Note\n")
	many := strings.Repeat("x\n", 110)           // more than the library takes of keys
	a.Type(strings.ReplaceAll(many, "\n", "\r")) // by a terminal that does not say that it is pasted
	a.Type(tab)
	a.Shows("enter save")
	a.Type(enter)
	a.ends()
	for name, want := range map[string]string{"key": "CANARY", "pem": "CANARY\n\tCANARY", "note": many} {
		if a.answers[name] != want {
			t.Errorf("%s is %q", name, a.answers[name])
		}
	}
	if strings.Contains(a.Written(), "CANARY") {
		t.Error("it showed a secret")
	}
}

var key = sdk.Field{Name: "key", Title: "Key", Secret: true}

// What was refused is shown where it is, and everything typed is kept.
func TestSaving(t *testing.T) {
	site := sdk.Field{Name: "site", Title: "Site"}
	for _, plain := range []bool{false, true} {
		var saved []sdk.Values
		refusals := [][]form.Fault{
			{{Field: "key", Code: "again", Message: "must be entered again"}, {Code: "denied", Message: "all of it is odd"}},
			{{Field: "site", Code: "option", Message: "is taken"}},
			nil,
		}
		cfg := fields(site, key)
		cfg.Answers = native(t, map[string]any{"site": "north", "key": map[string]bool{"set": true}})
		a := ask(t, cfg, terminal.Options{Plain: plain, Save: func(_ context.Context, answers sdk.Values) ([]form.Fault, error) {
			saved = append(saved, answers)
			return refusals[len(saved)-1], nil
		}})
		if plain {
			a.Shows("Site [north]", "\n>")
			a.Type("\n")
			a.Shows("set; leave it empty to keep it")
			a.Listens()
			a.Type("\r")
			a.Shows("all of it is odd", "must be entered again")
			a.Listens()
			a.Type("CANARY\r")
			a.Shows("is taken")
			a.Type("south\n")
		} else {
			a.Shows("> north", "✓ Key: ********")
			a.Type(tab + tab)
			a.Shows("enter save")
			a.Type(enter)
			a.Shows("! must be entered again", "  Key\n", "✓ Site: north")
			a.Type("CANARY" + enter + enter)
			a.Shows("! is taken", "> north", "✓ Key: ********")
			a.Type(clear + "south")
			a.Hides("is taken")
			a.Type(tab + tab + enter)
		}
		a.saves(sdk.Values{"site": "south", "key": "CANARY"})
		want := []map[string]string{{"site": "north"}, {"site": "north", "key": "CANARY"}, {"site": "south", "key": "CANARY"}}
		for i := range want {
			if diff := cmp.Diff(want[i], map[string]string(saved[i])); diff != "" {
				t.Errorf("save %d: %s", i, diff)
			}
		}
	}
}

// An error that no answer can mend ends the form, and so does giving up while it
// is saved, unless it was saved all the same.
func TestSavingEnds(t *testing.T) {
	broken := errors.New("the store is full")
	for _, plain := range []bool{false, true} {
		a := ask(t, fields(key), terminal.Options{Plain: plain, Save: func(context.Context, sdk.Values) ([]form.Fault, error) { return nil, broken }})
		a.Shows("Key", ">")
		a.Listens()
		a.Type("CANARY" + enter)
		if !plain {
			a.Shows("enter save")
			a.Type(enter)
		}
		a.fails(broken)
	}
	for _, despite := range []bool{false, true} {
		a := ask(t, fields(key), terminal.Options{Save: func(ctx context.Context, _ sdk.Values) ([]form.Fault, error) {
			<-ctx.Done()
			if despite {
				return nil, nil
			}
			return nil, ctx.Err()
		}})
		a.Shows("  Key\n")
		a.Type("CANARY" + enter)
		a.Shows("enter save")
		a.Type(enter)
		a.Shows("saving…")
		a.Type(enter + tab + back) // do nothing now
		a.Type(end)
		if despite {
			a.saves(sdk.Values{"key": "CANARY"})
			continue
		}
		a.fails(terminal.ErrInterrupted)
	}
}

// A form about a few answers asks these alone, and what turns out to be wrong.
func TestAskingOnlyAFew(t *testing.T) {
	cfg := fields(sdk.Field{Name: "site", Title: "Site"}, key, sdk.Field{Name: "note", Title: "Note", Optional: true},
		sdk.Field{Name: "odd", Title: "Odd", Optional: true})
	cfg.Answers = native(t, map[string]any{"site": "north", "key": map[string]bool{"set": true}, "note": "mine"})
	refused := false
	a := ask(t, cfg, terminal.Options{Given: sdk.Values{"odd": "x"}, Only: []string{"key"}, Faults: []form.Fault{{Field: "key", Message: "must be entered again"}},
		Save: func(context.Context, sdk.Values) ([]form.Fault, error) {
			if refused {
				return nil, nil
			}
			refused = true
			return []form.Fault{{Field: "odd", Message: "is odd"}}, nil
		}})
	a.Shows("! must be entered again", "  Key\n")
	a.Hides("Site", "Note", "Odd")
	a.Type("CANARY" + enter)
	a.Shows("enter save")
	a.Type(enter)
	a.Shows("! is odd", "> x")
	a.Hides("Site", "Note")
	a.Type(clear + "y" + enter)
	a.Shows("enter save")
	a.Type(enter)
	a.saves(sdk.Values{"key": "CANARY", "odd": "y"})
}

// An application's answers are not asked, but conditions know them.
func TestAnApplicationsAnswers(t *testing.T) {
	kind := sdk.Field{Name: "kind", Title: "Kind", Many: true, Scope: sdk.Application}
	secret := sdk.Field{Name: "clientSecret", Title: "Client secret", Secret: true, Scope: sdk.Application}
	cfg := fields(kind, secret, sdk.Field{Name: "team", Title: "Team", When: kind.Is("company")}, sdk.Field{Name: "pet", Title: "Pet", When: kind.Is("home")})
	cfg.Given = native(t, map[string]any{"kind": []string{"company", "large"}, "clientSecret": map[string]bool{"set": true}})
	a := ask(t, cfg, terminal.Options{})
	a.Shows("  Team\n")
	a.Hides("Kind", "Client secret", "Pet")
	a.Type("blue" + enter)
	a.Shows("enter save")
	a.Type(enter)
	a.saves(sdk.Values{"team": "blue"})
}

// A fault that no question is about must not keep the person for ever.
func TestAFaultOfNoQuestion(t *testing.T) {
	refuse := func(context.Context, sdk.Values) ([]form.Fault, error) {
		return []form.Fault{{Field: "gone", Message: "is not there"}}, nil
	}
	a := ask(t, fields(key), terminal.Options{Save: refuse})
	a.Shows("  Key\n")
	a.Type("CANARY" + enter + enter)
	a.Shows("! gone: is not there", "enter save")
	a.Type(end)
	a.fails(terminal.ErrInterrupted)

	a = ask(t, fields(key), terminal.Options{Save: refuse, Plain: true})
	a.Shows("Key")
	a.Listens()
	a.Type("CANARY" + enter)
	a.fails(sdk.Invalid)
}

// Texts are a plugin's: they are shown, and not obeyed.
func TestTextsDoNotCommandTheTerminal(t *testing.T) {
	cfg := fields(sdk.Field{Name: "site", Title: "Site", Example: strings.Repeat("long ", 40)})
	cfg.Answers = native(t, map[string]any{"site": "north"})
	a := ask(t, cfg, terminal.Options{Given: sdk.Values{}, Faults: []form.Fault{{Field: "site", Message: "is \x1b]0;odd\x07"}}})
	a.Shows("! is ]0;odd")
	a.Type(end)
	a.fails(terminal.ErrInterrupted)
}

// Whoever reads the terminal next gets all that is typed.
func TestNothingIsReadAfterTheForm(t *testing.T) {
	for range 5 {
		a := ask(t, fields(key), terminal.Options{})
		a.Shows("  Key\n")
		a.Type(end)
		a.fails(terminal.ErrInterrupted)
		a.Type("next\n")
		ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
		defer stop()
		if line, err := terminal.ReadLine(ctx, a.TTY); line != "next" || err != nil {
			t.Errorf("the next line is %q, %v", line, err)
		}
	}
}

func TestALongListScrolls(t *testing.T) {
	var many, helped []sdk.Option
	for i := range 40 {
		many = append(many, sdk.Option{Value: fmt.Sprint("value", i)})
		helped = append(helped, sdk.Option{Value: fmt.Sprint("value", i), Help: fmt.Sprint("Help of ", i, ".")})
	}
	for _, field := range []sdk.Field{{Options: many}, {Options: helped}, {Options: many, Many: true}} {
		field.Name, field.Title, field.Kind = "it", "It", sdk.Choice
		a := ask(t, fields(field), terminal.Options{})
		a.Resize(40, 12)
		syscall.Kill(os.Getpid(), syscall.SIGWINCH)
		a.Shows("  It\n", "> ", "value0\n", "ctrl+c cancel")
		a.Type(strings.Repeat(down, 30))
		a.Shows("value30\n", "ctrl+c cancel")
		if field.Options[0].Help != "" {
			a.Shows("Help of 30.")
		}
		a.Type(up + " " + enter)
		a.Shows("enter save")
		a.Type(enter)
		want := "value29"
		if field.Many {
			want = `["value29"]`
		}
		a.saves(sdk.Values{"it": want})
	}
}

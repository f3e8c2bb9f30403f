// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/sdk"
)

// Keys.
const (
	enter, tab, escape = "\r", "\t", "\x1b"
	up, down           = "\x1b[A", "\x1b[B"
	back               = "\x1b[Z" // shift+tab
	clearLine          = "\x15"
)

// shown returns the only credential.
func (s *seat) shown() (c host.Credential) {
	s.t.Helper()
	var all []host.Credential
	if err := json.Unmarshal([]byte(s.run("list", "--json")), &all); err != nil || len(all) != 1 {
		s.t.Fatalf("there are %d credentials, %v", len(all), err)
	}
	return all[0]
}

// answered compares answers of the only credential, as JSON.
func (s *seat) answered(want map[string]string) {
	s.t.Helper()
	all := s.shown().Answers
	for name, answer := range want {
		var got bytes.Buffer
		json.Compact(&got, all[name])
		if got.String() != answer {
			s.t.Errorf("%s is %s, not %s", name, &got, answer)
		}
	}
}

// madeNothing checks that there is neither a store nor a key.
func (s *seat) madeNothing() {
	s.t.Helper()
	for _, name := range []string{"credhost.db", "credhost.key"} {
		if _, err := os.Stat(filepath.Join(s.data, name)); err == nil {
			s.t.Errorf("it left %s behind", name)
		}
	}
}

func TestFormCreates(t *testing.T) {
	t.Parallel()
	s := world{}.sitDown(t, "create", "halopsa", "--name", "acme")
	s.Shows("HaloPSA", "> On Premise Solution: You run", "· Scope: all", "↑/↓ choose")
	s.Hides("Tenant")
	s.Type(down)
	s.Shows("> Hosted Solution", "· Tenant")
	s.Type(up)
	s.Hides("· Tenant")
	s.Type(down + enter)
	s.Shows("✓ Hosting type: Hosted Solution Of Halo", "> https://example.halopsa.com/auth")

	// It says what is wrong as one types, and insists on leaving.
	s.Type("htt")
	s.Shows("  must be a URL such as")
	s.Type(enter)
	s.Shows("! must be a URL such as")
	s.Type("ps://acme.example/auth")
	s.Hides("must be a URL")
	s.Type(enter)
	s.Shows("✓ Authorisation server URL: https://acme.example/auth")
	s.Type("https://acme.example/api" + enter)
	s.Shows("  Tenant\n")
	s.Type("acme" + enter)
	s.Shows("HaloPSA checks the permissions", "  Client ID\n")
	s.Type("me" + enter)
	s.Shows("  Client secret\n")
	s.Type("CANARY-7F3A9")
	s.Shows("> ******")

	// Back to the first: what depends on it goes, and comes back as it was.
	s.Type(strings.Repeat(back, 5))
	s.Shows("> Hosted Solution", "✓ Tenant: acme", "✓ Client secret: ********")
	s.Type(up)
	s.Hides("Tenant")
	s.Type(down)
	s.Shows("✓ Tenant: acme")
	s.Type(strings.Repeat(tab, 6))
	s.Shows("  Scope\n", "left empty: all")
	s.Type(enter)
	s.Shows("enter save")
	s.Type(enter)
	s.exits(0)
	s.Shows("✓ Tenant: acme", "✓ Client secret: ********")
	s.Hides("enter save")
	if !regexp.MustCompile(`^c-[a-z0-9]+\n$`).MatchString(s.out.String()) {
		t.Errorf("standard output is %q", s.out.String())
	}
	s.answered(map[string]string{"hostingType": `"hostedHalo"`, "authUrl": `"https://acme.example/auth"`, "tenant": `"acme"`,
		"clientId": `"me"`, "clientSecret": `{"set":true}`, "scope": `"all"`})
}

func TestFormThatIsLeftLeavesNothing(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		leave func(s *seat)
		code  int
	}{
		{"Ctrl-C", func(s *seat) { s.Type("\x03") }, codeInterrupted.exit},
		{"Ctrl-D", func(s *seat) { s.Type("\x04") }, codeDeclined.exit},
		{"SIGINT", func(s *seat) { s.cmd.Process.Signal(os.Interrupt) }, codeInterrupted.exit},
		{"SIGTERM", func(s *seat) { s.cmd.Process.Signal(syscall.SIGTERM) }, codeInterrupted.exit},
		{"SIGHUP", func(s *seat) { s.cmd.Process.Signal(syscall.SIGHUP) }, codeInterrupted.exit},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := world{}.sitDown(t, "create", "faxplus")
			s.Shows("> Personal Access Token")
			s.Type(enter)
			s.Shows("  Personal Access Token\n")
			s.Type("CANARY-7F3A9")
			s.Shows("> ******")
			if test.name == "Ctrl-D" { // which deletes, where there is something
				s.Type(clearLine)
				s.Hides("******")
			}
			test.leave(s)
			s.exits(test.code)
			s.Hides("Personal Access Token", "cancel", "Fax.Plus")
			if seen := lines(s.Seen()); len(seen) != 2 || !strings.HasPrefix(seen[0], "credhost: ") {
				t.Errorf("it left on the screen: %q", seen)
			}
			s.madeNothing()
		})
	}
}

// Nobody is left to be told, so that the program must end by itself.
func TestFormWhoseWindowIsClosed(t *testing.T) {
	t.Parallel()
	for _, w := range []world{{}, dumb} {
		s := w.sitDown(t, "create", "kinds")
		s.Shows("Mode")
		s.TTY.Close()
		s.HangUp()
		s.cmd.Wait()
		if code := s.cmd.ProcessState.ExitCode(); code != codeInterrupted.exit && code != codeDeclined.exit {
			t.Errorf("%v: the exit code is %d: %v", w.env, code, s.cmd.ProcessState)
		}
		s.madeNothing()
	}
}

func TestFormInANarrowWindow(t *testing.T) {
	t.Parallel()
	s := world{width: 40, height: 20, env: []string{"LC_ALL=C"}}.sitDown(t, "create", "faxplus")
	s.Shows("  > Personal Access Token: Recommended.\n    You make it once; it expires on the\n    date that you choose.\n", "up/down choose")
	s.Type(down)
	s.Shows("Redirect URL:\nhttp://127.0.0.1:8687/callback/default/f\naxplus\n", "- Client ID")
	s.Type(enter)
	s.Shows("* Add this host's redirect URL to the\n    redirect URIs of the API client at\n    Fax.Plus, letter for letter.", "  Client ID\n")
	s.Type("nonsense" + enter)
	s.Shows("! must look like APIK-")
	s.Resize(60, 24)
	s.Shows("Redirect URL: http://127.0.0.1:8687/callback/default/faxplus\n", "> nonsense", "Register it at the service, letter for letter.")
	s.Resize(30, 12)
	s.Shows("> nonsense", "! must look like APIK-", "ctrl+c cancel")
	for _, line := range lines(s.Seen()) {
		if len([]rune(line)) > 30 {
			t.Errorf("%q is wider than the window", line)
		}
	}
	s.Type("\x03")
	s.exits(codeInterrupted.exit)
}

func TestFormWithoutColours(t *testing.T) {
	t.Parallel()
	colour := regexp.MustCompile(`\x1b\[[0-9;]*\b(3[0-7]|4[0-7]|9[0-7]|38|48)\b[0-9;:]*m`)
	for _, env := range []string{"", "NO_COLOR=1"} {
		s := world{env: []string{env}}.sitDown(t, "create", "kinds")
		s.Shows("> Short")
		s.Type(enter)
		s.Shows("  Key\n")
		s.Type(enter)
		s.Shows("! is required")
		s.Type("\x03")
		s.exits(codeInterrupted.exit)
		if got := colour.MatchString(s.Written()); got != (env == "") {
			t.Errorf("%q: colours: %v\n%q", env, got, s.Written())
		}
	}
}

func TestFormTakesASecretOfSeveralLines(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(file, []byte("CANARY-7F3A9\nin a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := world{}.sitDown(t, "create", "kinds", "--set", "key=CANARY-7F3A9", "--set", "mode=long", "--set", "note=x", "--set", "on=true",
		"--set", "count=1", "--set", "tags=a", "--set", `headers={"a":"b"}`)
	s.Shows("A notice stands here.", "  PEM\n", "paste it, or type @ and the name of a file")
	s.Paste("-----BEGIN-----\nCANARY-7F3A9\n-----END-----\n")
	s.Shows("lines: 3")
	s.Type(tab)
	s.Shows("✓ PEM: ********", "  At (optional)\n")
	s.Type(back)
	s.Shows("lines: 3")
	s.Type(clearLine + "@" + file + "x" + tab)
	s.Shows("! there is no file of text with that name here")
	s.Type("\x7f" + tab)
	s.Shows("✓ PEM: ********", "  At (optional)\n")
	s.Type(strings.Repeat(enter, 3))
	s.Shows("A notice stands at the end.", "enter save")
	s.Type(enter)
	s.exits(0)
	s.answered(map[string]string{"pem": `{"set":true}`, "key": `{"set":true}`, "count": "1"})
}

func TestFormEdits(t *testing.T) {
	t.Parallel()
	first := world{}.sitDown(t, "create", "halopsa", "--set", "authUrl=https://acme.example/auth", "--set", "resourceUrl=https://acme.example/api",
		"--set", "clientId=me", "--set", "hostingType=onPremise", "--set", "scope=read:tickets")
	first.Shows("  Client secret\n")
	first.Hides("Client ID") // was given
	first.Type("CANARY-7F3A9" + enter + enter)
	first.exits(0)

	s := world{data: first.data}.sitDown(t, "edit", first.shown().ID)
	s.Shows("> On Premise Solution", "✓ Client ID: me", "✓ Client secret: ********", "✓ Scope: read:tickets")
	s.Type(tab)
	s.Shows("> https://acme.example/auth")
	s.Type(clearLine + "https://elsewhere.example/auth" + strings.Repeat(tab, 3))
	s.Shows("set; leave it empty to keep it")
	s.Type(tab)
	s.Shows("> read:tickets")
	s.Type(clearLine + enter)
	s.Shows("enter save", "✓ Scope: all")
	s.Type(enter)

	// The host refuses: at the field, and everything typed is kept.
	s.Shows("! must be entered again", "✓ Authorisation server URL: https://elsewhere.example/auth")
	s.Hides("leave it empty")
	s.Type("CANARY-7F3A9" + tab + tab)
	s.Shows("enter save")
	s.Type(enter)
	s.exits(0)
	s.answered(map[string]string{"authUrl": `"https://elsewhere.example/auth"`, "resourceUrl": `"https://acme.example/api"`,
		"clientId": `"me"`, "clientSecret": `{"set":true}`, "scope": `"all"`})

	// One who gives up changes nothing.
	s = world{data: first.data}.sitDown(t, "edit", first.shown().ID)
	s.Shows("> On Premise Solution")
	s.Type(down + "\x03")
	s.exits(codeInterrupted.exit)
	s.answered(map[string]string{"hostingType": `"onPremise"`})
}

func TestFormSpeaksThePersonsLanguage(t *testing.T) {
	t.Parallel()
	for _, w := range []world{{env: []string{"LC_ALL=zh_CN.UTF-8"}}, {env: []string{"CREDHOST_LANG=de, zh;q=0.5"}}} {
		s := w.sitDown(t, "create", "halopsa")
		s.Shows("托管类型", "> 本地部署解决方案", "客户端密钥")
		s.Type("\x03")
		s.exits(codeInterrupted.exit)
	}
}

// What the host says while the form is drawn would end up amid it.
func TestNothingIsWrittenIntoTheForm(t *testing.T) {
	t.Parallel()
	s := world{}.sitDown(t, "create", "kinds", "--log-level", "debug")
	s.Shows("> Short")
	s.Type(enter + "CANARY-7F3A9" + enter + enter)
	s.exits(0)
	written := s.Written()
	form, after, ok := strings.Cut(written, "A new key file was made")
	if !ok || !strings.Contains(form, "\x1b[?25h") || strings.Contains(after, "\x1b[?25l") {
		t.Errorf("the key was announced while the form was drawn: %q", written)
	}
}

// What the application answers is not asked; the rest is.
func TestFormAsksWhatTheApplicationDoesNot(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	p := &program{in: os.Stdin, out: io.Discard, err: io.Discard, settings: settings{data: data,
		store: filepath.Join(data, "credhost.db"), key: filepath.Join(data, "credhost.key"), lock: filepath.Join(plugins.data, "credhost.lock"),
		plugins: list{plugins.others}, workspace: "default", logLevel: levels["off"]}}
	o, err := p.open(t.Context(), making)
	if err != nil {
		t.Fatal(err)
	}
	app, err := o.ws.Applications().Create(t.Context(), host.New{Type: "homed", Values: sdk.Values{"clientId": "us", "clientSecret": "CANARY-7F3A9"}})
	if err := errors.Join(err, o.Close()); err != nil {
		t.Fatal(err)
	}
	s := world{data: data}.sitDown(t, "create", "homed", "--application", app)
	s.Shows("enter next")
	s.Hides("Client ID", "Client secret")
	s.Type("acme" + enter)
	s.Shows("enter save")
	s.Type(enter)
	s.exits(0)
	if c := s.shown(); c.Application != app {
		t.Errorf("the application is %q, not %q", c.Application, app)
	}

	// Nor when it is edited.
	s = world{data: data}.sitDown(t, "edit", s.shown().ID)
	s.Shows("> acme")
	s.Hides("Client ID", "Client secret")
	s.Type(clearLine + "other" + enter)
	s.Shows("enter save")
	s.Type(enter)
	s.exits(0)
}

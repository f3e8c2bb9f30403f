// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// settingsTable is the table of all settings, as docs/operating.md has it.
func settingsTable() string {
	var b strings.Builder
	for _, serving := range []bool{false, true} {
		b.WriteString("| setting | takes | default | live |\n|---|---|---|---|\n")
		for _, one := range allSettings {
			if one.serving != serving {
				continue
			}
			live := ""
			if one.live {
				live = "yes"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", one.name, strings.ReplaceAll(strings.ReplaceAll(one.help, "`", ""), "|", `\|`), one.preset, live)
		}
		b.WriteString("\n")
	}
	return strings.TrimRight(b.String(), "\n")
}

// The document has every setting, and says of each what help says.
func TestSettingsAreDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	begin, end := "<!-- settings -->\n", "\n<!-- end of settings -->"
	_, rest, _ := strings.Cut(string(doc), begin)
	got, _, ok := strings.Cut(rest, end)
	if want := settingsTable(); !ok || got != want {
		t.Errorf("between %q and %q docs/operating.md must have:\n%s", begin, end, want)
	}
}

// Every setting says what it is, and can be given in every way.
func TestSettingsAreWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, one := range allSettings {
		switch {
		case seen[one.name]:
			t.Errorf("there are two settings %s", one.name)
		case one.help == "" || strings.HasSuffix(one.help, "."):
			t.Errorf("%s: help must be a phrase", one.name)
		case one.define == nil != one.fileOnly:
			t.Errorf("%s can be given in no way, or in two", one.name)
		case one.fills != "" && (find(one.fills) == nil || !find(one.fills).secret):
			t.Errorf("%s fills what is no secret", one.name)
		}
		seen[one.name] = true
	}
}

// What the examples of deployment set is a setting, and can be taken.
func TestDeploymentsAreUnderstood(t *testing.T) {
	named := regexp.MustCompile(`CREDHOST_[A-Z_]+`)
	variables := map[string]bool{}
	for _, one := range allSettings {
		variables[variable(one.name)] = true
	}
	for _, path := range []string{"systemd/credhost.service", "docker/Dockerfile", "docker/compose.yaml"} {
		text, err := os.ReadFile("../../examples/" + path)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range named.FindAllString(string(text), -1) {
			if !variables[name] {
				t.Errorf("%s: there is no setting for %s", path, name)
			}
		}
	}
	text, err := os.ReadFile("../../examples/kubernetes/credhost.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var object struct {
		Data map[string]string `yaml:"data"`
	}
	if err := yaml.Unmarshal(text, &object); err != nil { // the first of them
		t.Fatal(err)
	}
	takes(t, "kubernetes/credhost.yaml", object.Data["credhost.yaml"])
}

// The blocks of YAML in the document are configuration files.
func TestDocumentedFilesAreUnderstood(t *testing.T) {
	doc, err := os.ReadFile("../../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(doc), -1)
	if len(blocks) == 0 {
		t.Fatal("there are none")
	}
	for _, b := range blocks {
		takes(t, "docs/operating.md", b[1])
	}
}

// takes checks that a configuration file can be taken.
func takes(t *testing.T, where, text string) {
	t.Helper()
	entries, err := parseConfig([]byte(text))
	if err != nil || len(entries) == 0 {
		t.Errorf("%s: %v", where, err)
		return
	}
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/oidc.secret", []byte("s"), 0o600); err != nil {
		t.Fatal(err)
	}
	var s settings
	s.from, s.config = map[string]string{}, dir+"/credhost.yaml"
	if err := s.takeEntries(s.all(), entries, true); err != nil {
		t.Errorf("%s: %v", where, err)
	}
}

// Whatever a file holds, it is taken or refused, with a line and no value.
func FuzzConfig(f *testing.F) {
	f.Add("listen: [127.0.0.1:1, '::1']\nworkspace: acme\n")
	f.Add("oidc:\n- id: a\n  rules: [{claim: sub, value: x}]\n")
	f.Add("a: &x [*x]\n<<: {b: c}\n")
	f.Fuzz(func(t *testing.T, text string) {
		entries, err := parseConfig([]byte(text))
		if err == nil {
			s := settings{from: map[string]string{}, config: "/nowhere/credhost.yaml"}
			err = s.takeEntries(s.all(), entries, true)
		}
		if err != nil && !regexp.MustCompile(`^[0-9]+: `).MatchString(err.Error()) {
			t.Errorf("an error without a line: %q", err)
		}
	})
}

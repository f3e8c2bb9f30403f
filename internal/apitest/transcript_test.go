// SPDX-License-Identifier: Apache-2.0

package apitest_test

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/credhost/credhost/internal/ground"
)

// A step is a command of a transcript, and what it prints, where "…" stands for
// anything.
type step struct{ command, output string }

var console = regexp.MustCompile("(?s)```console\n(.*?)```")

// steps reads the transcripts of a page.
func steps(page string) []step {
	var all []step
	for _, block := range console.FindAllStringSubmatch(page, -1) {
		for line := range strings.Lines(block[1]) {
			if command, ok := strings.CutPrefix(line, "$ "); ok {
				all = append(all, step{command: strings.TrimSpace(command)})
			} else {
				all[len(all)-1].output += line
			}
		}
	}
	return all
}

// prints reports whether what was printed is what a transcript says.
func (s step) prints(printed string) bool {
	parts := strings.Split(strings.TrimSpace(s.output), "…")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	return regexp.MustCompile(`(?s)^` + strings.Join(parts, ".*") + `$`).MatchString(strings.TrimSpace(printed))
}

// TestTranscripts runs the transcripts of docs/api.md, in one shell, against a
// host that is served.
func TestTranscripts(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("curl"); err != nil {
		need.Lacks(t, "curl is")
	}
	page, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	all := steps(string(page))
	if len(all) < 10 {
		t.Fatalf("%d commands; want many", len(all))
	}
	url, token, service := serve(t)
	const mark = "--- the next command ---\n"
	var script strings.Builder
	for _, s := range all {
		script.WriteString("printf '%s' '" + mark + "'\n" + s.command + "\n")
	}
	cmd := exec.CommandContext(t.Context(), "sh")
	cmd.Dir, cmd.Stdin = t.TempDir(), strings.NewReader(script.String())
	cmd.Env = slices.Concat(os.Environ(), []string{"CREDHOST=" + url, "KEY=" + token, "ACME=" + service, "ACME_KEY=" + ground.EchoKey, "no_proxy=*"})
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	printed := strings.Split(string(out), mark)[1:]
	if len(printed) != len(all) {
		t.Fatalf("%d commands printed %d times:\n%s", len(all), len(printed), out)
	}
	for i, s := range all {
		if !s.prints(printed[i]) {
			t.Errorf("$ %s\nprints\n%s\nand docs/api.md says\n%s", s.command, printed[i], s.output)
		}
	}
}

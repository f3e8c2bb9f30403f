// SPDX-License-Identifier: Apache-2.0

package formtest_test

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// The validators of the libraries, and Ajv as strict as it can be, agree with
// the table.
func TestValidatorsInJavaScript(t *testing.T) {
	t.Parallel()
	runNode(t, "", "validators.test.mjs")
}

// People fill in what the libraries render under jsdom.
func TestFormsInJSDOM(t *testing.T) {
	t.Parallel()
	runNode(t, "", "jsdom.test.mjs")
}

// People fill in the libraries' forms and the server's own in a browser.
func TestFormsInBrowser(t *testing.T) {
	t.Parallel()
	runNode(t, need.Chromium(t), "browser.test.mjs")
}

// Axe finds nothing wrong with the server's pages, of which make screenshots takes
// pictures.
func TestPagesInBrowser(t *testing.T) {
	t.Parallel()
	runNode(t, need.Chromium(t), "pages.test.mjs")
}

// dist is a folder for the bundled pages, which all tests share.
var (
	dist    string
	bundled sync.Once
)

// runNode bundles the pages of folder node, serves them and the forms, and runs
// tests of that folder. What these print is shown if they fail, or with -v.
func runNode(t *testing.T, chromium string, files ...string) {
	t.Helper()
	need.Node(t)
	need.Packages(t, "node")
	bundled.Do(func() { node(t, append(os.Environ(), "FORMTEST_DIST="+dist), "build.mjs") })
	server := serve(t, newKeeper(t), dist)
	env := append(os.Environ(), "FORMTEST_URL="+server.URL, "FORMTEST_DIST="+dist,
		"FORMTEST_CHROMIUM="+chromium, "FORMTEST_SCREENSHOTS="+os.Getenv("CREDHOST_FORM_SHOTS"), "NODE_ENV=test", "TZ=UTC")
	ran := node(t, env, append([]string{"--test", "--test-reporter=spec"}, files...)...)
	for _, file := range files {
		t.Logf("%s: %s tests ran", file, ran)
	}
	if ran == "" || ran == "0" {
		t.Error("node ran no test")
	}
}

var nodeRan = regexp.MustCompile(`^ℹ pass ([0-9]+)`)

// node runs Node.js in folder node, and returns how many tests passed.
func node(t *testing.T, env []string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", args...)
	cmd.Dir, cmd.Env, cmd.WaitDelay = "node", env, 5*time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ran, said := readLines(out)
	if err := cmd.Wait(); err != nil {
		t.Fatalf("node %s: %v\n%s", strings.Join(args, " "), err, said)
	}
	if testing.Verbose() {
		t.Log(said)
	}
	return ran
}

// readLines reads all of r, and finds the count of tests in it.
func readLines(r io.Reader) (ran, said string) {
	var b strings.Builder
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		b.WriteString(lines.Text() + "\n")
		if m := nodeRan.FindStringSubmatch(lines.Text()); m != nil {
			ran = m[1]
		}
	}
	return ran, b.String()
}

// SPDX-License-Identifier: Apache-2.0

// Package tools finds what tests need besides Go, which the tools.sh of their
// folder gets: browsers, Node.js, and packages of npm. A test that lacks something
// is skipped, loudly; with CREDHOST_NEED_ and the name of what needs it in the
// environment, which make test sets once tools.sh has got it all, it fails.
package tools

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// A Need is what some tests need.
type Need struct {
	Name     string // as in CREDHOST_NEED_NAME
	Untested string // what is not tested without it, as a sentence begins
}

// Lacks ends a test that lacks what.
func (n Need) Lacks(t testing.TB, what string) {
	t.Helper()
	sentence := n.Untested + ": " + what + " missing here; `make tools` gets what it can, and says how to get the rest"
	if os.Getenv("CREDHOST_NEED_"+n.Name) == "1" {
		t.Fatal(sentence)
	}
	t.Skip("SKIPPED: " + sentence)
}

// browsers are the names under which Chromium is found. The first is the same
// engine without the windows that nobody looks at, and takes half of the time.
var browsers = []string{"chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome",
	"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome", "/Applications/Chromium.app/Contents/MacOS/Chromium"}

// Chromium returns the path of a browser: $CREDHOST_CHROMIUM, or the first that
// there is.
func (n Need) Chromium(t testing.TB) string {
	t.Helper()
	if path := os.Getenv("CREDHOST_CHROMIUM"); path != "" {
		return path
	}
	for _, name := range browsers {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	n.Lacks(t, "Chromium is")
	return ""
}

// Node returns the path of Node.js 20 or newer.
func (n Need) Node(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("node")
	if err != nil {
		n.Lacks(t, "Node.js 20 or newer is")
	}
	version, _ := exec.Command(path, "--version").Output()
	major := regexp.MustCompile(`^v([0-9]+)`).FindSubmatch(version)
	if major == nil {
		n.Lacks(t, "Node.js 20 or newer is")
	} else if v, _ := strconv.Atoi(string(major[1])); v < 20 {
		n.Lacks(t, "Node.js 20 or newer (this is "+strings.TrimSpace(string(version))+") is")
	}
	return path
}

// Packages looks for what npm has installed into folders.
func (n Need) Packages(t testing.TB, folders ...string) {
	t.Helper()
	for _, folder := range folders {
		if _, err := os.Stat(filepath.Join(folder, "node_modules", ".package-lock.json")); err != nil {
			n.Lacks(t, "the npm packages of "+filepath.ToSlash(folder)+" are")
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package formtest_test

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// browsers are the names under which Chromium is found.
var browsers = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome",
	"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome", "/Applications/Chromium.app/Contents/MacOS/Chromium"}

// needTools skips a test, loudly, where Node.js, the pinned packages or, if
// browser is set, Chromium are missing; with CREDHOST_NEED_FORMS=1 it fails.
// It returns the path of the browser.
func needTools(t *testing.T, browser bool) string {
	t.Helper()
	chromium := os.Getenv("CREDHOST_CHROMIUM")
	for _, name := range browsers {
		if path, err := exec.LookPath(name); chromium == "" && err == nil {
			chromium = path
		}
	}
	missing := missingTools()
	if browser && chromium == "" {
		missing = append(missing, "Chromium")
	}
	if len(missing) == 0 {
		return chromium
	}
	sentence := "the forms are not tested in the real libraries: " + strings.Join(missing, " and ") +
		" missing here; `make tools` gets what it can, and says how to get the rest"
	if os.Getenv("CREDHOST_NEED_FORMS") == "1" {
		t.Fatal(sentence)
	}
	t.Skip(sentence)
	return ""
}

// missingTools returns what the tests in folder node lack, but for a browser.
func missingTools() []string {
	var missing []string
	version, err := exec.Command("node", "--version").Output()
	major := regexp.MustCompile(`^v([0-9]+)`).FindSubmatch(version)
	if err != nil || major == nil {
		missing = append(missing, "Node.js 20 or newer")
	} else if n, _ := strconv.Atoi(string(major[1])); n < 20 {
		missing = append(missing, "Node.js 20 or newer (this is "+strings.TrimSpace(string(version))+")")
	}
	if _, err := os.Stat("node/node_modules/.package-lock.json"); err != nil {
		missing = append(missing, "the packages of internal/formtest/node")
	}
	return missing
}

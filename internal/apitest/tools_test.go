// SPDX-License-Identifier: Apache-2.0

package apitest_test

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/credhost/credhost/internal/ground"
)

func TestMain(m *testing.M) { ground.Main(m) }

// lacking skips a test, loudly, that cannot run for want of something; with
// CREDHOST_NEED_API=1 it fails.
func lacking(t *testing.T, what string) {
	t.Helper()
	sentence := "no client is made of the OpenAPI document: " + what + " missing here; `make tools` gets what it can, and says how to get the rest"
	if os.Getenv("CREDHOST_NEED_API") == "1" {
		t.Fatal(sentence)
	}
	t.Skip(sentence)
}

// needNode skips a test where Node.js or the pinned packages are missing.
func needNode(t *testing.T) {
	t.Helper()
	version, err := exec.Command("node", "--version").Output()
	major := regexp.MustCompile(`^v([0-9]+)`).FindSubmatch(version)
	if err != nil || major == nil {
		lacking(t, "Node.js 20 or newer")
	} else if n, _ := strconv.Atoi(string(major[1])); n < 20 {
		lacking(t, "Node.js 20 or newer (this is "+strings.TrimSpace(string(version))+")")
	}
	if _, err := os.Stat("node/node_modules/.package-lock.json"); err != nil {
		lacking(t, "the packages of internal/apitest/node")
	}
}

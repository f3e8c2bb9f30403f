// SPDX-License-Identifier: Apache-2.0

//go:build unix

package plugintest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/credhost/credhost/sdk"
)

// A program is tested as it is started by a host: what it does wrong at its
// start and its end is found, and nothing in one that does all right.
func TestPrograms(t *testing.T) {
	path := filepath.Join(t.TempDir(), "program")
	build := exec.Command("go", "build", "-o", path, "./testdata/program")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	suite := func(args ...string) Suite {
		return Suite{Program: append([]string{path}, args...), Answers: map[string]sdk.Values{"key": {"key": "EXAMPLE-key-of-one"}}, Patience: 2 * time.Second}
	}
	Run(t, suite("good"))
	chosen := suite("two")
	chosen.Type = "two"
	Run(t, chosen)
	for fault, want := range map[string]string{
		"silent by hand":  "without CREDHOST_PLUGIN it should say on standard error what it is, and exit with status 2",
		"content by hand": "without CREDHOST_PLUGIN it should say on standard error what it is, and exit with status 2",
		"talkative":       `its first line is "Hello.\n", and should be 1|1|unix|PATH|grpc|`,
		"failing by hand": "exit with status 2",
		"elsewhere":       "it must listen in PLUGIN_UNIX_SOCKET_DIR",
		"stays":           "it did not exit within 2s after its standard input had ended",
		"two":             "it describes 2 types, and none is called \"\": set Suite.Type",
		"ends":            `its first line is "", and should be`,
	} {
		t.Run(fault, func(t *testing.T) {
			var all []string
			s := suite(fault)
			if fault == "talkative" { // package serve keeps a program from being that
				s.Program = []string{"/bin/sh", "-c", "echo Hello.; exec " + path + " good"}
			}
			for _, texts := range record(t, s, "Program") {
				all = append(all, texts...)
			}
			if !strings.Contains(strings.Join(all, "\n"), want) {
				t.Errorf("the suite says %q, want %q", all, want)
			}
		})
	}
	for _, s := range []Suite{{Answers: suite("good").Answers}, {Program: []string{path}}, {Program: []string{path}, New: func() sdk.Plugin { return model{} }, Answers: suite("good").Answers}} {
		if len(record(t, s, "")) == 0 {
			t.Errorf("the suite %+v is run", s)
		}
	}
}

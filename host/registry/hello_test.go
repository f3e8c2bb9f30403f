// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"strings"
	"testing"
)

func TestCheckHello(t *testing.T) {
	for line, want := range map[string]string{
		"1|1|unix|/s|grpc":           "",
		"1|1|unix|/s|grpc|cert|true": "",
		" 1|1|tcp|127.0.0.1:1|grpc ": "",
		"":                           "first line on standard output was \"\"",
		"hello\x1b[2J":               `was "hello·[2J"`,
		"1|1|unix":                   "is not a credhost plugin",
		"2|1|unix|/s|grpc":           `version "2" of go-plugin's handshake`,
		"1|2|unix|/s|grpc":           `version "2" of the plugin protocol`,
		"1|x|unix|/s|grpc":           `version "x" of the plugin protocol`,
		"1|1|unix|/s":                "does not speak gRPC",
		"1|1|unix|/s|netrpc":         "does not speak gRPC",
	} {
		err := checkHello(line)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", line, err, want)
		}
	}
}

func FuzzCheckHello(f *testing.F) {
	f.Add("1|1|unix|/s|grpc")
	f.Fuzz(func(t *testing.T, line string) {
		if err := checkHello(line); err != nil && len(err.Error()) > 400 {
			t.Errorf("a message of %d bytes", len(err.Error()))
		}
	})
}

func TestPrintable(t *testing.T) {
	if got := printable("a\x00b\nü\xff", 100); got != "a·b·ü·" {
		t.Errorf("%q", got)
	}
	if got := printable(strings.Repeat("ü", 50), 5); got != "üü…" {
		t.Errorf("%q", got)
	}
}

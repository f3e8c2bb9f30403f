// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
)

// What is wrong on one system alone, and in a test, is found there.
func TestCheck(t *testing.T) {
	for platform, want := range map[string]string{"linux/arm64": "", "windows/amd64": "syscall.Kill", "darwin": "not a system and a processor"} {
		n, faults, err := check(platform, "./testdata/flawed")
		said := strings.Join(faults, "\n")
		if err != nil {
			said += err.Error()
		}
		if (want == "") != (said == "") || !strings.Contains(said, want) {
			t.Errorf("%s: %q, want %q", platform, said, want)
		}
		if want == "" && n == 0 {
			t.Errorf("%s: nothing was checked", platform)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"strings"
	"testing"
)

const printed = `goos: linux
pkg: github.com/credhost/credhost/host
BenchmarkAuthenticate/by-hand-2    2083928    50.0 ns/op    16 B/op    1 allocs/op
BenchmarkAuthenticate/cached-2     1000000   150.0 ns/op    16 B/op    1 allocs/op
pkg: github.com/credhost/credhost/sdk/serve
BenchmarkSign-2                      10000   100000 bare-ns/call  130000 ns/call  1.3 ratio
PASS
`

func TestReport(t *testing.T) {
	var out bytes.Buffer
	missing := report(&out, parse(strings.NewReader(printed)))
	lines := strings.Split(out.String(), "\n")
	for i, want := range [][]string{
		1: {"150ns", "50ns setting the header by hand", "3.00", " reached"},
		2: {"1 allocations", " reached"},
		3: {"150ns", "100µs", "1/667", " reached"},
		4: {"130µs", "1.30", "NOT REACHED"},
	} {
		for _, w := range want {
			if !strings.Contains(lines[i], w) {
				t.Errorf("line %d is %q, want %q in it", i, lines[i], w)
			}
		}
	}
	if missing != len(table)-4 {
		t.Errorf("%d missing, want %d", missing, len(table)-4)
	}
}

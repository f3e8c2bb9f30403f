// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// figures are what the benchmarks reported.
type figures map[metric]float64

// find returns the value of a metric, and whether it was reported.
func (f figures) find(m metric) (float64, bool) {
	v, ok := f[m]
	return v, ok
}

var procs = regexp.MustCompile(`-[0-9]+$`) // GOMAXPROCS, at the end of a name

// parse reads what go test prints: lines such as
//
//	pkg: github.com/credhost/credhost/host
//	BenchmarkAuthenticate/cached-2  5000000  212.4 ns/op  16 B/op  1 allocs/op
func parse(r io.Reader) figures {
	seen := figures{}
	pkg := ""
	for lines := bufio.NewScanner(r); lines.Scan(); {
		if p, ok := strings.CutPrefix(lines.Text(), "pkg: "); ok {
			pkg = p
			continue
		}
		words := strings.Fields(lines.Text())
		if len(words) < 4 || !strings.HasPrefix(words[0], "Benchmark") {
			continue
		}
		name := procs.ReplaceAllString(strings.TrimPrefix(words[0], "Benchmark"), "")
		for i := 2; i+1 < len(words); i += 2 {
			if v, err := strconv.ParseFloat(words[i], 64); err == nil {
				seen[metric{pkg, name, words[i+1]}] = v
			}
		}
	}
	return seen
}

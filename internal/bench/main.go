// SPDX-License-Identifier: Apache-2.0

// Command bench runs the benchmarks of the module and prints what credhost
// wants to reach, each as a ratio to what it is named against, both measured
// in the same run on the same machine. See docs/performance.md.
//
//	go run ./internal/bench [-benchtime 1s]
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"text/tabwriter"
)

func main() {
	log.SetFlags(0)
	benchtime := flag.String("benchtime", "1s", "how long each benchmark runs, as go test has it")
	verbose := flag.Bool("v", false, "print what go test prints, too")
	flag.Parse()
	out, err := measure(*benchtime)
	if err != nil {
		log.Fatalf("%s\n%v", out, err)
	}
	if *verbose {
		os.Stdout.Write(out)
	}
	seen := parse(bytes.NewReader(out))
	if missing := report(os.Stdout, seen); missing > 0 {
		log.Fatalf("%d figures are missing: a benchmark was renamed or removed", missing)
	}
}

// measure runs the benchmarks that the table needs, a package at a time, so
// that they do not measure each other.
func measure(benchtime string) ([]byte, error) {
	args := []string{"test", "-p", "1", "-run", "^$", "-bench", ".", "-benchmem", "-benchtime", benchtime,
		"./host", "./host/egress", "./host/form", "./host/proxy", "./host/registry", "./host/sealer", "./sdk/serve"}
	cmd := exec.Command("go", args...)
	cmd.Stderr = os.Stderr
	return cmd.Output()
}

// report prints the table and returns how many figures are missing.
func report(w io.Writer, seen figures) (missing int) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "WHAT\tSEEN\tAGAINST\tRATIO\tTO REACH\t")
	for _, row := range table {
		mine, ok := seen.find(row.what)
		against, known := row.base, true
		var base float64
		if row.against != (metric{}) {
			base, known = seen.find(row.against)
			against = fmt.Sprintf("%s %s", row.against.format(base), row.base)
		}
		if !ok || !known {
			fmt.Fprintf(t, "%s\tmissing\t%s\t\t%s\t\n", row.title, row.base, row.reach)
			missing++
			continue
		}
		ratio, verdict := "", "reached"
		switch {
		case base > 50*mine:
			ratio = fmt.Sprintf("1/%.0f", base/mine)
		case base > 0:
			ratio = fmt.Sprintf("%.2f", mine/base)
		}
		if !row.reached(mine, base) {
			verdict = "NOT REACHED"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", row.title, row.what.format(mine), against, ratio, row.reach, verdict)
	}
	t.Flush()
	return missing
}

// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package sandbox

import (
	"slices"
	"syscall"
	"testing"
	"time"
)

// BenchmarkCell makes cells in which nothing is executed, of each level in
// turn, so that all meet the same machine. What a level costs is what it takes
// longer than none, which is the shim alone.
func BenchmarkCell(b *testing.B) {
	took := map[Level][]time.Duration{}
	for b.Loop() {
		for _, level := range []Level{None, Partial, Full} {
			begun := time.Now()
			if err := makeCell(level, b.TempDir()); err != nil {
				b.Skipf("a %s cell: %v", level, err)
			}
			took[level] = append(took[level], time.Since(begun))
		}
	}
	for level, all := range took {
		slices.Sort(all)
		b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, level.String()+"-ms")
	}
	b.ReportMetric(0, "ns/op")
}

func makeCell(level Level, dir string) error {
	c := Cell{Level: level, Sockets: dir}
	cmd, run, err := c.Command()
	if err != nil {
		return err
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = cmd.Start()
	run.Started()
	if err != nil {
		return err
	}
	if run.Folder() != "" {
		run.Go()
	}
	cmd.Wait()
	defer run.Close()
	return run.Failed()
}

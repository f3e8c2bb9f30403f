// SPDX-License-Identifier: Apache-2.0

//go:build unix

package canary_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/credhost/credhost/internal/canary"
)

// searchFolder searches every file below a folder, and the names of all.
func searchFolder(t *testing.T, n *canary.Nest, what, dir string) (leaks []canary.Leak) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return nil // a file that is gone meanwhile
		}
		rel, _ := filepath.Rel(dir, path)
		leaks = append(leaks, n.Search(what+": the name of a file", []byte(rel))...)
		switch {
		case e.Type()&fs.ModeSymlink != 0:
			to, _ := os.Readlink(path)
			leaks = append(leaks, n.Search(what+": the link "+rel, []byte(to))...)
		case e.Type().IsRegular():
			content, _ := os.ReadFile(path)
			leaks = append(leaks, n.Search(what+": "+rel, content)...)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return leaks
}

// processes returns a process and all below it.
func processes(t *testing.T, root int) []int {
	t.Helper()
	if runtime.GOOS != "linux" {
		return nil
	}
	parents := map[int]int{}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		stat, _ := os.ReadFile("/proc/" + e.Name() + "/stat")
		_, rest, _ := strings.Cut(string(stat), ") ")
		var state string
		var parent int
		if n, _ := fmt.Sscan(rest, &state, &parent); n == 2 {
			parents[pid] = parent
		}
	}
	all := []int{root}
	for i := 0; i < len(all); i++ {
		for pid, parent := range parents {
			if parent == all[i] && !slices.Contains(all, pid) {
				all = append(all, pid)
			}
		}
	}
	return all
}

// searchProcess searches what the system shows of a process to root, but for
// its memory, where secrets are at work.
func searchProcess(n *canary.Nest, pid int) (leaks []canary.Leak) {
	proc := fmt.Sprintf("/proc/%d/", pid)
	what := fmt.Sprintf("process %d (%s)", pid, strings.TrimSpace(read(proc+"comm")))
	for _, name := range []string{"cmdline", "environ", "comm", "maps", "mountinfo", "mounts", "status", "stat", "limits", "wchan", "cgroup", "net/unix", "numa_maps", "attr/current"} {
		leaks = append(leaks, n.Search(what+": "+name, []byte(read(proc+name)))...)
	}
	for _, dir := range []string{"fd", "fdinfo", "map_files", "ns", "task"} {
		entries, _ := os.ReadDir(proc + dir)
		for _, e := range entries {
			to, _ := os.Readlink(proc + dir + "/" + e.Name())
			leaks = append(leaks, n.Search(what+": "+dir+"/"+e.Name(), []byte(to))...)
			if dir == "fdinfo" {
				leaks = append(leaks, n.Search(what+": "+dir+"/"+e.Name(), []byte(read(proc+dir+"/"+e.Name())))...)
			}
		}
	}
	for _, name := range []string{"exe", "cwd", "root"} {
		to, _ := os.Readlink(proc + name)
		leaks = append(leaks, n.Search(what+": "+name, []byte(to))...)
	}
	return leaks
}

func read(name string) string {
	b, _ := os.ReadFile(name)
	return string(b)
}

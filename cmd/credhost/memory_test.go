// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestPlainSwap(t *testing.T) {
	t.Parallel()
	const heading = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
	root := t.TempDir()
	for name, text := range map[string]string{
		"sys/block/dm-0/dm/uuid": "CRYPT-PLAIN-swap\n",
		"sys/block/dm-1/dm/uuid": "LVM-abc\n",
	} {
		name = filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(root, "proc"), 0o755); err != nil {
		t.Fatal(err)
	}
	for list, want := range map[string][]string{
		"":      nil,
		heading: nil,
		heading + "/dev/dm-0                               partition\t1\t0\t-2\n":          nil,
		heading + "/dev/zram0                              partition\t1\t0\t100\n":         nil,
		heading + "/dev/dm-1\tpartition\t1\t0\t-2\n/swapfile       file\t\t1\t\t0\t\t-3\n": {"/dev/dm-1", "/swapfile"},
	} {
		if err := os.WriteFile(filepath.Join(root, "proc/swaps"), []byte(list), 0o644); err != nil {
			t.Fatal(err)
		}
		if got := plainSwap(root); !slices.Equal(got, want) {
			t.Errorf("of\n%s%q is open, want %q", list, got, want)
		}
	}
}

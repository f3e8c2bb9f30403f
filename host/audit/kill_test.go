// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/credhost/credhost/host/audit"
	"github.com/credhost/credhost/host/sealer"
	"github.com/credhost/credhost/host/sqlitestore"
)

const (
	childRole   = "CREDHOST_AUDIT_TEST"
	childFolder = "CREDHOST_AUDIT_TEST_FOLDER"
)

// openFolder opens the store and the trail in a folder.
func openFolder(ctx context.Context, folder string) (*audit.Trail, *sqlitestore.Store, error) {
	store, err := sqlitestore.Open(ctx, sqlitestore.Config{Path: filepath.Join(folder, "store")})
	if err != nil {
		return nil, nil, err
	}
	ring, err := sealer.OpenFile(ctx, sealer.FileConfig{Path: filepath.Join(folder, "key"), Create: true, Announce: func(string) {}})
	if err != nil {
		return nil, nil, err
	}
	trail, err := audit.Open(ctx, audit.Config{Store: store, Sealer: sealer.New(ring)})
	return trail, store, err
}

// beChild is a host that records from several callers at once, and says what it
// has recorded, until it is killed.
func beChild(name string) int {
	ctx := context.Background()
	trail, _, err := openFolder(ctx, os.Getenv(childFolder))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	said := make(chan string)
	for c := range 4 {
		go func() {
			for n := 0; ; n++ {
				e := did(n)
				e.Subject = fmt.Sprint(name, "-", c, "-", n)
				if err := trail.Record(ctx, e); err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				said <- e.Subject
			}
		}()
	}
	for one := range said {
		fmt.Println(one)
	}
	return 0
}

// Hosts are killed while they write. What one of them has acknowledged is there,
// and the chain is whole.
func TestKilled(t *testing.T) {
	folder := t.TempDir()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	acknowledged := make(map[string]bool)
	for round := range 3 {
		var all []*exec.Cmd
		var lines []*bufio.Scanner
		for h := range 2 {
			cmd := exec.Command(program)
			cmd.Env = append(os.Environ(), fmt.Sprintf("%s=r%d-h%d", childRole, round, h), childFolder+"="+folder)
			cmd.Stderr = os.Stderr
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			all, lines = append(all, cmd), append(lines, bufio.NewScanner(out))
		}
		for h, cmd := range all {
			for n := 0; lines[h].Scan(); n++ {
				acknowledged[lines[h].Text()] = true
				if n == 40 {
					cmd.Process.Kill() // and its last lines are read all the same
				}
			}
			cmd.Wait()
		}
	}
	trail, store, err := openFolder(t.Context(), folder)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	defer trail.Close()
	r := verify(t, trail, "")
	if r.Altered != nil || r.Entries < uint64(len(acknowledged)) {
		t.Errorf("Verify says %+v, and %d entries were acknowledged", r, len(acknowledged))
	}
	seen := make(map[string]int)
	for after := uint64(0); ; {
		page := list(t, trail, audit.Query{Before: after, Limit: 1000})
		if len(page) == 0 {
			break
		}
		for _, e := range page {
			seen[e.Subject]++
			after = e.Seq
		}
	}
	for one := range acknowledged {
		if seen[strings.TrimSpace(one)] != 1 {
			t.Errorf("%s is there %d times", one, seen[one])
		}
	}
	t.Logf("%d entries, %d acknowledged", r.Entries, len(acknowledged))
}

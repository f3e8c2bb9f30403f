// SPDX-License-Identifier: Apache-2.0

package sqlitestore

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/credhost/credhost/host"
)

// A backup is of one moment, and hosts write on meanwhile.
func TestBackup(t *testing.T) {
	s := newStore(t)
	for i := range 50 {
		if err := s.Create(t.Context(), killRecord(fmt.Sprintf("%02d", i), 1)); err != nil {
			t.Fatal(err)
		}
	}
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() {
		for i := range 50 {
			if err := s.Save(t.Context(), killRecord(fmt.Sprintf("%02d", i), 2), nil); err != nil {
				t.Error(err)
			}
		}
	})
	path := filepath.Join(t.TempDir(), "it's a backup.db")
	if err := s.Backup(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}

	restored := openStore(t, Config{Path: path})
	if err := restored.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if restored.page != pageSize {
		t.Errorf("its pages have %d bytes", restored.page)
	}
	page, err := restored.List(t.Context(), host.Query{Workspace: "acme", Kind: host.KindCredential})
	if err != nil || len(page) != 50 {
		t.Fatalf("%d of 50 records, %v", len(page), err)
	}
	for i, r := range page {
		if string(r.Sealed) != string(killRecord(r.ID, r.Generation).Sealed) {
			t.Errorf("%s is not what was saved", r.ID)
		}
		if i > 0 && r.Generation > page[i-1].Generation {
			t.Error("it is not of one moment")
		}
	}
	if err := restored.Save(t.Context(), killRecord("00", page[0].Generation+1), nil); err != nil {
		t.Error(err)
	}
	if err := s.Backup(t.Context(), path); err == nil || !strings.Contains(err.Error(), "a new file") {
		t.Errorf("over an older one: %v", err)
	}
}

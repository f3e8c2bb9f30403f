// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/credhost/credhost/host/audit"
)

// TestLong adds very many entries and verifies them, with a bounded memory:
// CREDHOST_LONG is how many, and a million if that is no number. Otherwise a few
// thousand show that it can.
func TestLong(t *testing.T) {
	entries := 3000
	if long := os.Getenv("CREDHOST_LONG"); long != "" {
		entries = 1_000_000
		if n, err := strconv.Atoi(long); err == nil && n > 1 {
			entries = n
		}
	}
	trail, store, err := openFolder(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	defer trail.Close()
	start := time.Now()
	failed := make(chan error)
	const callers = 200
	for c := range callers {
		go func() {
			for n := c; n < entries; n += callers {
				e := did(n)
				e.Actor, e.Address, e.Key, e.Request = "key:k-abcdefghijklmnopqrstuvwxyz", "192.0.2.1", "k-abcdefghijklmnopqrstuvwxyz", "r-abcdefghijklmnopqrstuvwxyz"
				if err := trail.Record(t.Context(), e); err != nil {
					failed <- err
					return
				}
			}
			failed <- nil
		}()
	}
	for range callers {
		if err := <-failed; err != nil {
			t.Fatal(err)
		}
	}
	recorded := time.Since(start)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start = time.Now()
	var most uint64
	r, err := trail.Verify(t.Context(), audit.Check{Progress: func(n uint64) {
		if n%100_000 == 0 {
			runtime.ReadMemStats(&after)
			most = max(most, after.HeapInuse)
		}
	}})
	if err != nil || r.Entries != uint64(entries) {
		t.Fatalf("Verify = %+v, %v", r, err)
	}
	t.Logf("%d entries: recorded in %v, verified in %v, with %d MiB of heap", entries, recorded.Round(time.Millisecond), time.Since(start).Round(time.Millisecond), most>>20)
	start = time.Now()
	page, err := trail.List(t.Context(), audit.Query{Workspace: "acme", Credential: "c-7"})
	if err != nil || len(page) != 1 {
		t.Errorf("List = %+v, %v", page, err)
	}
	t.Logf("one credential's found in %v", time.Since(start))
}

// SPDX-License-Identifier: Apache-2.0

package sqlitestore

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/memstore"
	"github.com/credhost/credhost/host/storetest"
)

// TestMain is also the other process of the tests that need one: see child.
func TestMain(m *testing.M) {
	if role := os.Getenv(childRole); role != "" {
		os.Exit(beChild(role))
	}
	goleak.VerifyTestMain(m)
}

func newStore(t testing.TB) *Store {
	t.Helper()
	return openStore(t, Config{Path: filepath.Join(t.TempDir(), "credhost.db")})
}

func openStore(t testing.TB, config Config) *Store {
	t.Helper()
	s, err := Open(context.Background(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestStore(t *testing.T) {
	suite.Run(t)
}

var suite = storetest.Suite{
	Open: func(t testing.TB) host.Store { return newStore(t) },
	Again: func(t testing.TB, s host.Store) host.Store {
		return openStore(t, Config{Path: s.(*Store).Path()})
	},
	Pass: func(t testing.TB, s host.Store, d time.Duration) { s.(*Store).age(t, d) },
}

// age makes all that the store knows older by d. To the store, that is as if
// its clock had moved.
func (s *Store) age(t testing.TB, d time.Duration) {
	t.Helper()
	err := s.write(t.Context(), func(ctx context.Context, tx transaction) error {
		_, err := tx.ExecContext(ctx, `
			UPDATE records SET lease_until = max(0, lease_until - $1);
			UPDATE deletions SET deleted = deleted - $1`, d.Milliseconds())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func BenchmarkStore(b *testing.B) {
	storetest.Benchmark(b, func(t testing.TB) host.Store { return newStore(t) })
}

func get(t testing.TB, s *Store, id string) host.Record {
	t.Helper()
	r, err := s.Get(t.Context(), "acme", id)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// What is simple cannot be wrong in the same way.
func TestAgreesWithMemstore(t *testing.T) {
	var now time.Time
	storetest.Agree(t, suite, storetest.Suite{
		Open: func(testing.TB) host.Store { return &memstore.Store{Now: func() time.Time { return now }} },
		Pass: func(_ testing.TB, _ host.Store, d time.Duration) { now = now.Add(d) },
	})
}

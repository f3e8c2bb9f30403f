// SPDX-License-Identifier: Apache-2.0

package pgstore

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/memstore"
	"github.com/credhost/credhost/host/storetest"
	"github.com/credhost/credhost/internal/postgres"
)

// TestMain is also the other process of the tests that need one: see child.
func TestMain(m *testing.M) {
	if role := os.Getenv(childRole); role != "" {
		os.Exit(beChild(role))
	}
	code := postgres.Main(m)
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func open(t testing.TB, config Config) *Store {
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

func newStore(t testing.TB) *Store {
	t.Helper()
	return open(t, Config{URL: postgres.Shared(t).Database(t)})
}

// suite tests stores that have a schema each in one database. A schema is made
// much faster than a database.
func suite(url string) storetest.Suite {
	var n atomic.Int64
	open := func(t testing.TB, schema string) host.Store {
		return open(t, Config{URL: url + "&pool_max_conns=4", Schema: schema, Wait: 60 * time.Second})
	}
	return storetest.Suite{
		Open:  func(t testing.TB) host.Store { return open(t, fmt.Sprint("s", n.Add(1))) },
		Again: func(t testing.TB, s host.Store) host.Store { return open(t, s.(*Store).schema) },
		Pass:  func(t testing.TB, s host.Store, d time.Duration) { s.(*Store).age(t, d) },
	}
}

// pooled returns a database by way of a PgBouncer in transaction mode, with
// fewer sessions than clients.
func pooled(t *testing.T) string {
	s := postgres.Shared(t)
	return s.Bouncer(t, 3).URL(postgres.Name(s.Database(t)))
}

func TestStore(t *testing.T) { suite(postgres.Shared(t).Database(t)).Run(t) }

func TestStoreBehindAPooler(t *testing.T) { suite(pooled(t)).Run(t) }

// What is simple cannot be wrong in the same way.
func TestAgreesWithMemstore(t *testing.T) {
	var now time.Time
	storetest.Agree(t, suite(postgres.Shared(t).Database(t)), storetest.Suite{
		Open: func(testing.TB) host.Store { return &memstore.Store{Now: func() time.Time { return now }} },
		Pass: func(_ testing.TB, _ host.Store, d time.Duration) { now = now.Add(d) },
	})
}

// age makes all that the store knows older by d. To the store, that is as if
// its clock had moved.
func (s *Store) age(t testing.TB, d time.Duration) {
	t.Helper()
	s.exec(t, `UPDATE credhost.records SET lease_until = lease_until - $1 * interval '1 microsecond'`, d.Microseconds())
	s.exec(t, `UPDATE credhost.deletions SET deleted = deleted - $1 * interval '1 microsecond'`, d.Microseconds())
}

func (s *Store) exec(t testing.TB, sql string, args ...any) {
	t.Helper()
	err := s.try(context.Background(), reading, func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, rename(sql, s.schema), args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// query returns the one value of a query.
func query[T any](t testing.TB, s *Store, sql string, args ...any) (v T) {
	t.Helper()
	if err := s.pool.QueryRow(context.Background(), rename(sql, s.schema), args...).Scan(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func BenchmarkStore(b *testing.B) {
	server := postgres.Start(b, postgres.Config{Durable: true})
	storetest.Benchmark(b, func(t testing.TB) host.Store { return open(t, Config{URL: server.Database(t)}) })
}

func record(id string, generation uint64) host.Record {
	return host.Record{
		Workspace: "acme", ID: id, Kind: host.KindCredential, Type: "halopsa", Generation: generation,
		Sealed: fmt.Appendf(nil, "%s generation %d", id, generation),
	}
}

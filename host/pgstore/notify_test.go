// SPDX-License-Identifier: Apache-2.0

package pgstore

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/internal/postgres"
)

// A follower is another host: it looks for changes when it is told, or when
// the tick says so.
type follower struct {
	deleted chan time.Time
	stop    func()
}

// follow follows s as a host does, with a tick of its own.
func follow(t *testing.T, s *Store, tick time.Duration) *follower {
	t.Helper()
	_, since, err := s.Changes(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	told := make(chan struct{}, 1)
	var all sync.WaitGroup
	all.Go(func() {
		s.Notify(ctx, func() {
			select {
			case told <- struct{}{}:
			default:
			}
		})
	})
	f := &follower{make(chan time.Time, 10), func() { cancel(); all.Wait() }}
	all.Go(func() {
		ticks := time.NewTicker(tick)
		defer ticks.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticks.C:
			case <-told:
			}
			var changes []host.Change
			var err error
			if changes, since, err = s.Changes(ctx, since); err != nil && ctx.Err() == nil {
				t.Error(err)
				return
			}
			for _, c := range changes {
				if c.Generation == 0 {
					f.deleted <- time.Now()
				}
			}
		}
	})
	t.Cleanup(f.stop)
	return f
}

// seesDeletion deletes a record by one store, and returns how long the
// follower needed to see it.
func (f *follower) seesDeletion(t *testing.T, by *Store) time.Duration {
	t.Helper()
	if err := by.Create(t.Context(), record("a", 1)); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	if err := by.Delete(t.Context(), "acme", "a", 0, nil); err != nil {
		t.Fatal(err)
	}
	select {
	case at := <-f.deleted:
		return at.Sub(begin)
	case <-time.After(time.Minute):
		t.Fatal("it was not seen within a minute")
		return 0
	}
}

func listeners(t *testing.T, s *Store) int {
	t.Helper()
	return query[int](t, s, `SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()`)
}

// Told of it, a host sees a deletion at once, long before it would look.
func TestDeletionIsSeenAtOnce(t *testing.T) {
	url := postgres.Shared(t).Database(t)
	s := open(t, Config{URL: url})
	f := follow(t, open(t, Config{URL: url}), time.Hour)
	waitUntil(t, "it listens", func() bool { return listeners(t, s) == 1 })
	for range 3 {
		t.Logf("seen after %v", f.seesDeletion(t, s)) // or after an hour
	}
	f.stop()
	waitUntil(t, "it listens no more", func() bool { return listeners(t, s) == 0 })
}

// Polling each second suffices, behind a pooler, say: there, nobody listens.
func TestDeletionIsSeenByPolling(t *testing.T) {
	server := postgres.Shared(t)
	url := server.Bouncer(t, 2).URL(postgres.Name(server.Database(t)))
	s := open(t, Config{URL: url})
	f := follow(t, open(t, Config{URL: url}), time.Second)
	if took := f.seesDeletion(t, s); took > 2*time.Second {
		t.Errorf("it was seen after %v", took)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	s.Notify(ctx, func() { t.Error("it listens in a session that is anybody's") })
	if ctx.Err() == nil {
		t.Error("it did not wait for its ctx")
	}
}

// A listener whose connection is lost connects again, and has its host look
// for what it missed.
func TestListenerConnectsAgain(t *testing.T) {
	url := postgres.Shared(t).Database(t)
	s := open(t, Config{URL: url})
	f := follow(t, open(t, Config{URL: url}), time.Hour)
	for range 3 {
		waitUntil(t, "it listens", func() bool { return listeners(t, s) == 1 })
		f.seesDeletion(t, s)
		query[bool](t, s, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()`)
		f.seesDeletion(t, s)
	}
}

// A listener ends with its store, too.
func TestListenerEndsWithTheStore(t *testing.T) {
	url := postgres.Shared(t).Database(t)
	s, other := open(t, Config{URL: url}), open(t, Config{URL: url})
	ended := make(chan struct{})
	go func() { other.Notify(context.Background(), func() {}); close(ended) }()
	waitUntil(t, "it listens", func() bool { return listeners(t, s) == 1 })
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	<-ended
}

// A listener that hears nothing for long asks whether the server is there.
func TestListenerAsks(t *testing.T) {
	url := postgres.Shared(t).Database(t)
	s := open(t, Config{URL: url})
	listener := open(t, Config{URL: url})
	listener.quiet = 20 * time.Millisecond
	f := follow(t, listener, time.Hour)
	waitUntil(t, "it asks", func() bool {
		return query[int](t, s, `SELECT count(*) FROM pg_stat_activity WHERE query LIKE '-- ping%' AND datname = current_database()`) == 1
	})
	f.seesDeletion(t, s)
}

// What is due and what has changed is found by an index, and not by looking at
// all records.
func TestIndexesAreUsed(t *testing.T) {
	s := newStore(t)
	s.exec(t, `INSERT INTO credhost.records (workspace, id, kind, type, name, generation, created, updated, due, seq)
		SELECT 'acme', n::text, 'credential', 't', '', 1, 0, 0, CASE WHEN n % 100 = 0 THEN n END, n FROM generate_series(2, 20001) n`)
	s.exec(t, `UPDATE credhost.sequence SET last = 20001`)
	s.exec(t, `ANALYZE credhost.records`)
	for name, q := range map[string]struct {
		sql  string
		args []any
	}{
		"due": {s.sql.due, []any{int64(5000), 10}}, "changes": {s.sql.changes, []any{int64(20000), 1000}},
		"get": {s.sql.get, []any{"acme", "77"}}, "list": {s.sql.list, []any{"acme", "credential", "5", "", int64(1), 100}},
	} {
		rows, err := s.pool.Query(t.Context(), "EXPLAIN "+q.sql, q.args...)
		if err != nil {
			t.Fatal(err)
		}
		plan := ""
		for rows.Next() {
			var line string
			if err := rows.Scan(&line); err != nil {
				t.Fatal(err)
			}
			plan += line + "\n"
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(plan, "Seq Scan on records") {
			t.Errorf("%s looks at all records:\n%s", name, plan)
		}
	}
}

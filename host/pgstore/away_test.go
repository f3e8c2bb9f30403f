// SPDX-License-Identifier: Apache-2.0

package pgstore

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/internal/postgres"
)

// A ledger keeps what writers have acknowledged: the generation of each
// record, or 0 once it was deleted.
type ledger struct {
	mu      sync.Mutex
	known   map[string]uint64
	noted   map[string]bool // what is noted beside it has not been forgotten since
	unsure  map[string]bool // a step was begun and not acknowledged
	entries int
}

func newLedger() *ledger {
	return &ledger{known: map[string]uint64{}, noted: map[string]bool{}, unsure: map[string]bool{}}
}

func (l *ledger) say(what, id string, generation uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch what {
	case "saved":
		l.known[id], l.unsure[id] = generation, false
		if generation > 1 {
			l.noted[id] = false
		}
	case "noted":
		l.noted[id] = true
	case "saving", "deleting":
		l.unsure[id] = true
		return
	case "deleted":
		l.known[id], l.unsure[id] = 0, false
	}
	l.entries++
}

func (l *ledger) check(t *testing.T, s *Store) {
	t.Helper()
	for id, generation := range l.known {
		r, err := s.Get(t.Context(), "acme", id)
		switch {
		case errors.Is(err, host.ErrNotFound):
			if generation > 0 && !l.unsure[id] {
				t.Errorf("%s is missing; generation %d was acknowledged", id, generation)
			}
		case err != nil:
			t.Fatal(err)
		case generation == 0:
			t.Errorf("%s is there; that it was deleted was acknowledged", id)
		case r.Generation < generation, r.Generation > generation && !l.unsure[id]:
			t.Errorf("%s has generation %d, acknowledged was %d", id, r.Generation, generation)
		case string(r.Sealed) != string(record(id, r.Generation).Sealed):
			t.Errorf("%s of generation %d is not what was saved", id, r.Generation)
		case l.noted[id] && !l.unsure[id] && string(r.Intent) != "note of "+id:
			t.Errorf("noted beside %s is %q", id, r.Intent)
		}
	}
}

// Processes that write are killed at any moment, in the middle of a
// transaction too: nothing that was acknowledged is lost, and nobody waits for
// what they held.
func TestNothingAcknowledgedIsLostByKill(t *testing.T) {
	server := postgres.Shared(t)
	at := server.Database(t)
	s := open(t, Config{URL: at})
	pooledURL := server.Bouncer(t, 0).URL(postgres.Name(at))
	l := newLedger()
	for round := range 4 {
		children := []*child{start(t, "write", at), start(t, "write", pooledURL)}
		var reading sync.WaitGroup
		for _, c := range children {
			c.line(t) // it is at work
			reading.Go(func() {
				for c.lines.Scan() {
					var what, id string
					var n uint64
					_, _ = fmt.Sscan(c.lines.Text(), &what, &id, &n)
					l.say(what, id, n)
				}
			})
		}
		time.Sleep(time.Duration(20+40*round) * time.Millisecond)
		holds := start(t, "hold", at)
		holds.line(t)
		for _, c := range children {
			_ = c.Process.Kill()
		}
		_ = holds.Process.Kill()
		reading.Wait()
		if err := s.Create(t.Context(), record(fmt.Sprint("after ", round), 1)); err != nil {
			t.Fatalf("after the kill: %v", err)
		}
		l.check(t, s)
	}
	if l.entries == 0 {
		t.Error("nothing was acknowledged, and this test shows nothing")
	}
	t.Logf("%d acknowledged writes on %d records: none is missing", l.entries, len(l.known))
}

// The server dies and comes back while hosts are at work. Reads wait for it;
// writes that may have happened say so; all goes on with the same store.
func TestServerIsRestarted(t *testing.T) {
	server := postgres.Start(t, postgres.Config{})
	at := server.Database(t)
	s := open(t, Config{URL: at, Wait: 30 * time.Second})
	l := newLedger()
	uncertain := 0
	stop := make(chan struct{})
	var all sync.WaitGroup
	for i := range 3 {
		all.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				id := fmt.Sprintf("%d-%d", i, n)
				err := s.Create(context.Background(), record(id, 1))
				switch {
				case err == nil:
					l.say("saved", id, 1)
				case errors.Is(err, ErrUncertain):
					l.mu.Lock()
					uncertain++
					l.mu.Unlock()
				default:
					t.Errorf("a write: %v", err)
				}
			}
		})
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, _, err := s.Changes(context.Background(), 0); err != nil {
					t.Errorf("a read: %v", err)
				}
			}
		})
	}
	for range 2 {
		time.Sleep(100 * time.Millisecond)
		server.Down(t)
		time.Sleep(50 * time.Millisecond)
		server.Up(t)
	}
	time.Sleep(100 * time.Millisecond)
	close(stop)
	all.Wait()
	l.check(t, s)
	t.Logf("%d writes were acknowledged, %d were uncertain", l.entries, uncertain)
}

// A standby takes over; the URL names both, and the store never asks a
// standby.
func TestFailOver(t *testing.T) {
	primary := postgres.Start(t, postgres.Config{})
	standby := postgres.Start(t, postgres.Config{Of: primary})
	server := func(s *postgres.Server) string {
		u, err := url.Parse(s.URL("postgres"))
		if err != nil {
			t.Fatal(err)
		}
		return u.Query().Get("host")
	}
	at := fmt.Sprintf("postgres:///postgres?user=%s&host=%s,%s", postgres.Superuser, server(standby), server(primary))
	s := open(t, Config{URL: at, Wait: 30 * time.Second})
	if err := s.Create(t.Context(), record("a", 1)); err != nil {
		t.Fatal(err)
	}
	waitUntil(t, "the standby has it", func() bool {
		return standby.SQL(t, "postgres", "SELECT to_regclass('credhost.records') IS NOT NULL") == "t" &&
			standby.SQL(t, "postgres", "SELECT count(*) FROM credhost.records") == "1"
	})
	refuses(t, Config{URL: standby.URL("postgres")}, "", "takes no writes", "promote a standby")
	primary.Down(t)
	done := make(chan error, 1)
	go func() {
		_, err := s.Get(context.Background(), "acme", "a") // waits for the new primary
		done <- err
	}()
	time.Sleep(100 * time.Millisecond)
	standby.Promote(t)
	if err := <-done; err != nil {
		t.Errorf("a read: %v", err)
	}
	if err := s.Save(t.Context(), record("a", 2), nil); err != nil {
		t.Errorf("a write: %v", err)
	}
}

// A primary is made read-only under its connections, as by a fail-over behind
// a name: what was refused has not happened, and is asked again.
func TestServerIsReadOnlyForAWhile(t *testing.T) {
	server := postgres.Shared(t)
	at := server.Database(t)
	name := postgres.Name(at)
	s := open(t, Config{URL: at + "&pool_max_conns=1", Wait: 20 * time.Second})
	hasty := open(t, Config{URL: at + "&pool_max_conns=1", Wait: 2 * time.Second})
	if err := s.Create(t.Context(), record("a", 1)); err != nil {
		t.Fatal(err)
	}
	// New connections are read-only, and the old ones are made so.
	server.SQL(t, "postgres", "ALTER DATABASE "+name+" SET default_transaction_read_only = on")
	for _, s := range []*Store{s, hasty} {
		s.exec(t, "SET default_transaction_read_only = on")
	}
	wantError(t, hasty.Save(t.Context(), record("a", 2), nil), hasty.Name(), "takes no writes")
	done := make(chan error, 1)
	go func() { done <- s.Save(context.Background(), record("a", 2), nil) }()
	time.Sleep(100 * time.Millisecond)
	server.SQL(t, "postgres", "ALTER DATABASE "+name+" RESET default_transaction_read_only")
	if err := <-done; err != nil {
		t.Error(err)
	}
	if r, err := s.Get(t.Context(), "acme", "a"); err != nil || r.Generation != 2 {
		t.Errorf("the record is %v, %v", r, err)
	}
}

// The connection of a write breaks before its answer: it is not repeated, and
// is no conflict.
func TestWritesThatAreUncertain(t *testing.T) {
	server := postgres.Shared(t)
	s := open(t, Config{URL: server.Database(t)})
	if err := s.Create(t.Context(), record("a", 1)); err != nil {
		t.Fatal(err)
	}
	tx, err := s.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.Background()) }()
	if _, err := tx.Exec(t.Context(), "UPDATE credhost.sequence SET last = last"); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Save(context.Background(), record("a", 2), nil) }()
	const waiting = `FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`
	waitUntil(t, "the write waits", func() bool { return query[int](t, s, `SELECT count(*) `+waiting) == 1 })
	query[bool](t, s, `SELECT pg_terminate_backend(pid) `+waiting)
	err = <-done
	if !errors.Is(err, ErrUncertain) || errors.Is(err, host.ErrConflict) || !strings.Contains(err.Error(), "look again") {
		t.Errorf("the error is %v", err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Save(t.Context(), record("a", 2), nil); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

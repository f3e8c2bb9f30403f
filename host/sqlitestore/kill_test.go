// SPDX-License-Identifier: Apache-2.0

package sqlitestore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
)

// writeUntilKilled does what hosts do, and says of each step that it begins,
// and that it was acknowledged:
//
//	begin ID
//	saved ID GENERATION [EPOCH OF THE LEASE THAT ENDED]
//	leased ID EPOCH
//	unleased ID EPOCH
//	deleted ID
func writeUntilKilled(path string) error {
	ctx := context.Background()
	s, err := Open(ctx, Config{Path: path})
	if err != nil {
		return err
	}
	w := writer{s, fmt.Sprint(os.Getpid())}
	for n := 0; ; n++ {
		if err := w.live(ctx, fmt.Sprintf("%s-%d", w.owner, n)); err != nil {
			return err
		}
		if err := w.renew(ctx, "shared"); err != nil && !errors.Is(err, host.ErrLeased) {
			return err
		}
	}
}

type writer struct {
	*Store
	owner string
}

func say(args ...any) { fmt.Println(args...) }

// live takes a record through its life, or a part of it.
func (w writer) live(ctx context.Context, id string) error {
	r := killRecord(id, 1)
	say("begin", id)
	if err := w.Create(ctx, r); err != nil {
		return err
	}
	say("saved", id, 1)
	for range rand.IntN(4) {
		if err := w.renew(ctx, id); err != nil {
			return err
		}
	}
	switch rand.IntN(3) {
	case 0:
		say("begin", id)
		if err := w.Delete(ctx, r.Workspace, id, 0, nil); err != nil {
			return err
		}
		say("deleted", id)
	case 1:
		say("begin", id)
		l, err := w.Lease(ctx, r.Workspace, id, w.owner, time.Hour)
		if err != nil {
			return err
		}
		say("leased", id, l.Epoch)
	}
	return nil
}

// renew saves the next generation, as the holder of a lease.
func (w writer) renew(ctx context.Context, id string) error {
	say("begin", id)
	l, err := w.Lease(ctx, "acme", id, w.owner, time.Hour)
	if err != nil {
		return err
	}
	say("leased", id, l.Epoch)
	r, err := w.Get(ctx, "acme", id)
	if err != nil {
		return err
	}
	if rand.IntN(5) == 0 {
		say("begin", id)
		if err := w.Unlease(ctx, l); err != nil {
			return err
		}
		say("unleased", id, l.Epoch)
		return nil
	}
	say("begin", id)
	if err := w.Save(ctx, killRecord(id, r.Generation+1), &l); err != nil {
		return err
	}
	say("saved", id, r.Generation+1, l.Epoch)
	return nil
}

// killRecord returns the record that a child writes; its content follows from
// its name and generation.
func killRecord(id string, generation uint64) host.Record {
	text := fmt.Sprintf("%s generation %d ", id, generation)
	size := len(id) * int(generation%7) * 300
	return host.Record{
		Workspace: "acme", ID: id, Kind: host.KindCredential, Type: "halopsa", Generation: generation,
		Sealed: []byte(strings.Repeat(text, 1+size/len(text))),
	}
}

// What is known of a record that children write.
type known struct {
	generation uint64
	epoch      uint64 // of the newest lease
	ended      uint64 // epoch of the newest lease that has ended
	deleted    bool
	unsure     int // steps that were begun and not acknowledged
}

// A ledger keeps what children have acknowledged.
type ledger struct {
	mu           sync.Mutex
	records      map[string]*known
	acknowledged int
}

// read reads what a child says, from the line that is read already, until it
// is dead. What two children say of one record may come in any order.
func (l *ledger) read(c *child) {
	unsure := ""
	for more := true; more; more = c.lines.Scan() {
		var what, id string
		var n, epoch uint64
		_, _ = fmt.Sscan(c.lines.Text(), &what, &id, &n, &epoch)
		l.mu.Lock()
		k := l.records[id]
		if k == nil {
			k = new(known)
			l.records[id] = k
		}
		if what == "begin" {
			unsure = id
		} else {
			unsure = ""
			l.acknowledged++
		}
		switch what {
		case "saved":
			k.generation, k.ended = max(k.generation, n), max(k.ended, epoch)
		case "leased":
			k.epoch = max(k.epoch, n)
		case "unleased":
			k.ended = max(k.ended, n)
		case "deleted":
			k.deleted = true
		}
		l.mu.Unlock()
	}
	if unsure != "" {
		l.mu.Lock()
		l.records[unsure].unsure++
		l.mu.Unlock()
	}
}

// check compares the store with what was acknowledged.
func (l *ledger) check(t *testing.T, s *Store) {
	t.Helper()
	for id, k := range l.records {
		r, err := s.Get(t.Context(), "acme", id)
		switch {
		case errors.Is(err, host.ErrNotFound):
			if !k.deleted && k.generation > 0 && k.unsure == 0 {
				t.Errorf("%s is missing; generation %d was acknowledged", id, k.generation)
			}
			continue
		case err != nil:
			t.Fatal(err)
		case k.deleted:
			t.Errorf("%s is there; that it was deleted was acknowledged", id)
		case r.Generation < k.generation, r.Generation > k.generation+uint64(k.unsure):
			t.Errorf("%s has generation %d; %d was acknowledged, and %d steps were not", id, r.Generation, k.generation, k.unsure)
		case string(r.Sealed) != string(killRecord(id, r.Generation).Sealed):
			t.Errorf("%s of generation %d is not what was saved", id, r.Generation)
		}
		l.checkLease(t, s, id, k)
	}
}

func (l *ledger) checkLease(t *testing.T, s *Store, id string, k *known) {
	t.Helper()
	lease, err := s.Lease(t.Context(), "acme", id, "the test", time.Hour)
	switch {
	case err != nil && !errors.Is(err, host.ErrLeased):
		t.Fatal(err)
	case k.unsure > 0:
	case k.epoch > k.ended && err == nil:
		t.Errorf("%s could be leased; it was leased already", id)
	case k.epoch <= k.ended && err != nil:
		t.Errorf("%s could not be leased, and nobody has a lease", id)
	}
	if err == nil && lease.Epoch <= k.epoch {
		t.Errorf("%s has the epoch %d, after %d", id, lease.Epoch, k.epoch)
	}
}

// Two processes write to one file and are killed at a random moment, round by
// round. In every other round this process has the file open meanwhile.
func TestNothingAcknowledgedIsLostByKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "credhost.db")
	first := openStore(t, Config{Path: path})
	if err := first.Create(t.Context(), killRecord("shared", 1)); err != nil {
		t.Fatal(err)
	}
	shared := &known{generation: 1}
	rounds, acknowledged, records := 0, 0, 0
	for begin := time.Now(); rounds < 4 || time.Since(begin) < 4*time.Second; rounds++ {
		if rounds%2 == 0 {
			if err := first.Close(); err != nil {
				t.Fatal(err)
			}
		}
		l := killRound(t, path, shared)
		s := openStore(t, Config{Path: path})
		if err := s.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
		l.check(t, s)
		s.age(t, 2*time.Hour) // ends the leases of the dead
		shared = &known{generation: get(t, s, "shared").Generation}
		acknowledged, records, first = acknowledged+l.acknowledged, records+len(l.records), s
		if t.Failed() {
			return
		}
	}
	t.Logf("%d rounds, %d processes killed, %d records, %d acknowledged writes: none is missing, all integrity checks are ok",
		rounds, 2*rounds, records, acknowledged)
}

func killRound(t *testing.T, path string, shared *known) *ledger {
	t.Helper()
	l := &ledger{records: map[string]*known{"shared": shared}}
	children := []*child{start(t, "write", path), start(t, "write", path)}
	var reading sync.WaitGroup
	for _, c := range children {
		c.line(t) // it is at work
		reading.Go(func() { l.read(c) })
	}
	time.Sleep(time.Duration(rand.IntN(60_000)) * time.Microsecond)
	for _, c := range children {
		_ = c.Process.Kill()
	}
	reading.Wait()
	return l
}

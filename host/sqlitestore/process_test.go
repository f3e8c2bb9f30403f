// SPDX-License-Identifier: Apache-2.0

package sqlitestore

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
)

// echoRecords follows the store, and answers each ping with a pong.
func echoRecords(path string) error {
	ctx, cancel := context.WithCancel(context.Background())
	go func() { untilAsked(); cancel() }()
	s, err := Open(ctx, Config{Path: path})
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	_, since, err := s.Changes(ctx, 0)
	say("follows")
	for err == nil {
		var changes []host.Change
		changes, since, err = s.Changes(ctx, since)
		for _, c := range changes {
			if number, ok := strings.CutPrefix(c.ID, "ping-"); ok && err == nil {
				err = pong(ctx, s, c, number)
			}
		}
		time.Sleep(time.Millisecond)
	}
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

func pong(ctx context.Context, s *Store, c host.Change, number string) error {
	if c.Generation == 0 {
		return s.Delete(ctx, c.Workspace, "pong-"+number, 0, nil)
	}
	r, err := s.Get(ctx, c.Workspace, c.ID)
	if err != nil {
		return err
	}
	r.ID = "pong-" + number
	return s.Create(ctx, r)
}

func TestProcessesSeeEachOther(t *testing.T) {
	s := newStore(t)
	c := start(t, "echo", s.Path())
	c.line(t)
	_, since, err := s.Changes(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	// waitFor follows the store until the record has the generation.
	waitFor := func(id string, generation uint64) {
		t.Helper()
		for ctx, begin := t.Context(), time.Now(); ; time.Sleep(time.Millisecond) {
			var changes []host.Change
			changes, since, err = s.Changes(ctx, since)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range changes {
				if c.ID == id && c.Generation == generation {
					return
				}
			}
			if time.Since(begin) > 10*time.Second {
				t.Fatalf("%s of generation %d never came", id, generation)
			}
		}
	}
	for i := range 10 {
		ping := killRecord(fmt.Sprintf("ping-%d", i), 1)
		if err := s.Create(t.Context(), ping); err != nil {
			t.Fatal(err)
		}
		pong := fmt.Sprintf("pong-%d", i)
		waitFor(pong, 1)
		if got := get(t, s, pong); string(got.Sealed) != string(ping.Sealed) {
			t.Fatalf("the other process saw %q", got.Sealed)
		}
		if err := s.Delete(t.Context(), "acme", ping.ID, 0, nil); err != nil {
			t.Fatal(err)
		}
		waitFor(pong, 0)
	}
	c.end(t)
}

// Many processes may be the first.
func TestProcessesOpenANewFileAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "credhost.db")
	var children []*child
	for range 4 {
		children = append(children, start(t, "echo", path))
	}
	s := openStore(t, Config{Path: path})
	for _, c := range children {
		c.line(t)
		c.end(t)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestLockedForTooLong(t *testing.T) {
	path := newStore(t).Path()
	s := openStore(t, Config{Path: path, Wait: 100 * time.Millisecond})
	c := start(t, "lock", path)
	c.line(t)

	err := s.Create(t.Context(), killRecord("a", 1))
	wantError(t, err, path, "locked by another process for 100ms", "try again")
	if _, err := s.Get(t.Context(), "acme", "a"); !errors.Is(err, host.ErrNotFound) {
		t.Errorf("a reader met the lock of a writer: %v", err)
	}

	patient := openStore(t, Config{Path: path})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	begin := time.Now()
	if err := patient.Create(ctx, killRecord("a", 1)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the error is %v, want that the ctx has ended", err)
	}
	if took := time.Since(begin); took > patient.wait/2 {
		t.Errorf("the end of the ctx was noticed after %v", took)
	}

	done := make(chan error)
	go func() { done <- patient.Create(context.Background(), killRecord("a", 1)) }()
	c.end(t)
	if err := <-done; err != nil {
		t.Errorf("the lock was released, and yet: %v", err)
	}
}

// A reader in another process keeps the log; what is deleted is erased after.
func TestDeleteErasesAfterAReader(t *testing.T) {
	s := newStore(t)
	records := make(map[int]host.Record)
	for i := range 3 {
		r := newCanary(i, 5000)
		if err := s.Create(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	c := start(t, "read", s.Path())
	c.line(t)
	for i := range 3 {
		if err := s.Delete(t.Context(), "acme", newCanary(i, 0).ID, 0, nil); err != nil {
			t.Fatal(err)
		}
	}
	if len(left(t, s, records)) == 0 {
		t.Fatal("nothing is left: the reader did not keep the log, and this test shows nothing")
	}
	c.end(t)
	if _, _, err := s.Changes(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if lines := left(t, s, records); len(lines) > 0 {
		t.Errorf("left are\n%s", strings.Join(lines, "\n"))
	}
}

// A process that is killed between a deletion and its erasure leaves it to the
// next that opens the file.
func TestOpenErases(t *testing.T) {
	s := newStore(t)
	if err := s.Create(t.Context(), newCanary(1, 5000)); err != nil {
		t.Fatal(err)
	}
	s.erased.Store(s.deletions.Load() + 1) // as if the deletion was erased already
	if err := s.Delete(t.Context(), "acme", newCanary(1, 0).ID, 0, nil); err != nil {
		t.Fatal(err)
	}
	if len(left(t, s, nil)) == 0 {
		t.Fatal("nothing is left, and this test shows nothing")
	}
	openStore(t, Config{Path: s.Path()})
	if lines := left(t, s, nil); len(lines) > 0 {
		t.Errorf("left are\n%s", strings.Join(lines, "\n"))
	}
}

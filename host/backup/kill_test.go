// SPDX-License-Identifier: Apache-2.0

package backup_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/audit"
	"github.com/credhost/credhost/host/backup"
	"github.com/credhost/credhost/host/pgstore"
	"github.com/credhost/credhost/host/sealer"
	"github.com/credhost/credhost/host/sqlitestore"
	"github.com/credhost/credhost/internal/postgres"
)

// TestMain is also the other process of the tests that need one to kill.
func TestMain(m *testing.M) {
	if role := os.Getenv("CREDHOST_BACKUP_TEST"); role != "" {
		err := roles[role](context.Background(), os.Getenv("CREDHOST_BACKUP_TEST_STORE"), os.Getenv("CREDHOST_BACKUP_TEST_FOLDER"))
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(postgres.Main(m))
}

// roles are what another process can be asked for.
var roles = map[string]func(ctx context.Context, store, folder string) error{
	"rotate": func(ctx context.Context, at, folder string) error {
		store, ring, err := openAt(ctx, at, folder)
		if err != nil {
			return err
		}
		_, err = host.Rewrap(ctx, store, sealer.New(ring), nil)
		return err
	},
	"restore": func(ctx context.Context, at, folder string) error {
		store, ring, err := openAt(ctx, at, folder)
		if err != nil {
			return err
		}
		text, err := os.ReadFile(filepath.Join(folder, "identity"))
		if err != nil {
			return err
		}
		me, err := age.ParseIdentities(bytes.NewReader(text))
		if err != nil {
			return err
		}
		f := backup.From{Open: func() (io.ReadCloser, error) { return os.Open(filepath.Join(folder, "backup")) }, Identities: me}
		_, err = f.Restore(ctx, store, sealer.New(ring), true)
		return err
	},
}

// openAt opens a store, by its URL or its path, with the key file in a folder.
func openAt(ctx context.Context, at, folder string) (store host.WholeStore, ring *sealer.Keyring, err error) {
	ring, err = sealer.OpenFile(ctx, sealer.FileConfig{Path: filepath.Join(folder, "key"), Create: true, Announce: func(string) {}})
	if err != nil {
		return nil, nil, err
	}
	if strings.HasPrefix(at, "postgres") {
		store, err = pgstore.Open(ctx, pgstore.Config{URL: at})
	} else {
		store, err = sqlitestore.Open(ctx, sqlitestore.Config{Path: at})
	}
	return store, ring, err
}

// start starts another process.
func start(t *testing.T, role, at, folder string) *exec.Cmd {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), "CREDHOST_BACKUP_TEST="+role, "CREDHOST_BACKUP_TEST_STORE="+at, "CREDHOST_BACKUP_TEST_FOLDER="+folder)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return cmd
}

// onBoth runs a test with a store in a file and in a database.
func onBoth(t *testing.T, test func(t *testing.T, at string)) {
	t.Run("SQLite", func(t *testing.T) { test(t, filepath.Join(t.TempDir(), "store")) })
	t.Run("PostgreSQL", func(t *testing.T) { test(t, postgres.Shared(t).Database(t)) })
}

// inUse opens a store, and fills it.
func inUse(t *testing.T, at, folder string, records int) (*place, *sealer.Keyring) {
	t.Helper()
	store, ring, err := openAt(t.Context(), at, folder)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	p := &place{store: store, sealer: sealer.New(ring)}
	p.shelf = host.EarlyShelf(host.Config{Store: store, Sealer: p.sealer}, "note")
	if p.trail, err = audit.Open(t.Context(), audit.Config{Store: store, Sealer: p.sealer}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.trail.Close() })
	for n := range records {
		if _, err := p.shelf.Create(t.Context(), host.Item{Workspace: "acme", ID: fmt.Sprintf("n-%04d", n)}, n); err != nil {
			t.Fatal(err)
		}
	}
	return p, ring
}

// A rotation is killed again and again, while a host uses the store, and goes on
// each time where it was. In the end nothing needs the old key.
func TestRotationKilled(t *testing.T) {
	onBoth(t, func(t *testing.T, at string) {
		const records = 200
		folder := t.TempDir()
		p, ring := inUse(t, at, folder, records)
		old, err := ring.KeyID(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		stop, stopped := make(chan struct{}), make(chan error)
		go func() { stopped <- p.work(stop, records) }()
		other, err := sealer.OpenFile(t.Context(), sealer.FileConfig{Path: filepath.Join(folder, "key"), Announce: func(string) {}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := other.Rotate(t.Context()); err != nil {
			t.Fatal(err)
		}
		kills := 0
		for range 60 {
			cmd := start(t, "rotate", at, folder)
			timer := time.AfterFunc(30*time.Millisecond+rand.N(time.Duration(kills+1)*40*time.Millisecond), func() { cmd.Process.Kill() })
			err := cmd.Wait()
			timer.Stop()
			if err == nil {
				break
			}
			if cmd.ProcessState.ExitCode() >= 0 {
				t.Fatal(err)
			}
			kills++
		}
		close(stop)
		if err := <-stopped; err != nil {
			t.Fatalf("the host that used the store meanwhile: %v", err)
		}
		t.Logf("killed %d times", kills)
		if kills == 0 {
			t.Error("it was never killed")
		}
		p.onlyNew(t, other, old, records)
	})
}

// work saves one item after the other, until stop is closed, and looks whether
// each is as it left it.
func (p *place) work(stop <-chan struct{}, records int) error {
	ctx, left := context.Background(), make(map[string]int)
	for n := 1000; ; n++ {
		select {
		case <-stop:
			return nil
		case <-time.After(time.Millisecond):
		}
		id := fmt.Sprintf("n-%04d", rand.N(records))
		var v int
		item, err := p.shelf.Get(ctx, "acme", id, &v)
		if err != nil {
			return err
		}
		if was, ok := left[id]; ok && v != was {
			return fmt.Errorf("%s holds %d, not %d", id, v, was)
		}
		if _, err := p.shelf.Save(ctx, item, n); err != nil {
			return err
		}
		left[id] = n
	}
}

// onlyNew fails unless everything can be opened without the old key.
func (p *place) onlyNew(t *testing.T, ring *sealer.Keyring, old string, records int) {
	t.Helper()
	needed, err := host.KeysInUse(t.Context(), p.store, sealer.KeyID)
	if err != nil || needed[old] > 0 || len(needed) != 1 {
		t.Fatalf("the keys are needed by %v, %v", needed, err)
	}
	if err := ring.Remove(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	n := 0
	recs, _ := all(t, p.store)
	for _, rec := range recs {
		if err := host.CheckOpens(t.Context(), p.sealer, rec); err != nil {
			t.Errorf("%s: %v", rec.ID, err)
		}
		n++
	}
	if n != records+1 { // and the trail's key
		t.Errorf("there are %d records", n)
	}
	if err := p.trail.Record(t.Context(), host.Event{Action: "test"}); err != nil {
		t.Error(err)
	}
	if _, err := p.trail.Verify(t.Context(), audit.Check{}); err != nil {
		t.Error(err)
	}
}

// A restoration is killed at any moment: the store holds what it held before, or
// all of the backup.
func TestRestorationKilled(t *testing.T) {
	onBoth(t, func(t *testing.T, at string) {
		const before, after = 150, 40
		folder := t.TempDir()
		p, _ := inUse(t, at, folder, before)
		text, me, _ := p.write(t)
		for name, data := range map[string][]byte{"backup": text, "identity": []byte(me.String())} {
			if err := os.WriteFile(filepath.Join(folder, name), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for n := after; n < before; n++ {
			if err := p.store.Delete(t.Context(), "acme", fmt.Sprintf("n-%04d", n), 0, nil); err != nil {
				t.Fatal(err)
			}
		}
		_, followed, err := p.store.Changes(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		killed := 0
		for try := range 60 {
			cmd := start(t, "restore", at, folder)
			timer := time.AfterFunc(rand.N(time.Duration(try+1)*15*time.Millisecond), func() { cmd.Process.Kill() })
			err := cmd.Wait()
			timer.Stop()
			records, _ := all(t, p.store)
			if err == nil {
				if len(records) != before+1 {
					t.Errorf("after it was restored, the store holds %d records, want %d", len(records), before+1)
				}
				break
			}
			if cmd.ProcessState.ExitCode() >= 0 {
				t.Fatal(err)
			}
			killed++
			if len(records) != after+1 && len(records) != before+1 {
				t.Fatalf("killed, it leaves %d records, neither %d nor %d", len(records), after+1, before+1)
			}
		}
		t.Logf("killed %d times", killed)
		if killed == 0 {
			t.Error("it was never killed")
		}
		if _, _, err := p.store.Changes(t.Context(), followed); !errors.Is(err, host.ErrBehind) {
			t.Errorf("who has followed the changes is told %v", err)
		}
	})
}

// From a file to a database and back.
func TestMove(t *testing.T) {
	folder := t.TempDir()
	p, _ := inUse(t, filepath.Join(folder, "store"), folder, 30)
	want, _ := all(t, p.store)
	for _, at := range []string{postgres.Shared(t).Database(t), filepath.Join(folder, "other")} {
		text, me, _ := p.write(t)
		store, _, err := openAt(t.Context(), at, folder)
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		if _, err := from(text, me).Restore(t.Context(), store, p.sealer, false); err != nil {
			t.Fatal(err)
		}
		got, _ := all(t, store)
		for i := range want {
			if want[i].ID != got[i].ID || !bytes.Equal(want[i].Sealed, got[i].Sealed) || !want[i].Updated.Equal(got[i].Updated) {
				t.Errorf("%s is another", want[i].ID)
			}
		}
		p.store = store
		if p.trail, err = audit.Open(t.Context(), audit.Config{Store: store, Sealer: p.sealer}); err != nil {
			t.Fatal(err)
		}
		defer p.trail.Close()
	}
	if r, err := p.trail.Verify(t.Context(), audit.Check{}); err != nil || r.Entries < 2 {
		t.Errorf("Verify = %+v, %v", r, err)
	}
}

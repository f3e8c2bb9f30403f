// SPDX-License-Identifier: Apache-2.0

package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/internal/sqlrow"
)

// wantError fails unless the error names the file and says all parts.
func wantError(t *testing.T, err error, path string, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; want one that says %q", parts)
	}
	for _, part := range append(parts, path) {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error does not say %q:\n%v", part, err)
		}
	}
}

func refused(t *testing.T, path string, parts ...string) {
	t.Helper()
	s, err := Open(t.Context(), Config{Path: path, Wait: 100 * time.Millisecond})
	if err == nil {
		_ = s.Close()
	}
	wantError(t, err, path, parts...)
}

func TestFilesArePrivate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("SKIPPED: files on Windows have no permission bits")
	}
	dir := filepath.Join(t.TempDir(), "data")
	s := openStore(t, Config{Path: filepath.Join(dir, "credhost.db")})
	if err := s.Create(t.Context(), killRecord("a", 1)); err != nil {
		t.Fatal(err)
	}
	got := make(map[string]string)
	for _, name := range []string{"", "credhost.db", "credhost.db-wal", "credhost.db-shm"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		got[name] = info.Mode().String()
	}
	want := map[string]string{
		"": "drwx------", "credhost.db": "-rw-------", "credhost.db-wal": "-rw-------", "credhost.db-shm": "-rw-------",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("permissions (-want +got):\n%s", diff)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("after Close the folder has %v, want credhost.db alone", entries)
	}
}

func TestConnectionsAreSet(t *testing.T) {
	s := newStore(t)
	want := map[string]string{
		"journal_mode": "wal", "synchronous": "2", "fullfsync": "1", "checkpoint_fullfsync": "1", "secure_delete": "1",
		"temp_store": "2", "page_size": "1024", "application_id": "1668441444", "user_version": fmt.Sprint(len(migrations())),
		"query_only": "0", "trusted_schema": "0",
	}
	got := make(map[string]string)
	for name := range want {
		var value string
		if err := s.writer.QueryRow("PRAGMA " + name).Scan(&value); err != nil {
			t.Fatal(err)
		}
		got[name] = value
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("settings of the writer (-want +got):\n%s", diff)
	}
	if _, err := s.readers.Exec("DELETE FROM records"); err == nil {
		t.Error("a reader can write")
	}
}

// Any path that the system takes will do.
func TestPathsAreTakenAsTheyAre(t *testing.T) {
	for _, name := range []string{"with space.db", "100%.db", "%41.db", "a#b.db", "a&b=c;d.db", "é☃.db", "noextension"} {
		path := filepath.Join(t.TempDir(), name)
		s := openStore(t, Config{Path: path})
		if err := s.Create(t.Context(), killRecord("a", 1)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(path); err != nil || s.Path() != path {
			t.Errorf("%s: %v; the path is %s", name, err, s.Path())
		}
	}
	if runtime.GOOS != "windows" {
		openStore(t, Config{Path: filepath.Join(t.TempDir(), `what?mode=memory\.db`)})
	}
	t.Chdir(t.TempDir())
	s := openStore(t, Config{Path: "relative.db"})
	if !filepath.IsAbs(s.Path()) {
		t.Errorf("the path is %s", s.Path())
	}
}

func TestPathsThatAreRefused(t *testing.T) {
	dir := t.TempDir()
	refused(t, "", "Config.Path is empty")
	refused(t, ":memory:", "package memstore")
	refused(t, "file:x.db", "plain path")
	refused(t, dir, "is no file")
	refused(t, filepath.Join(dir, "no", "such", "credhost.db"), "make it")
	if entries, _ := os.ReadDir(dir); len(entries) > 0 {
		t.Errorf("it left %v", entries)
	}
}

func TestOtherFilesAreRefusedAndLeftAlone(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "notes.txt")
	write(t, text, []byte(strings.Repeat("these are somebody's notes\n", 200)))
	short := filepath.Join(dir, "short.txt")
	write(t, short, []byte("x"))
	foreign := filepath.Join(dir, "foreign.db")
	execute(t, foreign, "CREATE TABLE songs (title TEXT); INSERT INTO songs VALUES ('one')")
	marked := filepath.Join(dir, "marked.db")
	execute(t, marked, "PRAGMA application_id = 7; PRAGMA user_version = 1")
	for path, says := range map[string]string{
		text: "is no SQLite file", short: "is no SQLite file", foreign: "another program's data", marked: "another program's data",
	} {
		before := read(t, path)
		refused(t, path, says)
		if string(read(t, path)) != string(before) {
			t.Errorf("%s was changed", path)
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 4 {
		t.Errorf("left are %v", entries)
	}
	empty := filepath.Join(dir, "empty.db")
	write(t, empty, nil)
	openStore(t, Config{Path: empty}) // as touch or mktemp leave one
}

func TestNewerFilesAreRefused(t *testing.T) {
	s := newStore(t)
	if err := s.Create(t.Context(), killRecord("a", 1)); err != nil {
		t.Fatal(err)
	}
	newer := append(migrations(), "ALTER TABLE records ADD COLUMN later TEXT")
	other := &Store{path: s.path, wait: s.wait, writer: s.writer}
	if err := other.migrate(t.Context(), newer); err != nil {
		t.Fatal(err)
	}
	// A process of the old version is still at work.
	err := s.Save(t.Context(), killRecord("a", 2), nil)
	wantError(t, err, s.path, "newer version")
	get(t, s, "a")
	refused(t, s.path, "newer version", "restore a backup")
	// Another of the new version finds nothing to do.
	if err := other.migrate(t.Context(), newer); err != nil {
		t.Fatal(err)
	}
}

// A file of the first version keeps its records, which are never due, and a
// lease that is held.
func TestUpgradeFromTheFirstVersion(t *testing.T) {
	path := filepath.Join(t.TempDir(), "credhost.db")
	old := killRecord("a", 1)
	execute(t, path, fmt.Sprintf("PRAGMA page_size = %d; PRAGMA journal_mode = WAL; ", pageSize)+migrations()[0]+fmt.Sprintf(`
		PRAGMA application_id = %d;
		PRAGMA user_version = 1;
		INSERT INTO records (record, workspace, id, kind, type, name, generation, created, updated, size, seq, lease_owner, lease_epoch, lease_until)
		VALUES (1, 'acme', 'a', 'credential', 'halopsa', '', 1, %d, 0, %d, 2, 'me', 3, 9000000000000);
		INSERT INTO sealed VALUES (1, x'%x');
		UPDATE sequence SET last = 3`, applicationID, int64(sqlrow.ZeroTime), len(old.Sealed), pad(old.Sealed, pageSize)))

	s := openStore(t, Config{Path: path})
	old.Updated = time.Unix(0, 0).UTC()
	if diff := cmp.Diff(old, get(t, s, "a")); diff != "" {
		t.Fatalf("the record (-want +got):\n%s", diff)
	}
	if due, err := s.Due(t.Context(), time.Now(), 9); err != nil || len(due) > 0 {
		t.Errorf("due are %v, %v", due, err)
	}
	l := host.Lease{Workspace: "acme", ID: "a", Owner: "me", Epoch: 3}
	if err := s.Note(t.Context(), l, []byte("what it is for")); err != nil {
		t.Fatal(err)
	}
	r := killRecord("a", 2)
	r.Due = time.Unix(5, 0).UTC()
	if err := s.Save(t.Context(), r, nil); err != nil {
		t.Fatal(err)
	}
	if r = get(t, s, "a"); !r.Due.Equal(time.Unix(5, 0)) || string(r.Intent) != "what it is for" {
		t.Errorf("saved was %+v", r)
	}
	if due, err := s.Due(t.Context(), time.Now(), 9); err != nil || len(due) != 1 {
		t.Errorf("due are %v, %v", due, err)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// What is due is found by an index of what is due, in its order.
func TestDueIsFoundByItsIndex(t *testing.T) {
	s := newStore(t)
	rows, err := s.readers.Query("EXPLAIN QUERY PLAN "+listDue, 0, 9)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := collect(rows, func(row interface{ Scan(...any) error }) (step string, err error) {
		var id, parent, unused int
		err = row.Scan(&id, &parent, &unused, &step)
		return step, err
	})
	if text := strings.Join(plan, "\n"); err != nil || !strings.Contains(text, "USING INDEX records_by_due") || strings.Contains(text, "TEMP B-TREE") {
		t.Errorf("the plan is %q, %v", text, err)
	}
}

// An upgrade that fails, or is killed, is as if it had not begun.
func TestUpgradeIsWholeOrNot(t *testing.T) {
	s := newStore(t)
	other := &Store{path: s.path, wait: s.wait, writer: s.writer}
	err := other.migrate(t.Context(), append(migrations(), "CREATE TABLE extra (x); DROP TABLE records; SELECT no_such_function()"))
	if err == nil {
		t.Fatal("no error")
	}
	if err := s.Create(t.Context(), killRecord("a", 1)); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := s.writer.QueryRow("SELECT count(*) FROM sqlite_schema WHERE name = 'extra'").Scan(&n); err != nil || n != 0 {
		t.Errorf("%d tables of the failed upgrade are there (%v)", n, err)
	}
}

func TestDamagedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "credhost.db")
	s, err := Open(t.Context(), Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		if err := s.Create(t.Context(), killRecord(fmt.Sprintf("%03d", i), 3)); err == nil {
			t.Fatal("created with generation 3")
		}
		if err := s.Create(t.Context(), killRecord(fmt.Sprintf("%03d", i), 1)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	text := read(t, path)
	for i := range text[2*pageSize:] { // all but the schema
		text[2*pageSize+i] ^= 0x5a
	}
	write(t, path, text)
	if s, err = Open(t.Context(), Config{Path: path}); err == nil {
		defer func() { _ = s.Close() }()
		if err = s.Check(t.Context()); err != nil {
			wantError(t, err, path, "is damaged", "restore a backup")
		}
		_, err = s.Get(t.Context(), "acme", "050")
	}
	wantError(t, err, path, "is damaged", "keep a copy", "restore a backup")

	write(t, path, text[:pageSize/2]) // as a copy that was broken off
	refused(t, path, "")
}

func TestMovedFile(t *testing.T) {
	s := newStore(t)
	if err := os.Rename(s.path, s.path+".away"); err != nil {
		t.Skipf("SKIPPED: this system does not let go of an open file: %v", err)
	}
	wantError(t, s.Create(t.Context(), killRecord("a", 1)), s.path, "moved, removed or replaced")
	write(t, s.path, nil)
	wantError(t, s.Create(t.Context(), killRecord("a", 1)), s.path, "moved, removed or replaced")
	if err := os.Rename(s.path+".away", s.path); err != nil {
		t.Fatal(err)
	}
	if err := s.Create(t.Context(), killRecord("a", 1)); err != nil {
		t.Error(err)
	}
}

func TestClosed(t *testing.T) {
	s := newStore(t)
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	_, err := s.Get(t.Context(), "acme", "a")
	wantError(t, err, s.path, "closed")
	wantError(t, s.Create(t.Context(), killRecord("a", 1)), s.path, "closed")
}

// Handles of one process may come and go: none releases another's locks.
func TestHandlesComeAndGo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "credhost.db")
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 5 {
				s, err := Open(context.Background(), Config{Path: path})
				if err != nil {
					t.Error(err)
					return
				}
				err = s.Create(context.Background(), killRecord(fmt.Sprintf("%d-%d", i, j), 1))
				if err := errors.Join(err, s.Close()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	s := openStore(t, Config{Path: path})
	page, err := s.List(t.Context(), host.Query{Workspace: "acme", Kind: host.KindCredential})
	if err != nil || len(page) != 40 {
		t.Errorf("%d of 40 records are there: %v", len(page), err)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestTimesThatCannotBeKept(t *testing.T) {
	s := newStore(t)
	r := killRecord("a", 1)
	r.Created = time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC)
	if err := s.Create(t.Context(), r); err == nil || !strings.Contains(err.Error(), "2300") {
		t.Errorf("the error is %v", err)
	}
	if _, err := s.List(t.Context(), host.Query{Before: r.Created}); err == nil {
		t.Error("no error")
	}
}

func write(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// execute runs SQL on a file as another program would.
func execute(t *testing.T, path, statements string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Exec(statements)
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

// SPDX-License-Identifier: Apache-2.0

package pgstore

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/internal/postgres"
)

// wantError fails unless the error names the database and says all parts.
func wantError(t *testing.T, err error, database string, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; want one that says %q", parts)
	}
	for _, part := range append(parts, "pgstore: ", database) {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error does not say %q:\n%v", part, err)
		}
	}
}

func refuses(t *testing.T, config Config, database string, parts ...string) {
	t.Helper()
	s, err := Open(t.Context(), config)
	if err == nil {
		_ = s.Close()
	}
	wantError(t, err, database, parts...)
}

// Many processes may be the first, with a pooler that has one session or without.
func TestProcessesMakeTheTablesAtOnce(t *testing.T) {
	server := postgres.Shared(t)
	url := server.Database(t)
	name := postgres.Name(url)
	for _, way := range []string{url, server.Bouncer(t, 1).URL(name)} {
		server.SQL(t, name, "DROP SCHEMA IF EXISTS credhost CASCADE")
		var children []*child
		for range 5 {
			children = append(children, start(t, "open", way))
		}
		for _, c := range children {
			c.line(t)
		}
		for _, c := range children {
			_ = c.stdin.Close()
		}
		for _, c := range children {
			c.end(t)
		}
		s := open(t, Config{URL: way})
		page, err := s.List(t.Context(), host.Query{Workspace: "acme", Kind: host.KindCredential})
		if err != nil || len(page) != len(children) {
			t.Errorf("%d of %d processes have made a record: %v", len(page), len(children), err)
		}
		if _, err := s.Check(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func TestNewerTablesAreRefused(t *testing.T) {
	url := postgres.Shared(t).Database(t)
	s := open(t, Config{URL: url})
	if err := s.Create(t.Context(), record("a", 1)); err != nil {
		t.Fatal(err)
	}
	l, err := s.Lease(t.Context(), "acme", "a", "me", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	newer := append(migrations(), "ALTER TABLE credhost.records ADD COLUMN later text")
	if err := s.migrate(t.Context(), newer); err != nil {
		t.Fatal(err)
	}
	// A host of the old version is still at work.
	for name, err := range map[string]error{
		"Create": s.Create(t.Context(), record("b", 1)), "Save": s.Save(t.Context(), record("a", 2), &l),
		"Note": s.Note(t.Context(), l, nil), "Extend": s.Extend(t.Context(), l, time.Hour), "Unlease": s.Unlease(t.Context(), l),
		"Delete": s.Delete(t.Context(), "acme", "a", 0, nil),
	} {
		if err == nil || !strings.Contains(err.Error(), "newer version") {
			t.Errorf("%s: the error is %v", name, err)
		}
	}
	if _, err := s.Lease(t.Context(), "acme", "a", "you", time.Hour); err == nil || !strings.Contains(err.Error(), "newer version") {
		t.Errorf("Lease: the error is %v", err)
	}
	if r, err := s.Get(t.Context(), "acme", "a"); err != nil || r.Generation != 1 {
		t.Errorf("the record is %v, %v", r, err)
	}
	refuses(t, Config{URL: url}, s.Name(), "newer version", "restore a backup")
	if err := s.migrate(t.Context(), newer); err != nil { // another host of the new version finds nothing to do
		t.Fatal(err)
	}
}

// An upgrade waits for the writes that have begun in the old version, whatever
// it changes: those that begin after it see the new one.
func TestUpgradeWaitsForWrites(t *testing.T) {
	s := newStore(t)
	if err := s.Create(t.Context(), record("a", 1)); err != nil {
		t.Fatal(err)
	}
	l, err := s.Lease(t.Context(), "acme", "a", "me", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	tx, err := s.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.Background()) }()
	var made int64
	err = tx.QueryRow(t.Context(), s.sql.note, int64(newest), "acme", "a", "me", int64(l.Epoch), []byte("noted")).Scan(&made)
	if err != nil || made != 1 {
		t.Fatal(made, err)
	}
	upgraded := make(chan error, 1)
	go func() {
		upgraded <- s.migrate(context.Background(), append(migrations(), "CREATE TABLE credhost.extra (x int)"))
	}()
	waitUntil(t, "the upgrade waits", func() bool {
		return len(upgraded) > 0 ||
			query[int](t, s, `SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`) == 1
	})
	if len(upgraded) > 0 {
		t.Fatal("it did not wait")
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-upgraded; err != nil {
		t.Fatal(err)
	}
	if r, err := s.Get(t.Context(), "acme", "a"); err != nil || string(r.Intent) != "noted" {
		t.Errorf("the record is %v, %v", r, err)
	}
}

// An upgrade that fails, or is killed, is as if it had not begun.
func TestUpgradeIsWholeOrNot(t *testing.T) {
	s := newStore(t)
	err := s.migrate(t.Context(), append(migrations(), "CREATE TABLE credhost.extra (x int)", "DROP TABLE credhost.records; SELECT no_such_function()"))
	if err == nil {
		t.Fatal("no error")
	}
	if err := s.Create(t.Context(), record("a", 1)); err != nil {
		t.Fatal(err)
	}
	if query[bool](t, s, `SELECT to_regclass('credhost.extra') IS NOT NULL`) {
		t.Error("a table of the failed upgrade is there")
	}
}

func TestOtherSchemasAreRefusedAndLeftAlone(t *testing.T) {
	server := postgres.Shared(t)
	for what, says := range map[string]string{
		"CREATE TABLE credhost.sequence (x int)":                             "Config.Schema",
		"CREATE TABLE credhost.sequence (version bigint)":                    "something else",
		"CREATE TABLE credhost.records (title text)":                         "Config.Schema",
		"CREATE SEQUENCE credhost.sequence; CREATE TABLE credhost.x (x int)": "Config.Schema",
	} {
		url := server.Database(t)
		name := postgres.Name(url)
		server.SQL(t, name, "CREATE SCHEMA credhost; "+what)
		const all = "SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class WHERE relnamespace = 'credhost'::regnamespace"
		before := server.SQL(t, name, all)
		refuses(t, Config{URL: url}, name, says)
		if after := server.SQL(t, name, all); after != before {
			t.Errorf("there was %q, and now there is %q", before, after)
		}
		open(t, Config{URL: url, Schema: "credentials"})
	}
	for _, name := range []string{"Credhost", `a"b`, "a.b", "1", strings.Repeat("a", 41)} {
		refuses(t, Config{URL: server.URL("postgres"), Schema: name}, fmt.Sprintf("%q", name), "name of the schema")
	}
}

// Stores in two schemas of one database have nothing to do with each other.
func TestSchemasAreApart(t *testing.T) {
	url := postgres.Shared(t).Database(t)
	one, other := open(t, Config{URL: url, Schema: "one"}), open(t, Config{URL: url, Schema: "other"})
	if err := one.Create(t.Context(), record("a", 1)); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Get(t.Context(), "acme", "a"); err != host.ErrNotFound {
		t.Errorf("the error is %v", err)
	}
	if query[bool](t, one, `SELECT to_regnamespace('credhost') IS NOT NULL`) {
		t.Error("there is a third schema")
	}
}

func TestExistsMakesNothing(t *testing.T) {
	url := postgres.Shared(t).Database(t)
	there := func(want bool) {
		t.Helper()
		if got, err := Exists(t.Context(), Config{URL: url}); err != nil || got != want {
			t.Errorf("it says %v, %v, want %v", got, err, want)
		}
	}
	there(false)
	there(false)
	open(t, Config{URL: url})
	there(true)
}

// What a role needs is the right to make a schema, or one that was made for it.
func TestRolesAndTheirRights(t *testing.T) {
	server := postgres.Shared(t)
	url := server.Database(t)
	name := postgres.Name(url)
	server.SQL(t, "postgres", "DROP ROLE IF EXISTS modest; CREATE ROLE modest LOGIN")
	t.Cleanup(func() { server.SQL(t, name, "DROP OWNED BY modest CASCADE; DROP ROLE modest") })
	modest := strings.Replace(url, "//"+postgres.Superuser+"@", "//modest@", 1)
	refuses(t, Config{URL: modest}, "modest@", "CREATE SCHEMA credhost AUTHORIZATION")
	server.SQL(t, name, "CREATE SCHEMA credhost AUTHORIZATION modest")
	s := open(t, Config{URL: modest})
	if err := s.Create(t.Context(), record("a", 1)); err != nil {
		t.Fatal(err)
	}
	server.SQL(t, "postgres", "DROP ROLE IF EXISTS stranger; CREATE ROLE stranger LOGIN")
	t.Cleanup(func() { server.SQL(t, "postgres", "DROP ROLE stranger") })
	refuses(t, Config{URL: strings.Replace(modest, "modest@", "stranger@", 1)}, "stranger@", "does not allow this")
}

func TestEncodingsThatCannotBeUsed(t *testing.T) {
	server := postgres.Shared(t)
	server.SQL(t, "postgres", "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'")
	t.Cleanup(func() { server.SQL(t, "postgres", "DROP DATABASE latin WITH (FORCE)") })
	refuses(t, Config{URL: server.URL("latin")}, "latin", "ENCODING 'UTF8'")
}

// waitUntil waits for what will be.
func waitUntil(t *testing.T, what string, ready func() bool) {
	t.Helper()
	for begin := time.Now(); !ready(); time.Sleep(5 * time.Millisecond) {
		if time.Since(begin) > time.Minute {
			t.Fatalf("%s: not within a minute", what)
		}
	}
}

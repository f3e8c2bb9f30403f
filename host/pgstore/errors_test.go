// SPDX-License-Identifier: Apache-2.0

package pgstore

import (
	"context"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/internal/postgres"
)

// canary is a password that must be in no error.
const canary = "hunter2-CANARY"

// withPassword returns the URL of a database for a role that needs a password.
func withPassword(t *testing.T, at, password string) string {
	t.Helper()
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("guarded", password)
	return u.String()
}

func guarded(t *testing.T) string {
	server := postgres.Shared(t)
	server.SQL(t, "postgres", "DROP ROLE IF EXISTS guarded; CREATE ROLE guarded LOGIN SUPERUSER PASSWORD '"+canary+"'")
	t.Cleanup(func() { server.SQL(t, "postgres", "DROP ROLE guarded") })
	return server.Database(t)
}

// A password may come from anywhere that psql takes one from, and is in no
// error and no name.
func TestPasswords(t *testing.T) {
	at := guarded(t)
	none := strings.Replace(withPassword(t, at, "x"), ":x@", "@", 1)
	s := open(t, Config{URL: withPassword(t, at, canary)})
	if strings.Contains(s.Name(), canary) {
		t.Errorf("its name is %s", s.Name())
	}
	refuses(t, Config{URL: none}, "guarded@", "correct the role or its password", "PGPASSWORD")
	t.Setenv("PGPASSWORD", canary)
	open(t, Config{URL: none})
	t.Setenv("PGPASSWORD", canary+"-wrong")
	_, err := Open(t.Context(), Config{URL: none})
	wantError(t, err, "guarded@", "28P01")
	if strings.Contains(err.Error(), canary) {
		t.Errorf("the error is %v", err)
	}
	t.Setenv("PGPASSWORD", "")
	file := filepath.Join(t.TempDir(), "pgpass")
	if err := os.WriteFile(file, []byte("*:*:*:guarded:"+canary+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PGPASSFILE", file)
	open(t, Config{URL: none})
	t.Setenv("PGPASSFILE", "")
	services := filepath.Join(t.TempDir(), "services")
	u, _ := url.Parse(at)
	text := "[ours]\nhost=" + u.Query().Get("host") + "\nuser=guarded\npassword=" + canary + "\ndbname=" + postgres.Name(at) + "\n"
	if err := os.WriteFile(services, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PGSERVICEFILE", services)
	open(t, Config{URL: "postgres:///?service=ours"})
	t.Setenv("PGSERVICE", "ours")
	open(t, Config{}) // the environment names it
}

// Whatever is wrong with a URL, its password is not told.
func TestURLsThatAreRefused(t *testing.T) {
	at := guarded(t)
	t.Setenv("PGCONNECT_TIMEOUT", "1")
	for _, bad := range []string{
		withPassword(t, at, canary+"-wrong"),
		withPassword(t, strings.Replace(at, "/t", "/no-such-database-", 1), canary),
		"postgres://guarded:" + canary + "@127.0.0.1:1/x",
		"postgres://guarded:" + canary + "@no-such-machine.invalid/x",
		"postgres://guarded:" + canary + "%zz@localhost/x",
		"postgres://guarded:" + canary + "\x7f@localhost/x",
		"postgres://guarded:" + canary + "@localhost:port/x",
		"postgres://guarded:" + canary + "@localhost:99999/x",
		"postgres://guarded:" + canary + " with spaces@localhost/x",
		"postgres://guarded:1/b" + canary + "@localhost/x",
		"postgres://guarded:1?b" + canary + "@localhost/x",
		"postgres://guarded:1#b" + canary + "@localhost/x",
		"postgres://guarded:a/b" + canary + "@localhost/x",
		"postgres://guarded:a#b" + canary + "@localhost/x",
		"postgres://guarded:" + canary + "@localhost/x?sslmode=nonsense",
		"postgres://guarded@localhost/x?sslmode=nonsense&password=" + canary,
		"postgres://guarded@localhost/x?sslmode=verify-full&sslrootcert=/none&sslpassword=" + canary,
		"postgres://guarded:" + canary + "@localhost/x?pool_max_conns=many",
		"postgres://guarded:" + canary + "@[::1/x",
		"host=localhost user=guarded password=" + canary,
		"mysql://guarded:" + canary + "@localhost/x",
		canary,
	} {
		s, err := Open(t.Context(), Config{URL: bad, Wait: 100 * time.Millisecond})
		if err == nil {
			_ = s.Close()
			t.Errorf("%q was taken", bad)
			continue
		}
		for ; err != nil; err = errors.Unwrap(err) {
			if strings.Contains(err.Error(), "CANARY") {
				t.Errorf("the error has the password: %v", err)
			}
		}
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	at := postgres.Shared(t).Database(t)
	refuses(t, Config{URL: strings.Replace(at, "/t", "/none", 1)}, "/none", "make it with createdb")
	refuses(t, Config{URL: "postgres://x@127.0.0.1:1/x"}, "x@127.0.0.1:1/x", "cannot be reached", "see that the server runs")
	refuses(t, Config{URL: "postgres://x@localhost/x?sslmode=nonsense"}, "Config.URL", "sslmode")
	s := open(t, Config{URL: at})
	for _, text := range []string{"a\x00b", "a\xffb"} {
		r := record("a", 1)
		r.Name = text
		wantError(t, s.Create(t.Context(), r), s.Name(), "no UTF-8 or has a zero byte")
	}
	r := record("a", 1)
	r.Due = time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC)
	wantError(t, s.Create(t.Context(), r), "", "2300")
	s.exec(t, "DROP TABLE credhost.sealed")
	wantError(t, s.Create(t.Context(), record("a", 1)), s.Name(), "has lost tables")
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	_, err := s.Get(t.Context(), "acme", "a")
	wantError(t, err, s.Name(), "is closed")
	wantError(t, s.Create(t.Context(), record("a", 1)), s.Name(), "is closed")
}

func TestCheck(t *testing.T) {
	server := postgres.Shared(t)
	at := server.Database(t)
	s, p := open(t, Config{URL: at}), open(t, Config{URL: server.Bouncer(t, 0).URL(postgres.Name(at))})
	if err := s.Create(t.Context(), record("a", 1)); err != nil {
		t.Fatal(err)
	}
	status, err := s.Check(t.Context())
	if err != nil || !status.Direct || !status.Verified || status.Server == "" {
		t.Errorf("it is %+v, %v", status, err)
	}
	if status, err := p.Check(t.Context()); err != nil || status.Direct {
		t.Errorf("behind a pooler it is %+v, %v", status, err)
	}
	s.exec(t, "DELETE FROM credhost.sealed")
	_, err = s.Check(t.Context())
	wantError(t, err, s.Name(), "is damaged", "restore a backup")
}

// A server that gives no answer is waited for as long as Config says, and that
// is no end of the caller's ctx.
func TestNoAnswer(t *testing.T) {
	at := postgres.Shared(t).Database(t)
	holder, s := open(t, Config{URL: at}), open(t, Config{URL: at, Wait: 2 * time.Second})
	if err := holder.Create(t.Context(), record("a", 1)); err != nil {
		t.Fatal(err)
	}
	tx, err := holder.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.Background()) }()
	if _, err := tx.Exec(t.Context(), "LOCK TABLE credhost.records, credhost.sequence"); err != nil {
		t.Fatal(err)
	}
	_, err = s.Get(t.Context(), "acme", "a")
	wantError(t, err, s.Name(), "tried for 2s")
	if errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the caller's ctx has not ended: %v", err)
	}
	err = s.Save(t.Context(), record("a", 2), nil)
	if !errors.Is(err, ErrUncertain) || errors.Is(err, host.ErrConflict) || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the error is %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := holder.Save(ctx, record("a", 2), nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the error is %v, want that the ctx has ended", err)
	}
}

// Whatever a password is made of, no error and no name shows it.
func FuzzURL(f *testing.F) {
	for _, part := range []string{"", "1/", "1?", "1#", "%", "%zz", "@", ":", "[", " ", "\x00", "&", "1/?sslmode=", "1,2:3", "\\", "é"} {
		f.Add(part, "")
		f.Add("", part)
	}
	f.Fuzz(func(t *testing.T, before, after string) {
		text := "postgres://guarded:" + before + canary + after + "@localhost/x?sslmode=verify-full&connect_timeout=1"
		config, err := parse(text)
		if err == nil {
			if name := nameOf(config.ConnConfig); strings.Contains(name, "CANARY") {
				t.Errorf("%q has the name %s", text, name)
			}
		}
		for ; err != nil; err = errors.Unwrap(err) {
			if strings.Contains(err.Error(), "CANARY") {
				t.Errorf("%q: the error is %v", text, err)
			}
		}
	})
}

// SPDX-License-Identifier: Apache-2.0

// Package postgres starts PostgreSQL and PgBouncer for tests: the programs of
// the distribution, in a temporary folder, reached by sockets in it alone.
//
//	func TestMain(m *testing.M) { os.Exit(postgres.Main(m)) }
//
//	func TestSomething(t *testing.T) {
//		url := postgres.Shared(t).Database(t)
//
// A test binary has one server, which starts when a test asks for it and ends
// with the binary, even if that is killed. Where the programs are missing, the
// tests that ask are skipped, or fail if CREDHOST_NEED_POSTGRES is set: then
// somebody has seen to it that they are there. `make tools` installs
// them.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// Need is the environment variable that forbids skipping.
const Need = "CREDHOST_NEED_POSTGRES"

// Superuser is a role that may do anything, and needs no password.
const Superuser = "credhost"

// A Config says how to start a server. The zero Config is for most tests.
type Config struct {
	// Durable lets the server wait for its disk, as one that is measured or
	// loses its power must. Others keep what they have told the system, which
	// outlives the death of the server, but not of the machine.
	Durable bool

	// Of is a server to be a standby of: it follows that one, and takes only
	// reads until it is promoted.
	Of *Server
}

// A Server is a PostgreSQL server. It is safe for concurrent use.
type Server struct {
	dir   string // of its sockets, and all that it keeps
	bin   string // the folder of its programs
	names atomic.Int64
	guard *guard
}

var shared struct {
	sync.Mutex
	server *Server
	err    error
}

// Main runs the tests, ends the shared server, and returns the exit code for
// os.Exit.
func Main(m *testing.M) int {
	code := m.Run()
	shared.Lock()
	defer shared.Unlock()
	if shared.server != nil {
		shared.server.Stop()
	}
	return code
}

// Shared returns the server of this test binary, and starts it if nobody has
// asked before. Main ends it. It skips t, or fails it, where there is none.
func Shared(t testing.TB) *Server {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil && shared.err == nil {
		shared.server, shared.err = start(Config{})
	}
	require(t, shared.err)
	return shared.server
}

// Start starts a server of its own for t, which ends with it: to be restarted,
// measured, or made a standby.
func Start(t testing.TB, c Config) *Server {
	t.Helper()
	s, err := start(c)
	require(t, err)
	t.Cleanup(s.Stop)
	return s
}

// errMissing is for programs that are not there.
var errMissing = errors.New("make tools installs it")

func require(t testing.TB, err error) {
	t.Helper()
	switch {
	case err == nil:
	case errors.Is(err, errMissing) && os.Getenv(Need) == "":
		t.Skipf("SKIPPED: %v", err)
	default:
		t.Fatal(err)
	}
}

func start(c Config) (*Server, error) {
	bin, err := findServer()
	if err != nil {
		return nil, err
	}
	dir, err := privateFolder()
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir, bin: bin}
	// Whatever happens to this process, the server ends and its folder goes.
	s.guard, err = newGuard(fmt.Sprintf("%q stop -D %q -m immediate -W >/dev/null 2>&1; while [ -e %q ]; do sleep 0.05; done; rm -rf %q",
		s.program("pg_ctl"), s.data(), filepath.Join(s.data(), "postmaster.pid"), dir))
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := errors.Join(s.create(c), s.up()); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

// create makes the files of a server.
func (s *Server) create(c Config) error {
	if c.Of != nil {
		return s.run("pg_basebackup", "-h", c.Of.dir, "-U", Superuser, "-D", s.data(), "-R", "-X", "stream", "--no-sync", "-c", "fast")
	}
	err := s.run("initdb", "-D", s.data(), "-U", Superuser, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	if err != nil {
		return err
	}
	// Roles whose name begins so need a password, so that tests can have a wrong one.
	hba := "local all /^guarded scram-sha-256\nlocal replication all trust\nlocal all all trust\n"
	if !regexpsInHBA(s.bin) {
		hba = strings.Replace(hba, "/^guarded", "guarded", 1)
	}
	settings := "listen_addresses = ''\nunix_socket_permissions = 0777\nmax_connections = 200\nshared_buffers = '64MB'\n" +
		"max_wal_senders = 4\n"
	if !c.Durable {
		settings += "fsync = off\nfull_page_writes = off\n"
	}
	return errors.Join(
		s.write("data/pg_hba.conf", hba),
		s.write("data/postgresql.auto.conf", settings),
	)
}

// program returns the path of one of the server's programs.
func (s *Server) program(name string) string { return filepath.Join(s.bin, name) }

// Folder is where the server keeps all that it keeps, for tests that look
// through it.
func (s *Server) Folder() string { return s.dir }

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// write writes a file of the server's, for the user that it runs as.
func (s *Server) write(name, text string) error {
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return fmt.Errorf("postgres: %w", err)
	}
	return giveAway(path)
}

// run runs a program as the server's user.
func (s *Server) run(program string, args ...string) error {
	_, err := s.output(program, nil, args...)
	return err
}

func (s *Server) output(program string, stdin io.Reader, args ...string) (string, error) {
	cmd := exec.Command(s.program(program), args...)
	cmd.Dir, cmd.Stdin = s.dir, stdin
	asServerUser(cmd)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("postgres: %s: %w\n%s", program, err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

// up starts the server and waits until it answers. What it prints goes to a
// file, since it would keep a pipe open.
func (s *Server) up() error {
	err := s.run("pg_ctl", "start", "-w", "-t", "60", "-s", "-D", s.data(), "-l", filepath.Join(s.dir, "log"), "-o", "-k "+s.dir)
	if err != nil {
		text, _ := os.ReadFile(filepath.Join(s.dir, "log"))
		return fmt.Errorf("%w\n%s", err, text)
	}
	return nil
}

// Stop ends the server, if it runs, and removes all that it kept.
func (s *Server) Stop() { s.guard.end() }

// Down stops the server at once, as kill -9 would: what it had acknowledged is
// found in its log when it starts again.
func (s *Server) Down(t testing.TB) {
	t.Helper()
	if err := s.run("pg_ctl", "stop", "-w", "-s", "-D", s.data(), "-m", "immediate"); err != nil {
		t.Fatal(err)
	}
}

// Up starts the server again after Down.
func (s *Server) Up(t testing.TB) {
	t.Helper()
	if err := s.up(); err != nil {
		t.Fatal(err)
	}
}

// Promote makes a standby take writes.
func (s *Server) Promote(t testing.TB) {
	t.Helper()
	if err := s.run("pg_ctl", "promote", "-w", "-s", "-D", s.data()); err != nil {
		t.Fatal(err)
	}
}

// Database makes an empty database, which is dropped when t ends, and returns
// its URL.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("t%d", s.names.Add(1))
	s.SQL(t, "postgres", "CREATE DATABASE "+name)
	t.Cleanup(func() {
		if out, err := s.output("psql", nil, s.psql("postgres", "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")...); err != nil {
			t.Logf("%v\n%s", err, out)
		}
	})
	return s.URL(name)
}

// URL returns the URL of a database of this server, for the superuser.
func (s *Server) URL(database string) string { return socketURL(s.dir, database) }

func socketURL(dir, database string) string {
	u := url.URL{Scheme: "postgres", User: url.User(Superuser), Path: "/" + database, RawQuery: url.Values{"host": {dir}}.Encode()}
	return u.String()
}

// SQL runs statements in a database, as the superuser, and returns what they
// print.
func (s *Server) SQL(t testing.TB, database, statements string) string {
	t.Helper()
	out, err := s.output("psql", nil, s.psql(database, statements)...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (s *Server) psql(database, statements string) []string {
	return []string{"-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", s.dir, "-U", Superuser, "-d", database, "-c", statements}
}

// Name returns the database that a URL is of.
func Name(databaseURL string) string {
	u, err := url.Parse(databaseURL)
	if err != nil {
		return ""
	}
	return strings.TrimPrefix(u.Path, "/")
}

// privateFolder makes a folder that the server's user owns. A socket's path
// must be short, so it is not where tests keep theirs.
func privateFolder() (string, error) {
	parent := os.TempDir()
	if len(parent) > 40 {
		parent = "/tmp"
	}
	dir, err := os.MkdirTemp(parent, "credhost-pg-")
	if err != nil {
		return "", fmt.Errorf("postgres: %w", err)
	}
	if err := os.Chmod(dir, 0o755); err != nil { // for other users to reach the sockets
		return "", fmt.Errorf("postgres: %w", err)
	}
	return dir, giveAway(dir)
}

// waitFor calls ready until it reports true, or ctx ends.
func waitFor(ctx context.Context, ready func() bool) error {
	for !ready() {
		if err := pause(ctx); err != nil {
			return err
		}
	}
	return nil
}

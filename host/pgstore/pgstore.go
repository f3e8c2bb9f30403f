// SPDX-License-Identifier: Apache-2.0

// Package pgstore keeps records in PostgreSQL, for hosts on several machines.
// Read this file first.
//
//	store, err := pgstore.Open(ctx, pgstore.Config{URL: "postgres://credhost@db.example/credhost?sslmode=verify-full"})
//	if err != nil {
//		return err
//	}
//	defer store.Close()
//
// Any number of hosts may share the database. The first makes the tables, in a
// schema of their own; the role needs the right to make that schema, or to
// make tables in it if somebody else has made it. The tests run with
// PostgreSQL 15, and with PgBouncer 1.18 before it.
//
// # What is promised
//
// Leases end by the database's clock, which all hosts share; if that is set
// forward, they end early. A write returns once the database has committed it:
// that it then outlives the machine is up to the database's settings (fsync
// and synchronous_commit, which are on unless somebody has turned them off),
// and that it outlives a fail-over to a standby is up to synchronous
// replication. What an asynchronous standby has not received is lost with the
// primary, a refresh token that was renewed last among it.
//
// Each method is one statement, so no lock waits for a host or for the network;
// Snapshot and Restore, of all that there is, are one transaction each. A pooler
// that gives each transaction another session, such as PgBouncer's transaction
// mode, may stand in between: nothing is kept in a session, no statement is
// prepared, and no lock outlives its transaction.
//
// Hosts poll [Store.Changes]. On a direct connection [Store.Notify] tells them
// sooner; through a pooler it notices that it cannot, and leaves it at that.
//
// # When the database is away
//
// A method tries for [Config.Wait] to reach a server that takes writes. It
// asks again whatever was only read, and a write that has certainly not
// happened. A write whose connection breaks before its answer comes may have
// happened or not: it is never repeated, and its error is [ErrUncertain].
//
// After a fail-over, hosts find the new primary if the URL names all machines
// (postgres://user@one,two/db) or a name that moves with it. A standby is
// never used: what it has is old.
//
// # What is left of what is deleted
//
// PostgreSQL does not overwrite. What is sealed stays, after a Delete, a Save
// or a Note that replaces it, in the table until a vacuum gives its room back
// and something else is written there, in the write-ahead log until that is
// recycled, and in every replica, archive and backup for as long as those are
// kept. The tables ask for a vacuum after a hundred such changes, rather than
// after a fifth of their rows, and what is sealed is in a table of its own, of
// which a lease leaves no copies. More cannot be done from here. All that is
// left is ciphertext, which nobody opens without the key that lives elsewhere:
// whoever must be certain that it cannot be opened rotates that key and
// destroys the old one, and revokes the credential at its service.
package pgstore

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/credhost/credhost/host"
)

// A Config says which database to use and how. The zero Config is for the one
// that the environment names.
type Config struct {
	// URL names the database: postgres://user@machine:5432/database. What it
	// leaves out is taken from the environment, as psql does: PGHOST, PGUSER,
	// PGPASSWORD, PGSERVICE, ~/.pgpass and so on. It may also say
	// sslmode=verify-full, without which the server is not known for certain,
	// pool_max_conns and what else [pgxpool.ParseConfig] knows. A password in
	// it is in no error and in no log.
	URL string

	// Schema is where the tables are; empty: "credhost". It is made if it is
	// missing.
	Schema string

	// Wait is how long a method tries to reach the database before it gives
	// up; 0: 10 s. The end of a ctx ends it sooner.
	Wait time.Duration
}

// A Store is a [host.Store] in a PostgreSQL database. Make one with Open. It is
// safe for concurrent use.
type Store struct {
	name   string // the database, without the password
	schema string
	wait   time.Duration
	quiet  time.Duration // quietTime, but in a test
	sql    statements
	pool   *pgxpool.Pool
	closed context.Context // ends with Close
	close  context.CancelFunc
}

var (
	_ host.Store    = (*Store)(nil)
	_ host.Notifier = (*Store)(nil)
)

// Open connects to a database, and makes the tables or brings them to the
// newest version if that is necessary. Hosts may do so at once. A schema that
// holds something else, or was made by a newer version of this package, is
// refused and left as it is. Ctx is for the opening alone.
func Open(ctx context.Context, config Config) (*Store, error) {
	s, err := connect(config)
	if err != nil {
		return nil, err
	}
	if err := s.explain(s.open(ctx)); err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

// Exists reports whether there is a store in the database, and makes none.
func Exists(ctx context.Context, config Config) (bool, error) {
	s, err := connect(config)
	if err != nil {
		return false, err
	}
	defer func() { _ = s.Close() }()
	version, err := s.version(ctx)
	return version > 0, s.explain(err)
}

// Name returns the database that a config names, as a URL without a password.
func Name(config Config) (string, error) {
	pool, err := parse(config.URL)
	if err != nil {
		return "", err
	}
	return nameOf(pool.ConnConfig), nil
}

// schemas are the names that need no quotes, and leave room for more in the
// name of a channel.
var schemas = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,39}$`)

// connect returns a store that has looked at nothing yet.
func connect(config Config) (*Store, error) {
	if config.Schema == "" {
		config.Schema = "credhost"
	}
	if config.Wait <= 0 {
		config.Wait = 10 * time.Second
	}
	if !schemas.MatchString(config.Schema) {
		return nil, fmt.Errorf("pgstore: %q cannot be the name of the schema: use up to 40 lower-case letters, digits and _", config.Schema)
	}
	pool, err := poolConfig(config)
	if err != nil {
		return nil, err
	}
	s := &Store{name: nameOf(pool.ConnConfig), schema: config.Schema, wait: config.Wait, quiet: quietTime, sql: inSchema(config.Schema)}
	if s.pool, err = pgxpool.NewWithConfig(context.Background(), pool); err != nil {
		return nil, fmt.Errorf("pgstore: %s: %w", s.name, err)
	}
	s.closed, s.close = context.WithCancel(context.Background())
	return s, nil
}

// poolConfig reads the URL and sets what this package relies on.
func poolConfig(config Config) (*pgxpool.Config, error) {
	pool, err := parse(config.URL)
	if err != nil {
		return nil, err
	}
	c := pool.ConnConfig
	// One round trip with a statement that has no name and leaves nothing in
	// the session, and values apart from it.
	c.DefaultQueryExecMode = pgx.QueryExecModeExec
	c.StatementCacheCapacity, c.DescriptionCacheCapacity = 0, 0
	c.ValidateConnect = takesWrites
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = min(5*time.Second, config.Wait)
	}
	if c.RuntimeParams["application_name"] == "" {
		c.RuntimeParams["application_name"] = "credhost"
	}
	return pool, nil
}

// nameOf names a database as a URL without a password does.
func nameOf(c *pgx.ConnConfig) string {
	u := url.URL{Scheme: "postgres", User: url.User(c.User), Path: "/" + c.Database}
	if strings.HasPrefix(c.Host, "/") {
		u.RawQuery = "host=" + c.Host
		return u.String()
	}
	u.Host = fmt.Sprintf("%s:%d", c.Host, c.Port)
	for _, f := range c.Fallbacks {
		if at := fmt.Sprintf("%s:%d", f.Host, f.Port); !strings.Contains(u.Host, at) {
			u.Host += "," + at
		}
	}
	return u.String()
}

// Name is the database, as a URL without a password.
func (s *Store) Name() string { return s.name }

// A Status is what is known of a connection to the database.
type Status struct {
	Server   string // its version, such as "15.8"
	Direct   bool   // no pooler is in between, so changes are told at once
	Verified bool   // the server has proved who it is, or is reached by a socket of this machine

	// Offset is by how much the server's clock is ahead of this machine's, to half
	// of the time that the question took.
	Offset time.Duration

	// Sessions is how many sessions there are besides the one that asks, of stores
	// and of whoever else calls himself credhost, of the same role in the same
	// database; Others are the addresses that they come from, or "a socket". With a
	// pooler in between they say nothing.
	Sessions int
	Others   []string
}

// Check looks whether the store is there and in order, and tells of the
// connection.
func (s *Store) Check(ctx context.Context) (Status, error) {
	var status Status
	err := s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		var pid uint32
		var records, sealed int64
		err := conn.QueryRow(ctx, s.sql.check, s.schema).Scan(&status.Server, &pid, &records, &sealed)
		if err != nil {
			return err
		}
		var clock time.Time
		asked := time.Now()
		if err := conn.QueryRow(ctx, s.sql.clock).Scan(&clock, &status.Sessions, &status.Others); err != nil {
			return err
		}
		status.Offset = clock.Sub(asked.Add(time.Since(asked) / 2))
		if records != sealed {
			return fmt.Errorf("%w: %d records, and the secrets of %d", errDamaged, records, sealed)
		}
		status.Direct, status.Verified = pid == conn.PgConn().PID(), verified(conn.Config())
		return nil
	})
	return status, err
}

// verified reports whether a man in the middle would have been noticed.
func verified(c *pgx.ConnConfig) bool {
	return strings.HasPrefix(c.Host, "/") ||
		c.TLSConfig != nil && (!c.TLSConfig.InsecureSkipVerify || c.TLSConfig.VerifyPeerCertificate != nil)
}

// Close ends the connections, once the calls under way have ended.
func (s *Store) Close() error {
	s.close()
	s.pool.Close()
	return nil
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/url"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/credhost/credhost/internal/postgres"
)

// What needs a PostgreSQL shares one, whose start takes the longest.
func TestPostgreSQL(t *testing.T) {
	t.Parallel()
	server := postgres.Start(t, postgres.Config{})
	t.Run("Servers", func(t *testing.T) {
		t.Parallel()
		testServersShareADatabase(t, server)
	})
	t.Run("Store", func(t *testing.T) { testStore(t, server) })
}

// testStore runs the scripts of testdata/postgres. $STORE is the
// URL of a database, for a role whose password is a secret.
func testStore(t *testing.T, server *postgres.Server) {
	server.SQL(t, "postgres", "CREATE ROLE guarded LOGIN SUPERUSER PASSWORD 'CANARY-7F3A9'")
	testscript.Run(t, testscript.Params{
		Dir:                "testdata/postgres",
		RequireUniqueNames: true,
		Setup: func(e *testscript.Env) error {
			u, err := url.Parse(server.Database(t))
			if err != nil {
				return err
			}
			u.User = url.User("guarded")
			e.Setenv("STORE", u.String())
			u.User = url.UserPassword("guarded", "CANARY-7F3A9")
			e.Setenv("STORE_WITH_PASSWORD", u.String())
			e.Setenv("PGPASSFILE", filepath.Join(e.WorkDir, "none")) // not this user's own
			return plugins.setup(e)
		},
		Cmds: commands,
	})
}

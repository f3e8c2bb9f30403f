// SPDX-License-Identifier: Apache-2.0

package pgstore

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// parse reads a URL. Its errors quote nothing of a URL that may hold a
// password: what a parser says of one that it does not understand can be a
// part of the password.
func parse(text string) (*pgxpool.Config, error) {
	const form = "it has the form postgres://user@machine:5432/database; special characters of a password are written as in %40, or the password is given by PGPASSWORD or ~/.pgpass"
	u, err := url.Parse(text)
	if text != "" && (err != nil || !isURL(text) || misread(text, u)) {
		return nil, errors.New("pgstore: Config.URL is no URL of a database: " + form)
	}
	config, err := pgxpool.ParseConfig(text)
	switch {
	case err == nil:
		return config, nil
	case text == "":
		return nil, fmt.Errorf("pgstore: the environment (PGHOST and so on) names no database: %w", err)
	case withoutSecrets(u):
		return nil, fmt.Errorf("pgstore: Config.URL cannot be used: %w", err)
	}
	// The same may be wrong with what may be shown.
	if _, err := pgxpool.ParseConfig(u.String()); err != nil {
		return nil, fmt.Errorf("pgstore: Config.URL cannot be used: %w", err)
	}
	return nil, errors.New("pgstore: the password in Config.URL cannot be used: " + form)
}

func isURL(text string) bool {
	return strings.HasPrefix(text, "postgres://") || strings.HasPrefix(text, "postgresql://")
}

// misread reports whether a part of a password seems to be in another part of
// the URL, because it has a character such as /, ? or @ in it. That part would
// be shown.
func misread(text string, u *url.URL) bool {
	at := strings.Count(text, "@")
	return at > 1 || at == 1 && u.User == nil || strings.Count(u.Path, "/") > 1 || strings.Contains(text, "#")
}

// withoutSecrets reports whether u has no secret, and removes those it has.
func withoutSecrets(u *url.URL) bool {
	clean := true
	if _, ok := u.User.Password(); ok {
		u.User, clean = url.User(u.User.Username()), false
	}
	query := u.Query()
	for name := range query {
		if strings.Contains(name, "password") {
			delete(query, name)
			clean = false
		}
	}
	u.RawQuery = query.Encode()
	return clean
}

// errReadOnly is for a server that takes no writes.
var errReadOnly = errors.New("it is read-only: a standby, or a primary that was made so")

// takesWrites refuses a connection to a standby, so that another server that
// the URL names is tried.
func takesWrites(ctx context.Context, conn *pgconn.PgConn) error {
	result := conn.ExecParams(ctx, "SHOW transaction_read_only", nil, nil, nil, nil).Read()
	if result.Err != nil {
		return result.Err
	}
	if len(result.Rows) == 1 && string(result.Rows[0][0]) == "on" {
		return errReadOnly
	}
	return nil
}

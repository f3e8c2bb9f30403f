// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/pgstore"
	"github.com/credhost/credhost/host/sqlitestore"
)

// inDatabase reports whether --store names a PostgreSQL database, not a file.
func (s *settings) inDatabase() bool {
	return strings.HasPrefix(s.store, "postgres://") || strings.HasPrefix(s.store, "postgresql://")
}

func (s *settings) database() pgstore.Config { return pgstore.Config{URL: s.store} }

// storeName names the store to people: it shows no password.
func (s *settings) storeName() string {
	if !s.inDatabase() {
		return s.store
	}
	name, err := pgstore.Name(s.database())
	if err != nil {
		return "the database"
	}
	return name
}

// stored reports whether there is a store. It makes none.
func (s *settings) stored(ctx context.Context) (bool, error) {
	if s.inDatabase() {
		return pgstore.Exists(ctx, s.database())
	}
	return exists(s.store)
}

// exists reports whether there is a file at path.
func exists(path string) (bool, error) {
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// openPlace opens the store, which is made if there is none.
func (s *settings) openPlace(ctx context.Context) (host.Store, error) {
	if s.inDatabase() {
		return pgstore.Open(ctx, s.database())
	}
	return sqlitestore.Open(ctx, sqlitestore.Config{Path: s.store})
}

// examineStore reports whether the store, if there is one, is in order.
func (p *program) examineStore(ctx context.Context, e *examination) bool {
	there, err := p.stored(ctx)
	switch {
	case err == nil && !there && p.inDatabase():
		e.add("ok", "store", p.storeName()+" has no tables yet: credhost create makes them", "")
		return true
	case err == nil && !there:
		e.add("ok", "store", p.store+" is not there yet: credhost create makes it", "")
		return true
	case err == nil && p.inDatabase():
		err = p.examineDatabase(ctx, e)
	case err == nil:
		err = p.examineFile(ctx, e)
	}
	if err == nil {
		return true
	}
	next := "restore it from a backup, or choose another with --store"
	if p.inDatabase() {
		next = "" // its errors say what to do
	}
	e.add("broken", "store", err.Error(), next)
	return false
}

func (p *program) examineFile(ctx context.Context, e *examination) error {
	store, err := sqlitestore.Open(ctx, sqlitestore.Config{Path: p.store})
	if err != nil {
		return err
	}
	defer store.Close()
	if err := store.Check(ctx); err != nil {
		return err
	}
	if info, err := os.Stat(p.store); err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		e.add("warning", "store", fmt.Sprintf("%s can be reached by others (%04o)", p.store, info.Mode().Perm()), "chmod 600 "+p.store)
		return nil
	}
	e.add("ok", "store", p.store, "")
	return nil
}

func (p *program) examineDatabase(ctx context.Context, e *examination) error {
	store, err := pgstore.Open(ctx, p.database())
	if err != nil {
		return err
	}
	defer store.Close()
	status, err := store.Check(ctx)
	if err != nil {
		return err
	}
	e.addDatabaseClock(status)
	told := "hosts are told of changes at once"
	if !status.Direct {
		told = "by way of a pooler: hosts look for changes each second"
	}
	detail := fmt.Sprintf("%s, PostgreSQL %s, %s", store.Name(), status.Server, told)
	if !status.Verified {
		e.add("warning", "store", detail+"; who answers there has not proved to be the server", "add sslmode=verify-full to the URL")
		return nil
	}
	e.add("ok", "store", detail, "")
	return nil
}

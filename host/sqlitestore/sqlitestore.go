// SPDX-License-Identifier: Apache-2.0

// Package sqlitestore keeps records in one SQLite file, with nothing to set
// up. Read this file first.
//
//	store, err := sqlitestore.Open(ctx, sqlitestore.Config{Path: "credhost.db"})
//	if err != nil {
//		return err
//	}
//	defer store.Close()
//
// Any number of hosts and processes of one machine may share the file: a
// server and the command line beside it, say. The file must be on a local
// disk. SQLite's write-ahead log needs shared memory and locks that network
// file systems do not have.
//
// # The file
//
// It is made with the permissions 0600, and so are the two that SQLite keeps
// beside it while a process has it open, of the same name and "-wal" and
// "-shm". They belong together: to copy the store while it is in use, call
// [Store.Backup]. A file that exists keeps the permissions it has. The folder
// is made with 0700 if it is missing; the one above it must exist, so that a
// disk that is not mounted is noticed.
//
// While a process uses the store, no other code in it may open the file, not
// even to read it: on Unix, closing it then would release SQLite's locks.
//
// # What is promised
//
// A write returns once it is on the disk (WAL with synchronous=FULL, and
// F_FULLFSYNC on macOS). Leases end by the machine's clock as SQLite reads it,
// which all processes share; if that is set forward, they end early.
//
// A deleted record leaves nothing of its ciphertext in the files: pages are
// overwritten with zeros and the log is truncated before [Store.Delete]
// returns. If another process is reading at that very moment, the log is
// truncated with the next call of Delete, [Store.Changes] or [Store.Close].
// What a Save or a Note replaces is erased in the same way, at the latest then.
// Two things remain: for two hours that there was a record of that workspace and
// ID, so that every host learns of the deletion, and whatever a disk or a file
// system keeps on its own of blocks that were overwritten or given back.
//
// The file does not shrink; the room of what is deleted is used again. A
// record takes at most 1.3 KB beside what is sealed, and as much again while
// something is noted beside it: padding.go says why.
package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"sync/atomic"
	"time"

	"github.com/credhost/credhost/host"
)

// A Config says which file to open and how.
type Config struct {
	// Path is the file, which is made if there is none. Required.
	Path string

	// Wait is how long to wait for another process that holds the file's lock
	// before a method gives up; 0: 10 s. The end of a ctx ends it sooner.
	Wait time.Duration
}

// A Store is a [host.Store] in a SQLite file. Make one with Open. It is safe
// for concurrent use.
type Store struct {
	path    string
	wait    time.Duration
	file    os.FileInfo // of the file as it was opened
	version int         // of the file
	page    int         // bytes of a page of the file

	writer  *sql.DB              // one connection: writers queue here, not for SQLite's lock
	readers *sql.DB              // a few, which a writer does not block
	prepped map[string]*sql.Stmt // :: SQL → its statement, prepared in the pool it is for

	deletions atomic.Uint64 // made by this Store, and 1 that an earlier one may have left
	erased    atomic.Uint64 // those of them that the log holds no more
}

var _ host.Store = (*Store)(nil)

const readers = 4

// Open opens the store in a file. A file that holds something else, or was
// written by a newer version of this package, is refused and left as it is.
// Ctx is for the opening alone.
func Open(ctx context.Context, config Config) (*Store, error) {
	path, err := createFile(config.Path)
	if err != nil {
		return nil, err
	}
	s := &Store{path: path, wait: config.Wait}
	if s.wait <= 0 {
		s.wait = 10 * time.Second
	}
	if s.file, err = os.Stat(path); err != nil {
		return nil, s.explain(err)
	}
	if err := s.open(ctx); err != nil {
		_ = s.closePools()
		return nil, s.explain(err)
	}
	return s, nil
}

func (s *Store) open(ctx context.Context) error {
	var err error
	if s.writer, err = pool(s.path, 1, writerParams); err != nil {
		return err
	}
	all := migrations()
	if err := s.migrate(ctx, all); err != nil {
		return err
	}
	s.version = len(all)
	if s.readers, err = pool(s.path, readers, readerParams); err != nil {
		return err
	}
	if err := s.prepare(ctx); err != nil {
		return err
	}
	s.deletions.Store(1) // a process may have been killed after it deleted
	return s.erase(ctx)
}

// prepare parses every statement once. A pool parses it again for each of its
// connections, when it is first used there.
func (s *Store) prepare(ctx context.Context) error {
	s.prepped = make(map[string]*sql.Stmt)
	for pool, queries := range map[*sql.DB][]string{s.writer: writes, s.readers: reads} {
		for _, query := range queries {
			err := s.retry(ctx, func(ctx context.Context) (err error) {
				s.prepped[query], err = pool.PrepareContext(ctx, query)
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// Path is the file's absolute path.
func (s *Store) Path() string { return s.path }

// Close releases the file, once the calls under way have ended. The last
// process to close it leaves one file behind.
func (s *Store) Close() error {
	return s.explain(errors.Join(s.erase(context.Background()), s.closePools()))
}

func (s *Store) closePools() error {
	var errs []error
	for _, pool := range []*sql.DB{s.readers, s.writer} {
		if pool != nil {
			errs = append(errs, pool.Close())
		}
	}
	return errors.Join(errs...)
}

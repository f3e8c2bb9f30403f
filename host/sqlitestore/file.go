// SPDX-License-Identifier: Apache-2.0

package sqlitestore

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"modernc.org/sqlite"
)

// The settings of a connection; those of a file are in migrate.go.
//
// busyTimeout, in ms, is how long SQLite itself waits for a lock, which no ctx
// can end; retry goes on after it. Temporary tables stay in memory, so that no
// ciphertext reaches a file that is not ours. The rest is for the writer:
// nothing is acknowledged that a loss of power could take back, and what is
// deleted is overwritten.
var (
	commonParams = url.Values{
		"_pragma": {"busy_timeout(50)", "temp_store(MEMORY)", "trusted_schema(OFF)"},
		"mode":    {"rw"}, "_defensive": {"1"}, "_dqs": {"0"}, "_error_rc": {"1"},
	}
	writerParams = url.Values{
		"_pragma": {"synchronous(FULL)", "fullfsync(ON)", "checkpoint_fullfsync(ON)", "secure_delete(ON)", "wal_autocheckpoint(4000)"},
		"_txlock": {"immediate"},
	}
	readerParams = url.Values{"_pragma": {"query_only(ON)"}}
)

// pool returns a pool of at most n connections, which stay open until it is
// closed. It opens none yet.
func pool(path string, n int, params url.Values) (*sql.DB, error) {
	slashed := filepath.ToSlash(path)
	if !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed // file:///C:/…
	}
	all := url.Values{}
	for _, some := range []url.Values{commonParams, params} {
		for name, values := range some {
			all[name] = append(all[name], values...)
		}
	}
	dsn := url.URL{Scheme: "file", Path: slashed, RawQuery: all.Encode()}
	connector, err := sqlite.NewConnector(dsn.String())
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	return db, nil
}

// creating is held while a new file is open outside SQLite: to close it drops
// the locks that another Store of this process could have on it by then.
var creating sync.Mutex

// createFile makes an empty file, and its folder, unless they are there, and
// returns its absolute path. SQLite gives its other files the same permissions.
func createFile(path string) (string, error) {
	if path == "" {
		return "", errors.New("sqlitestore: Config.Path is empty: name the file that keeps the records")
	}
	if path == ":memory:" || strings.HasPrefix(path, "file:") {
		return "", fmt.Errorf("sqlitestore: %s: Config.Path is the plain path of a file; for a store in memory there is package memstore", path)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("sqlitestore: %w", err)
	}
	if err := createFolder(filepath.Dir(path)); err != nil {
		return "", fmt.Errorf("sqlitestore: %s: %w", path, err)
	}
	creating.Lock()
	defer creating.Unlock()
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	switch {
	case errors.Is(err, fs.ErrExist):
		return path, isFile(path)
	case err != nil:
		return "", fmt.Errorf("sqlitestore: %s cannot be made; give this user the right to write to its folder: %w", path, err)
	}
	return path, file.Close()
}

const smallestPage = 512 // of any SQLite file

func isFile(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("sqlitestore: %w", err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("sqlitestore: %s is no file: name a file in it or beside it", path)
	}
	if n := info.Size(); n > 0 && n < smallestPage { // SQLite would write over a single byte
		return fmt.Errorf("sqlitestore: %s is no SQLite file: it has %d bytes, too few for one; name another", path, n)
	}
	return nil
}

func createFolder(dir string) error {
	err := os.Mkdir(dir, 0o700)
	switch {
	case err == nil:
		syncFolder(filepath.Dir(dir))
		return nil
	case errors.Is(err, fs.ErrExist):
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("the folder that should hold its folder does not exist: make it, or correct the path")
	}
	if info, statErr := os.Stat(dir); statErr == nil && info.IsDir() {
		return nil // such as a mounted one, in a folder that is read-only
	}
	return fmt.Errorf("its folder is missing and cannot be made; make it with the permissions 0700: %w", err)
}

// syncFolder makes a new folder survive the loss of power. SQLite does so for
// the files in it. Where folders cannot be synced, on Windows, the file system
// does it alone.
func syncFolder(dir string) {
	if f, err := os.Open(dir); err == nil {
		_ = f.Sync()
		_ = f.Close()
	}
}

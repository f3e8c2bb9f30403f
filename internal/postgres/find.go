// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// folders are where distributions keep programs that are not on the PATH.
var folders = []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin", "/usr/local/opt/postgresql*/bin"}

// findServer returns the folder of the newest server's programs.
func findServer() (string, error) {
	if runtime.GOOS == "windows" {
		return "", fmt.Errorf("postgres: these tests need Unix sockets, and do not run on Windows: %w", errMissing)
	}
	var found []string
	for _, pattern := range folders {
		dirs, _ := filepath.Glob(filepath.Join(pattern, "initdb"))
		found = append(found, dirs...)
	}
	slices.SortFunc(found, func(a, b string) int { return version(b) - version(a) })
	if len(found) > 0 {
		return filepath.Dir(found[0]), nil
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path), nil
	}
	return "", fmt.Errorf("postgres: there is no PostgreSQL server on this machine: %w", errMissing)
}

// version returns the number in a path such as /usr/lib/postgresql/15/bin/initdb.
func version(path string) int {
	digits := strings.FieldsFunc(path, func(r rune) bool { return r < '0' || r > '9' })
	if len(digits) == 0 {
		return 0
	}
	n, _ := strconv.Atoi(digits[0])
	return n
}

// regexpsInHBA reports whether a server knows patterns of roles: 16 does.
func regexpsInHBA(bin string) bool { return version(bin) >= 16 }

func findBouncer() (string, error) {
	for _, name := range []string{"pgbouncer", "/usr/sbin/pgbouncer"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("postgres: there is no PgBouncer on this machine: %w", errMissing)
}

// pause waits for a moment, unless ctx ends.
func pause(ctx context.Context) error {
	t := time.NewTimer(10 * time.Millisecond)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

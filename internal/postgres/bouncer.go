// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// A Bouncer is a PgBouncer in transaction mode before a Server: each
// transaction of a client may run in another session of the server.
type Bouncer struct {
	dir string
}

// Bouncer starts a PgBouncer that ends with t. It keeps at most the given
// number of sessions of the server for each database; 0: 3.
func (s *Server) Bouncer(t testing.TB, sessions int) *Bouncer {
	t.Helper()
	program, err := findBouncer()
	require(t, err)
	b, g, err := s.startBouncer(program, sessions)
	if g != nil {
		t.Cleanup(g.end)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (s *Server) startBouncer(program string, sessions int) (*Bouncer, *guard, error) {
	if sessions == 0 {
		sessions = 3
	}
	dir, err := privateFolder()
	if err != nil {
		return nil, nil, err
	}
	ini := filepath.Join(dir, "ini")
	// Any role may come in, and is the superuser. It knows no prepared statements
	// of clients, as the versions that most distributions have do not.
	text := fmt.Sprintf(`[databases]
* = host=%s user=%s
[pgbouncer]
unix_socket_dir = %s
unix_socket_mode = 0777
listen_addr =
listen_port = 5432
auth_type = any
pool_mode = transaction
default_pool_size = %d
max_client_conn = 500
server_round_robin = 1
logfile = %s
`, s.dir, Superuser, dir, sessions, filepath.Join(dir, "log"))
	if err := os.WriteFile(ini, []byte(text), 0o600); err != nil {
		return nil, nil, fmt.Errorf("postgres: %w", err)
	}
	if err := giveAway(ini); err != nil {
		return nil, nil, err
	}
	cmd := exec.Command(program, "-q", ini)
	cmd.Dir = dir
	asServerUser(cmd)
	ownGroup(cmd)
	if err := cmd.Start(); err != nil {
		return nil, nil, fmt.Errorf("postgres: %w", err)
	}
	go func() { _ = cmd.Wait() }()
	g, err := newGuard(fmt.Sprintf("kill %d; while kill -0 %d 2>/dev/null; do sleep 0.05; done; rm -rf %q", cmd.Process.Pid, cmd.Process.Pid, dir))
	if err != nil {
		_ = cmd.Process.Kill()
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	err = waitFor(ctx, func() bool {
		conn, err := net.Dial("unix", filepath.Join(dir, ".s.PGSQL.5432"))
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	if err != nil {
		text, _ := os.ReadFile(filepath.Join(dir, "log"))
		err = fmt.Errorf("postgres: PgBouncer does not answer: %w\n%s", err, text)
	}
	return &Bouncer{dir}, g, err
}

// URL returns the URL of a database of the server, by way of the bouncer.
func (b *Bouncer) URL(database string) string { return socketURL(b.dir, database) }

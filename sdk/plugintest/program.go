// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/credhost/credhost/internal/wire"
	"github.com/credhost/credhost/sdk"
)

// A program is a plugin process, started as a host starts it.
type program struct {
	conn *grpc.ClientConn
	typ  wire.Type
	logs *logs
}

// asAProcess calls one process.
type asAProcess struct {
	p    sdk.Plugin
	logs *logs
}

func newAsAProcess(t tb, s *Suite, n *network) way {
	t.Helper()
	p := s.start(t, filepath.Dir(n.socket))
	return asAProcess{p: wire.NewClient(p.conn).Plugin(p.typ), logs: p.logs}
}

func (w asAProcess) plugin() sdk.Plugin { return w.p }

func (asAProcess) call(ctx context.Context, id string) context.Context { return wire.WithCall(ctx, id) }

func (w asAProcess) log() string { return w.logs.take() }

// described returns a New for the program: what it says of itself.
func (s *Suite) described(t tb) func() sdk.Plugin {
	t.Helper()
	p := s.start(t, s.folder(t))
	plugin := wire.NewClient(p.conn).Plugin(p.typ)
	return func() sdk.Plugin { return plugin }
}

// folder makes a folder for sockets, whose path must be short.
func (s *Suite) folder(t tb) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "plugintest")
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// command returns the program's command, with an environment and nothing else.
func (s *Suite) command(t tb, env ...string) *exec.Cmd {
	t.Helper()
	path, err := exec.LookPath(s.Program[0])
	if err != nil {
		t.Fatalf("%v", err)
	}
	cmd := exec.Command(path, s.Program[1:]...)
	cmd.Env = env
	if cmd.Env == nil {
		cmd.Env = []string{} // nil is the environment of this process
	}
	return cmd
}

// start starts a process, and has it described. The end of the test ends it.
func (s *Suite) start(t tb, dir string) program {
	t.Helper()
	p := program{logs: &logs{}}
	cmd := s.command(t, wire.Handshake.MagicCookieKey+"="+wire.Handshake.MagicCookieValue, "PLUGIN_PROTOCOL_VERSIONS=1",
		"PLUGIN_UNIX_SOCKET_DIR="+dir, "HOME="+dir, "TMPDIR="+dir, wire.LifelineEnv+"=stdin")
	cmd.Stderr = p.logs
	lifeline, err := cmd.StdinPipe()
	if err != nil {
		t.Fatalf("%v", err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatalf("%v", err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() { s.end(t, cmd, lifeline) })
	addr := s.handshake(t, stdout, p.logs)
	if filepath.Dir(addr) != dir {
		t.Fatalf("it listens at %s: it must listen in PLUGIN_UNIX_SOCKET_DIR", addr)
	}
	p.conn, err = grpc.NewClient("unix:"+addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() { p.conn.Close() })
	p.describe(t, s.Type)
	return p
}

// end ends the lifeline of a process, which must end then.
func (s *Suite) end(t tb, cmd *exec.Cmd, lifeline io.Closer) {
	t.Helper()
	lifeline.Close()
	timer := time.AfterFunc(s.Patience, func() {
		t.Errorf("it did not exit within %v after its standard input had ended: a host that dies must leave nothing behind", s.Patience)
		cmd.Process.Kill()
	})
	defer timer.Stop()
	cmd.Wait()
}

// handshake reads the line that says where a process listens.
func (s *Suite) handshake(t tb, stdout io.Reader, logs *logs) (addr string) {
	t.Helper()
	type read struct {
		line string
		err  error
	}
	first := make(chan read, 1)
	go func() {
		r := bufio.NewReader(stdout)
		line, err := r.ReadString('\n')
		first <- read{line, err}
		io.Copy(io.Discard, r) // as a host does
	}()
	select {
	case got := <-first:
		parts := strings.Split(strings.TrimSuffix(got.line, "\n"), "|")
		if got.err != nil || len(parts) < 5 || parts[0] != "1" || parts[1] != "1" || parts[2] != "unix" || parts[4] != "grpc" {
			t.Fatalf("its first line is %q, and should be 1|1|unix|PATH|grpc|; it logged %q", got.line, logs.take())
		}
		return parts[3]
	case <-time.After(10 * time.Second):
		t.Fatalf("it wrote no line within 10 s of its start; it logged %q", logs.take())
	}
	return ""
}

// describe asks a process what it is.
func (p *program) describe(t tb, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	d, err := wire.NewClient(p.conn).Describe(ctx)
	if err == nil {
		err = d.Faults()
	}
	if err != nil {
		t.Fatalf("Describe: %v", err)
	}
	if want == "" && len(d.Types) == 1 {
		p.typ = d.Types[0]
		return
	}
	typ, ok := d.Type(want)
	if !ok {
		t.Fatalf("it describes %d types, and none is called %q: set Suite.Type", len(d.Types), want)
	}
	p.typ = typ
}

// checkProgram checks how the program starts, beside what every start checks.
func (s *Suite) checkProgram(t tb) {
	t.Run("Health", func(t tb) {
		p := s.start(t, s.folder(t))
		a, err := grpc_health_v1.NewHealthClient(p.conn).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: "plugin"})
		if err != nil || a.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
			t.Errorf("grpc.health.v1.Health says %v, %v of the service \"plugin\", want SERVING: a host asks it whether the plugin lives", a.GetStatus(), err)
		}
	})
	t.Run("ByHand", func(t tb) {
		cmd := s.command(t)
		var said logs
		cmd.Stderr = &said
		timer := time.AfterFunc(10*time.Second, func() { cmd.Process.Kill() })
		err := cmd.Run()
		timer.Stop()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 2 || said.take() == "" {
			t.Errorf("run by hand it ends with %v: without CREDHOST_PLUGIN it should say on standard error what it is, and exit with status 2", err)
		}
	})
}

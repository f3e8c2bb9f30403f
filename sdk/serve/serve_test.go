// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"

	"github.com/credhost/credhost/internal/wire"
	"github.com/credhost/credhost/internal/wire/testdata/sample"
	"github.com/credhost/credhost/sdk"
)

// planted is a secret that must be in no output.
const planted = "canary-7f3a9"

// built builds the sample program and the bare one, once, and returns their
// folder.
var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "serve")
	if err != nil {
		return "", err
	}
	text, err := exec.Command("go", "build", "-o", dir, "../../internal/wire/testdata/program", "../../internal/wire/testdata/bare").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, text)
	}
	return dir, nil
})

// executable returns the path of a program that was built.
func executable(t testing.TB, name string) string {
	t.Helper()
	dir, err := built()
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	return filepath.Join(dir, name)
}

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := built(); err == nil {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

// command returns a command that runs the sample program with no environment
// but the given one.
func command(t testing.TB, env []string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), executable(t, "program"), args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "SYSTEMROOT=" + os.Getenv("SYSTEMROOT")}, env...)
	return cmd
}

// run runs the sample program and returns what it printed.
func run(t testing.TB, code int, env []string, args ...string) (out, problems string) {
	t.Helper()
	cmd := command(t, env, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.Run()
	if got := cmd.ProcessState.ExitCode(); got != code {
		t.Errorf("%v %v: exit code %d, want %d; it says:\n%s%s", env, args, got, code, &stdout, &stderr)
	}
	return stdout.String(), stderr.String()
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	for _, env := range [][]string{nil, {"SAMPLE=stray"}, {"CREDHOST_PLUGIN=credential"}} {
		out, _ := run(t, 0, env, "--describe")
		var d wire.Description
		if err := json.Unmarshal([]byte(out), &d); err != nil {
			t.Fatalf("%v: %v in %.200s", env, err, out)
		}
		typ, ok := d.Type("sample")
		if !ok || d.Program != "program" || d.Version == "" {
			t.Errorf("%v: got %+v", env, d)
		}
		want := sample.Plugin{Name: "sample"}
		if diff := cmp.Diff(wire.Type{Schema: want.Schema(), Can: sdk.Can(want)}, typ); diff != "" {
			t.Errorf("%v: (-want +got):\n%s", env, diff)
		}
		if !strings.Contains(out, `Sample <&> “sample”`) || !strings.Contains(out, "\n  \"types\": [\n") {
			t.Errorf("%v: not written for people: %.300s", env, out)
		}
	}
}

func TestDescribeListsEveryFault(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"--describe"}, nil} {
		out, problems := run(t, 1, []string{"SAMPLE=faulty"}, args...)
		for _, fault := range []string{
			`schema "faulty": field "1": name must begin with a letter`, `schema "faulty": field "1": needs a title`,
			`schema "sample": the program serves more than one type of this name`,
		} {
			if !strings.Contains(problems, fault) {
				t.Errorf("%v: the faults lack %q:\n%s", args, fault, problems)
			}
		}
		if out != "" {
			t.Errorf("%v: printed %q", args, out)
		}
	}
	if _, problems := run(t, 1, []string{"SAMPLE=none"}, "--describe"); !strings.Contains(problems, "it has no plugin") {
		t.Errorf("got %q", problems)
	}
}

func TestForPeople(t *testing.T) {
	t.Parallel()
	byHand, problems := run(t, 2, nil)
	help, _ := run(t, 0, nil, "--help")
	if byHand != "" || problems != help {
		t.Errorf("run by hand: %q %q, want what --help says", byHand, problems)
	}
	for _, want := range []string{"is a credential plugin", "sample", "Sample <&>", "naughty", "credhost plugin trust program", "credhost-plugin-program", "--describe"} {
		if !strings.Contains(help, want) {
			t.Errorf("--help lacks %q:\n%s", want, help)
		}
	}
	if out, _ := run(t, 0, nil, "--version"); !strings.HasPrefix(out, "program ") || strings.Count(out, "\n") != 1 {
		t.Errorf("--version: got %q", out)
	}
	for _, args := range [][]string{{"--fly"}, {"describe"}} {
		if _, problems := run(t, 2, nil, args...); !strings.Contains(problems, args[0][2:]) || !strings.Contains(problems, help) {
			t.Errorf("%v: got %q", args, problems)
		}
	}
	if _, problems := run(t, 2, []string{"CREDHOST_PLUGIN=other"}); problems != help {
		t.Errorf("with another's cookie: got %q", problems)
	}
}

// A record is what a process has written to its standard error.
type record struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.b.Write(p)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.b.String()
}

// A started program, as a host has it.
type started struct {
	*wire.Client
	socket string // of the egress
	log    *record
	plugin *goplugin.Client
}

// start starts the sample program as go-plugin does, and returns its client.
func start(t testing.TB, env ...string) started {
	t.Helper()
	dir, err := os.MkdirTemp("", "serve")
	if err != nil {
		t.Fatal(err)
	}
	s := started{socket: filepath.Join(dir, "egress"), log: &record{}}
	s.plugin = goplugin.NewClient(&goplugin.ClientConfig{
		HandshakeConfig:  wire.Handshake,
		VersionedPlugins: wire.Versions(&wire.Plugin{}),
		Cmd:              command(t, append(env, "PLUGIN_UNIX_SOCKET_DIR="+dir)),
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		AutoMTLS:         runtime.GOOS == "windows",
		SkipHostEnv:      true,
		Stderr:           s.log,
		Logger:           hclog.NewNullLogger(),
	})
	t.Cleanup(func() {
		s.plugin.Kill()
		os.RemoveAll(dir)
	})
	conn, err := s.plugin.Client()
	if err != nil {
		t.Fatalf("%v\n%s", err, s.log)
	}
	client, err := conn.Dispense(wire.Name)
	if err != nil {
		t.Fatal(err)
	}
	s.Client = client.(*wire.Client)
	return s
}

// remote returns the remote plugin of a type of the program.
func (s started) remote(t testing.TB, name string) sdk.Plugin {
	t.Helper()
	d, err := s.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	typ, ok := d.Type(name)
	if !ok {
		t.Fatalf("no type %q: %v", name, d.Faults())
	}
	return s.Plugin(typ)
}

// deed asks the naughty plugin to do something.
func (s started) deed(ctx context.Context, t testing.TB, name string) (sdk.Grant, error) {
	p := s.remote(t, "naughty")
	return p.Grant(ctx, sdk.NewInput(p.Schema(), sdk.Values{"deed": name, "canary": planted}))
}

// What a plugin in another process gets is what its host has sent, and the
// other way round.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	p := start(t).remote(t, "sample")
	for seed := range uint64(100) {
		if err := sample.Check(t.Context(), p, seed); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

// A program may print what and when it likes.
func TestPrinting(t *testing.T) {
	t.Parallel()
	s := start(t, "SAMPLE=stray")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for range 3 { // more than any pipe holds
		if _, err := s.deed(ctx, t, "print"); err != nil {
			t.Fatal(err)
		}
	}
	log := wait(t, s.log, func(log string) bool { return strings.Count(log, "printed ") >= 600000 })
	if strings.Count(log, "1|1|unix|/nowhere|grpc|") != 2 || strings.Count(log, "a stray line") != 2 {
		t.Errorf("the log lacks what was printed before serving: %.200s", log)
	}
}

// wait returns a log when it is complete, as far as done says.
func wait(t testing.TB, log *record, done func(string) bool) string {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		text := log.String()
		if done(text) {
			return text
		}
		if time.Now().After(end) {
			t.Fatalf("the log is not complete: %d bytes, %.500s", len(text), text)
		}
	}
}

// What a plugin fails with is neither in the error nor in the log, only the
// kind of it; and the program lives on.
func TestFailuresKeepSecrets(t *testing.T) {
	t.Parallel()
	s := start(t)
	for deed, want := range map[string]struct {
		code      sdk.Code
		said, log string
	}{
		"panic":               {sdk.Internal, "the plugin panicked", `Grant of "naughty" panicked: a string`},
		"panic with an error": {sdk.Internal, "the plugin panicked", "main.Naughty.Grant"},
		"fail":                {sdk.Internal, "the plugin failed", "*fmt.wrapError: *errors.errorString (unexpected EOF)"},
		"explain":             {sdk.Denied, "no", "*sdk.Error (no): *errors.errorString"},
	} {
		_, err := s.deed(t.Context(), t, deed)
		var e *sdk.Error
		if !errors.As(err, &e) || e.Code != want.code || e.Message != want.said {
			t.Errorf("%s: got %v", deed, err)
		}
		wait(t, s.log, func(log string) bool { return strings.Contains(log, want.log) })
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.Plugin(wire.Type{Schema: sdk.Schema{Name: "naughty"}}).Grant(ctx,
		sdk.NewInput(sdk.Schema{}, sdk.Values{"deed": "sleep", "canary": planted})); err != context.DeadlineExceeded {
		t.Errorf("sleep: got %v", err)
	}
	if _, err := s.deed(t.Context(), t, ""); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	if strings.Contains(s.log.String(), planted) {
		t.Errorf("the secret is in the log:\n%s", s.log)
	}
}

// A program that exits in the middle of a call is gone.
func TestExit(t *testing.T) {
	t.Parallel()
	if _, err := start(t).deed(t.Context(), t, "exit"); !errors.Is(err, wire.ErrGone) || !errors.Is(err, sdk.Unavailable) {
		t.Errorf("got %v", err)
	}
}

// Plain net/http code reaches the network through the egress beside the
// program's own socket.
func TestEgress(t *testing.T) {
	t.Parallel()
	s := start(t)
	l, err := net.Listen("unix", s.socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		br := bufio.NewReader(conn)
		line, _ := br.ReadString('\n')
		io.WriteString(conn, "ok\n")
		r, err := http.ReadRequest(br)
		if err != nil {
			return
		}
		body := fmt.Sprintf("%q", strings.TrimSpace(line)+" "+r.Host+r.RequestURI)
		fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	}()
	const call = "unguessable-ID-of-this-call"
	g, err := s.deed(wire.WithCall(t.Context(), call), t, "fetch")
	if want := call + " https://api.example.com api.example.com/token"; err != nil || g.Account != want {
		t.Errorf("got %q, %v, want %q", g.Account, err, want)
	}
	l.Close()
	if _, err := s.deed(t.Context(), t, "fetch"); !errors.Is(err, sdk.Internal) || !strings.Contains(err.Error(), "no way to the network") {
		t.Errorf("without an egress: got %v", err)
	}
}

// begin starts the sample program as a host in any language would, and returns
// its first line.
func begin(t testing.TB, env ...string) (cmd *exec.Cmd, stdin io.Closer, line string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "serve")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	cmd = command(t, append(env, "PLUGIN_UNIX_SOCKET_DIR="+dir, "CREDHOST_PLUGIN=credential", "PLUGIN_PROTOCOL_VERSIONS=1"))
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	br := bufio.NewReader(out)
	line, err = br.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return cmd, in, line
}

// The program outlives its host by nothing, if standard input is its lifeline;
// otherwise the end of standard input means nothing.
func TestLifeline(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("the program wants mutual TLS on Windows, which this test does not speak")
	}
	cmd, stdin, line := begin(t, "CREDHOST_LIFELINE=stdin")
	if parts := strings.Split(strings.TrimSpace(line), "|"); len(parts) < 5 || parts[0] != "1" || parts[1] != "1" || parts[2] != "unix" || parts[4] != "grpc" {
		t.Errorf("handshake %q", line)
	}
	stdin.Close()
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("it ended with %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it lives on without its host")
	}

	cmd, stdin, line = begin(t)
	stdin.Close()
	conn, err := net.Dial("unix", strings.Split(line, "|")[3])
	if err != nil {
		t.Fatalf("without a lifeline it ended: %v", err)
	}
	conn.Close()
	cmd.Process.Kill()
	cmd.Wait()
}

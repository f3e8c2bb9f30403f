// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/credhost/credhost/internal/postgres"
	"github.com/credhost/credhost/internal/standin"
)

// A servingProcess is a credhost serve, as it is shipped, in a process of its own.
type servingProcess struct {
	t    testing.TB
	cmd  *exec.Cmd
	data string
	said started
	log  *said
	done chan error
}

// A folder of data, in which the founding plugins are trusted.
func newData(t testing.TB) string {
	t.Helper()
	data := t.TempDir()
	if err := os.WriteFile(filepath.Join(data, "credhost.lock"), plugins.lock, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(data, "cache"), os.DirFS(filepath.Join(plugins.data, "cache"))); err != nil {
		t.Fatal(err)
	}
	return data
}

// credhostCommand returns a command that runs the program on a data folder.
func credhostCommand(data string, args ...string) *exec.Cmd {
	cmd := exec.Command(plugins.program, args...)
	cmd.Env = append(os.Environ(), "CREDHOST_DATA="+data, "CREDHOST_PLUGINS="+plugins.founding, "XDG_RUNTIME_DIR="+plugins.sockets, "NOTIFY_SOCKET=", "JOURNAL_STREAM=")
	return cmd
}

// run runs the program to its end, and returns its result.
func run(t testing.TB, data string, args ...string) string {
	t.Helper()
	cmd := credhostCommand(data, args...)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("credhost %s: %v", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out))
}

// startServing starts a server, and waits until it is ready.
func startServing(t testing.TB, data string, env []string, args ...string) *servingProcess {
	t.Helper()
	s := &servingProcess{t: t, data: data, log: &said{}, done: make(chan error, 1)}
	s.cmd = credhostCommand(data, append([]string{"serve", "--json", "--log-format", "json"}, args...)...)
	s.cmd.Env = append(s.cmd.Env, env...)
	s.cmd.Stderr = s.log
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.cmd.Process.Kill() })
	s.begun(out)
	return s
}

// begun waits until it says that it is ready.
func (s *servingProcess) begun(out io.Reader) {
	s.t.Helper()
	text := json.RawMessage{}
	err := json.NewDecoder(out).Decode(&text)
	if err == nil {
		err = json.Unmarshal(text, &s.said)
	}
	if err != nil || s.said.URL == "" {
		s.t.Fatalf("it said %q, %v\n%s", text, err, s.log)
	}
	go func() {
		io.Copy(io.Discard, out)
		s.done <- s.cmd.Wait()
	}()
}

// end sends a signal, and waits for the end, which must be a good one.
func (s *servingProcess) end(sig os.Signal) {
	s.t.Helper()
	s.cmd.Process.Signal(sig)
	s.ends()
}

// ends waits for the end. A second signal would not be one that it finishes after.
func (s *servingProcess) ends() {
	s.t.Helper()
	select {
	case err := <-s.done:
		if err != nil {
			s.t.Errorf("it ended with %v\n%s", err, s.log)
		}
	case <-time.After(30 * time.Second):
		s.t.Errorf("it does not end\n%s", s.log)
	}
	for _, leak := range nest().Search("the log", []byte(s.log.String())) {
		s.t.Error(leak)
	}
}

// call sends a request with a key, and returns the status and the answer.
func (s *servingProcess) call(key, method, path, body string) (int, map[string]any) {
	s.t.Helper()
	r, err := http.NewRequest(method, s.said.URL+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("Authorization", "Bearer "+key)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	var v map[string]any
	text, _ := io.ReadAll(resp.Body)
	json.Unmarshal(text, &v)
	return resp.StatusCode, v
}

// logs waits until the log has a text.
func (s *servingProcess) logs(text string) {
	s.t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if strings.Contains(s.log.String(), text) {
			return
		}
	}
	s.t.Fatalf("the log does not say %q:\n%s", text, s.log)
}

// halo starts a stand-in, and returns its URL and the answers of a credential.
func halo(t testing.TB) (url, answers string, service *standin.Halo) {
	service = standin.NewHalo(standin.HaloConfig{Behaviour: standin.HaloBehaviour{OnPremise: true}})
	srv := httptest.NewServer(service)
	t.Cleanup(srv.Close)
	return srv.URL, haloAnswers(srv.URL), service
}

// haloAnswers are the answers of a credential for a stand-in.
func haloAnswers(url string) string {
	return fmt.Sprintf(`{"type":"halopsa","name":"helpdesk","answers":{"authUrl":%q,"resourceUrl":%q,"clientId":%q,"clientSecret":%q}}`,
		url+"/auth", url+"/api", standin.HaloClientID, standin.HaloClientSecret)
}

// proxied is the path of a URL of a service through the proxy.
func proxied(id, service string) string {
	return "/proxy/" + id + "/" + strings.Replace(service, "://", "/", 1)
}

// One program does the main job over HTTP, takes a change of its settings
// without dropping a request, and ends without dropping one.
func TestServe(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no signals on Windows")
	}
	t.Parallel()
	data := newData(t)
	service, answers, _ := halo(t)
	config := filepath.Join(data, "credhost.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("listen: 127.0.0.1:0\nmetrics-listen: 127.0.0.1:0\nallow-address: [127.0.0.0/8]\n")
	s := startServing(t, data, nil)
	key := run(t, data, "keys", "create", "--scope", "read,write,use")
	status, made := s.call(key, "POST", "/v1/credentials", answers)
	id, _ := made["id"].(string)
	if status != http.StatusCreated || id == "" {
		t.Fatalf("creating was answered with %d: %v", status, made)
	}
	if status, verdict := s.call(key, "POST", "/v1/credentials/"+id+"/test", ""); status != 200 || verdict["outcome"] != "works" {
		t.Errorf("testing was answered with %d: %v", status, verdict)
	}
	if status, tickets := s.call(key, "GET", proxied(id, service+"/api/tickets"), ""); status != 200 || tickets["record_count"] == nil {
		t.Errorf("a proxied request was answered with %d: %v", status, tickets)
	}
	proxyURL, _ := url.Parse(s.said.URL)
	proxyURL.User = url.UserPassword(id, key)
	through := &http.Client{Transport: &http.Transport{Proxy: func(*http.Request) (*url.URL, error) { return proxyURL, nil }}}
	resp, err := through.Get(strings.Replace(service, "127.0.0.1", "localtest.invalid", 1) + "/api/tickets")
	if err == nil {
		resp.Body.Close()
		if resp.StatusCode == 200 {
			t.Error("a credential was used elsewhere")
		}
	}
	through.CloseIdleConnections()
	s.page()
	s.measures()
	s.reloads(write, key, id, service)
	s.end(syscall.SIGTERM)
	if leak := search(data, data); leak != "" {
		t.Error(leak)
	}
}

// page looks at where people sign in, and at the link that was printed. Signing in
// with it is what package web tests.
func (s *servingProcess) page() {
	s.t.Helper()
	resp, err := http.Get(s.said.URL + "/signin")
	if err != nil {
		s.t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 200 || !strings.Contains(resp.Header.Get("Content-Security-Policy"), "default-src 'none'") {
		s.t.Errorf("the page is answered with %s", resp.Status)
	}
	if !strings.HasPrefix(s.said.SignIn, s.said.URL+"/signin#chl_") {
		s.t.Errorf("the link is %q", s.said.SignIn)
	}
}

// measures looks at what is measured.
func (s *servingProcess) measures() {
	s.t.Helper()
	at, _, _ := strings.Cut(s.said.Listening[1], ",")
	resp, err := http.Get(at + "/metrics")
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	for _, want := range []string{`http_server_request_duration_seconds_count{http_request_method="POST"`, `http_route="/proxy"`, "go_goroutines", "process_resident_memory_bytes"} {
		if !bytes.Contains(text, []byte(want)) {
			s.t.Errorf("there is no %s", want)
		}
	}
	for _, leak := range nest().Search("metrics", text) {
		s.t.Error(leak)
	}
}

// reloads changes the settings while requests go on.
func (s *servingProcess) reloads(write func(string), key, id, service string) {
	s.t.Helper()
	path := proxied(id, service+"/api/tickets")
	stop := make(chan struct{})
	var busy sync.WaitGroup
	busy.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if status, _ := s.call(key, "GET", "/v1/credentials/"+id, ""); status != 200 {
				s.t.Errorf("while the settings changed a request was answered with %d", status)
				return
			}
		}
	})
	write("listen: 127.0.0.1:1\nmetrics-listen: 127.0.0.1:0\nlog-level: warn\n")
	s.cmd.Process.Signal(syscall.SIGHUP)
	s.logs(`"settings":"listen"`)
	if status, _ := s.call(key, "GET", path, ""); status == 200 {
		s.t.Error("an address was reached that is not allowed any more")
	}
	write("listen: 127.0.0.1:1\nnonsense: true\nallow-address: [127.0.0.0/8]\n")
	s.cmd.Process.Signal(syscall.SIGHUP)
	s.logs(`there is no setting \"nonsense\"`)
	if status, _ := s.call(key, "GET", path, ""); status == 200 {
		s.t.Error("a faulty file changed something")
	}
	write("listen: 127.0.0.1:0\nmetrics-listen: 127.0.0.1:0\nallow-address: [127.0.0.0/8]\n")
	s.cmd.Process.Signal(syscall.SIGHUP)
	s.logs(`"changed":"allow-address log-level"`)
	if status, _ := s.call(key, "GET", path, ""); status != 200 {
		s.t.Errorf("an address that is allowed again was answered with %d", status)
	}
	close(stop)
	busy.Wait()
}

// A server that has nothing to do is small, and runs no plugin.
func TestServeIsSmall(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux says how large a process is, and what it has started")
	}
	t.Parallel()
	s := startServing(t, newData(t), nil, "--listen", "127.0.0.1:0")
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	kilobytes, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d MB", kilobytes/1000)
	if kilobytes > 60_000 {
		t.Errorf("it takes %d kB", kilobytes)
	}
	children, _ := exec.Command("ps", "--ppid", strconv.Itoa(s.cmd.Process.Pid), "-o", "pid=").Output()
	if len(bytes.TrimSpace(children)) > 0 {
		t.Errorf("it has started %s", children)
	}
	s.end(os.Interrupt)
}

// Three servers on one database are one: what is made at the first is used at
// the second, and a key that is ended at the third is refused by the first
// within two seconds. One that is killed is not missed.
func testServersShareADatabase(t *testing.T, server *postgres.Server) {
	service, answers, _ := halo(t)
	env := []string{"CREDHOST_STORE=" + server.Database(t), "CREDHOST_ALLOW_ADDRESS=127.0.0.0/8", "CREDHOST_LISTEN=127.0.0.1:0", "CREDHOST_NO_SIGNIN_LINK=true"}
	var all []*servingProcess
	for i := range 3 {
		data := newData(t)
		if i > 0 { // they share the key file, too
			text, err := os.ReadFile(filepath.Join(all[0].data, "credhost.key"))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(data, "credhost.key"), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		all = append(all, startServing(t, data, env))
	}
	first, second, third := all[0], all[1], all[2]
	making := credhostCommand(first.data, "keys", "create", "--operator", "--scope", "read,write,use,admin")
	making.Env = append(making.Env, env...)
	out, err := making.Output()
	if err != nil {
		t.Fatal(err)
	}
	boss := strings.TrimSpace(string(out))
	status, made := second.inWorkspace(boss, "POST", "/v1/keys", `{"name":"engine","scopes":["read","write","use"]}`)
	key, _ := made["token"].(string)
	if status != 201 || key == "" {
		t.Fatalf("making a key was answered with %d: %v", status, made)
	}
	keyID, _ := made["id"].(string)
	if of, ok := made["key"].(map[string]any); ok {
		keyID, _ = of["id"].(string)
	}
	_, credential := first.call(key, "POST", "/v1/credentials", answers)
	id, _ := credential["id"].(string)
	path := proxied(id, service+"/api/tickets")
	for i, s := range all {
		if status, _ := s.call(key, "GET", path, ""); status != 200 {
			t.Errorf("server %d answered a proxied request with %d", i+1, status)
		}
	}
	second.cmd.Process.Kill() // SIGKILL
	<-second.done
	if status, _ := first.call(key, "GET", path, ""); status != 200 {
		t.Errorf("after another was killed the first answers with %d", status)
	}
	began := time.Now()
	if status, v := third.inWorkspace(boss, "DELETE", "/v1/keys/"+keyID, ""); status/100 != 2 {
		t.Fatalf("ending a key was answered with %d: %v", status, v)
	}
	for {
		status, _ := first.call(key, "GET", path, "")
		if status == http.StatusUnauthorized {
			break
		}
		if time.Since(began) > 2*time.Second {
			t.Fatalf("two seconds after it has ended a key is answered with %d", status)
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Logf("a key that had ended was refused elsewhere after %s", time.Since(began).Round(time.Millisecond))
	first.end(syscall.SIGTERM)
	third.end(syscall.SIGTERM)
}

// inWorkspace is call with a key of the host itself.
func (s *servingProcess) inWorkspace(key, method, path, body string) (int, map[string]any) {
	s.t.Helper()
	r, err := http.NewRequest(method, s.said.URL+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Credhost-Workspace", "default")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	var v map[string]any
	json.NewDecoder(resp.Body).Decode(&v)
	return resp.StatusCode, v
}

// Systemd is told when a server is ready, reloads and ends, and passes it its
// sockets.
func TestServeUnderSystemd(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("systemd is on Linux alone")
	}
	t.Parallel()
	data := newData(t)
	dir, err := os.MkdirTemp("", "n")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	told, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer told.Close()
	next := func() string {
		t.Helper()
		told.SetReadDeadline(time.Now().Add(20 * time.Second))
		b := make([]byte, 4096)
		for {
			n, err := told.Read(b)
			if err != nil {
				t.Fatalf("systemd was told nothing: %v", err)
			}
			if text := string(b[:n]); text != alive {
				return text
			}
		}
	}
	passed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	file, err := passed.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	passed.Close()
	// The process that is to have the socket must be named: a shell names itself
	// and becomes the server.
	s := &servingProcess{t: t, data: data, log: &said{}, done: make(chan error, 1)}
	s.cmd = credhostCommand(data)
	s.cmd.Path, s.cmd.Args = "/bin/sh", []string{"sh", "-c", `LISTEN_PID=$$ exec "$0" serve --listen systemd:web --no-signin-link --log-format json`, plugins.program}
	s.cmd.Env = append(s.cmd.Env, "NOTIFY_SOCKET="+told.LocalAddr().String(), "LISTEN_FDS=1", "LISTEN_FDNAMES=web", "WATCHDOG_USEC=200000")
	s.cmd.ExtraFiles, s.cmd.Stderr = []*os.File{file}, s.log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	file.Close()
	t.Cleanup(func() { s.cmd.Process.Kill() })
	go func() { s.done <- s.cmd.Wait() }()
	if got := next(); got != ready {
		t.Fatalf("systemd was told %q\n%s", got, s.log)
	}
	resp, err := http.Get("http://" + passed.Addr().String() + "/v1/ready")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	told.SetReadDeadline(time.Now().Add(20 * time.Second))
	b := make([]byte, 100)
	if n, err := told.Read(b); err != nil || string(b[:n]) != alive {
		t.Errorf("the watchdog was told %q, %v", b[:n], err)
	}
	s.cmd.Process.Signal(syscall.SIGHUP)
	if got := next(); !strings.HasPrefix(got, reloading+"\nMONOTONIC_USEC=") {
		t.Errorf("at a reload systemd was told %q", got)
	}
	if got := next(); got != ready {
		t.Errorf("after a reload systemd was told %q", got)
	}
	s.cmd.Process.Signal(syscall.SIGTERM)
	if got := next(); got != stopping {
		t.Errorf("at the end systemd was told %q", got)
	}
	s.ends()
}

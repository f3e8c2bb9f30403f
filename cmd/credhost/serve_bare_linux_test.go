// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// A server needs nothing of a system but its own file, its plugins and a folder
// of data: no loader, no shell, no /proc, no /tmp, no user of a name. So it is in
// a container made of nothing, with a root that cannot be written to.
func TestServeInABareRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can change the root of a process")
	}
	t.Parallel()
	const nobody = 65532 // as in examples/docker
	root, data := t.TempDir(), newData(t)
	for _, dir := range []string{root, filepath.Dir(root), filepath.Dir(data)} { // which Go makes for root alone
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{"data", "etc/ssl/certs"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.CopyFS(filepath.Join(root, "plugins"), os.DirFS(plugins.founding)); err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{plugins.program: "credhost", "/etc/ssl/certs/ca-certificates.crt": "etc/ssl/certs/ca-certificates.crt"} {
		text, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(filepath.Join(root, to), text, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("chown", "-R", "65532:65532", data).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s := &servingProcess{t: t, data: data, log: &said{}, done: make(chan error, 1)}
	s.cmd = exec.Command("sh", "-ec", `mount --bind "$0" "$0"; mount --bind "$1" "$0/data"; mount -o remount,bind,ro "$0"; cd "$0"
		exec chroot --userspec=65532:65532 "$0" /credhost serve --json --log-format json`, root, data)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	s.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "XDG_RUNTIME_DIR=/data", "CREDHOST_DATA=/data", "CREDHOST_PLUGINS=/plugins", "CREDHOST_LISTEN=127.0.0.1:0", "CREDHOST_ALLOW_ADDRESS=127.0.0.0/8"}
	s.cmd.Stderr = s.log
	out, err := s.cmd.StdoutPipe()
	if err == nil {
		err = s.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.cmd.Process.Kill() })
	s.begun(out)
	if info, err := os.Stat("/proc/" + strconv.Itoa(s.cmd.Process.Pid)); err != nil || info.Sys().(*syscall.Stat_t).Uid != nobody {
		t.Errorf("it runs as another: %v", err)
	}
	cmd := exec.Command("/credhost", "keys", "create", "--scope", "write,use")
	cmd.Dir, cmd.Env = "/", []string{"XDG_RUNTIME_DIR=/data", "CREDHOST_DATA=/data", "CREDHOST_PLUGINS=/plugins"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: "/proc/" + strconv.Itoa(s.cmd.Process.Pid) + "/root", Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	cmd.Stderr = s.log
	key, err := cmd.Output()
	if err != nil {
		t.Fatalf("making a key: %v\n%s", err, s.log)
	}
	service, answers, _ := halo(t)
	token := string(key[:len(key)-1])
	_, made := s.call(token, "POST", "/v1/credentials", answers)
	id, _ := made["id"].(string)
	if status, got := s.call(token, "GET", proxied(id, service+"/api/tickets"), ""); status != http.StatusOK || got["record_count"] == nil {
		t.Errorf("a proxied request was answered with %d: %v\n%s", status, got, s.log)
	}
	s.end(syscall.SIGTERM)
}

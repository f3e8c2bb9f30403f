// SPDX-License-Identifier: Apache-2.0

//go:build linux

package examples_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// Where the tests run as root, each works under a host without privileges, too.
func TestUnderAHostWithoutPrivileges(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("this user has no privileges, so that TestUnderAHost is this test")
	}
	dir, err := os.MkdirTemp("", "examples") // those of testing are for root alone
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	home, exe := filepath.Join(dir, "home"), filepath.Join(dir, "test")
	program, err := os.ReadFile("/proc/self/exe")
	for _, step := range []func() error{
		func() error { return err },
		func() error { return os.Chmod(dir, 0o755) },
		func() error { return os.WriteFile(exe, program, 0o755) },
		func() error { return os.Mkdir(home, 0o700) },
		func() error { return os.Chown(home, 65534, 65534) },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(exe, "-test.run", "^TestUnderAHost$", "-test.v")
	cmd.Env = append(os.Environ(), "TMPDIR="+home, "HOME="+home)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, fs.ErrPermission) || bytes.Contains(out, []byte("permission denied")) && !bytes.Contains(out, []byte("=== RUN")) {
		t.Skipf("NOT TESTED: another user may not read this folder: %v %s", err, out)
	}
	if err != nil || !bytes.Contains(out, []byte("PASS: TestUnderAHost ")) && !bytes.Contains(out, []byte("SKIPPED: ")) {
		t.Errorf("without privileges: %v\n%s", err, out)
	}
	for line := range bytes.Lines(out) {
		if bytes.Contains(line, []byte("SKIPPED: ")) || bytes.Contains(line, []byte(" cell and reads ")) {
			t.Logf("%.200s", bytes.TrimSpace(line))
		}
	}
}

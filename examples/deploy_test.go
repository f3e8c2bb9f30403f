// SPDX-License-Identifier: Apache-2.0

package examples_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// TestDeployments has BuildKit, Compose and the types of Kubernetes read the
// examples. Their modules are many: it is for make deployments.
func TestDeployments(t *testing.T) {
	if os.Getenv("CREDHOST_DEPLOYMENTS") == "" {
		t.Skip("make deployments has the examples of deployment be read by those who they are for")
	}
	program := filepath.Join(t.TempDir(), "testdeploy")
	build := exec.Command("go", "build", "-o", program, ".")
	build.Dir, build.Env = "../internal/testdeploy", append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0", "GOFLAGS=-mod=readonly")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if out, err := exec.Command(program, ".").CombinedOutput(); err != nil {
		t.Errorf("%s", out)
	}
}

// systemd returns what systemd-analyze says, which is for Linux.
func systemd(t *testing.T, args ...string) string {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("systemd is for Linux")
	}
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		need.Lacks(t, "systemd-analyze is")
	}
	out, err := exec.Command("systemd-analyze", args...).CombinedOutput()
	if err != nil {
		t.Errorf("systemd-analyze %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// units copies the units to where their program is one that there is.
func units(t *testing.T) (service, socket string) {
	t.Helper()
	dir := t.TempDir()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"credhost.service", "credhost.socket"} {
		text, err := os.ReadFile(filepath.Join("systemd", name))
		if err != nil {
			t.Fatal(err)
		}
		text = []byte(strings.ReplaceAll(string(text), "/usr/local/bin/credhost", exe))
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "credhost.service"), filepath.Join(dir, "credhost.socket")
}

// Systemd understands the units, and finds the service well protected.
func TestUnits(t *testing.T) {
	service, socket := units(t)
	if said := systemd(t, "verify", service, socket); strings.Contains(said, "credhost.service:") || strings.Contains(said, "credhost.socket:") {
		t.Error(said)
	}
	said := systemd(t, "security", "--offline=yes", "--threshold=30", service)
	if !strings.Contains(said, "Overall exposure level") {
		t.Error(said)
	}
}

// The service may do all that makes a plugin's cell.
func TestUnitsAllowCells(t *testing.T) {
	text, err := os.ReadFile("systemd/credhost.service")
	if err != nil {
		t.Fatal(err)
	}
	allowed := map[string]bool{}
	var add func(name string)
	add = func(name string) {
		if !strings.HasPrefix(name, "@") {
			allowed[name] = true
			return
		}
		for line := range strings.Lines(systemd(t, "syscall-filter", name)) {
			if word := strings.TrimSpace(line); word != "" && word != name && !strings.HasPrefix(word, "#") {
				add(word)
			}
		}
	}
	for line := range strings.Lines(string(text)) {
		if names, ok := strings.CutPrefix(strings.TrimSpace(line), "SystemCallFilter="); ok && !strings.HasPrefix(names, "~") {
			for name := range strings.FieldsSeq(names) {
				add(name)
			}
		}
	}
	files, err := filepath.Glob("../host/sandbox/*_linux.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files of the sandbox: %v", err)
	}
	call := regexp.MustCompile(`unix\.SYS_([A-Z0-9_]+)`)
	for _, name := range files {
		if strings.HasSuffix(name, "filter_linux.go") {
			continue // what plugins may call
		}
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range call.FindAllStringSubmatch(string(source), -1) {
			if word := strings.ToLower(m[1]); !allowed[word] {
				t.Errorf("%s: the unit does not allow %s", name, word)
			}
		}
	}
}

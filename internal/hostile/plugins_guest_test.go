// SPDX-License-Identifier: Apache-2.0

//go:build linux

package hostile_test

import (
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// guest is the user of a host without rights: "nobody".
const guest = 65534

// A host that is not root makes its cells in another way. What plugins try of
// the machine is tried with such a host, too: by this test's own program, as
// another user.
func TestPluginsOfAHostWithoutRights(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("this host has no rights, and has tried all of it already: see TestPlugins")
	}
	program, err := rogueBytes()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "guest") // that of the test belongs to root alone
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	temporary := filepath.Join(dir, "t")
	for _, err := range []error{
		os.Chmod(dir, 0o755), os.WriteFile(filepath.Join(dir, "rogue"), program, 0o755), os.WriteFile(filepath.Join(dir, "test"), self, 0o755),
		os.Mkdir(temporary, 0o700), os.Chown(temporary, guest, guest), os.Mkdir(filepath.Join(dir, "plugins"), 0o755),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	var names []string
	for _, some := range []attempts{pluginsThatLook, pluginsThatTake, pluginsThatAsk} {
		for name := range maps.Keys(some) {
			names = append(names, regexp.QuoteMeta(strings.ReplaceAll(name, " ", "_")))
		}
	}
	slices.Sort(names)
	var out []byte
	for wait := time.Millisecond; wait < time.Second; wait *= 2 {
		cmd := exec.Command(filepath.Join(dir, "test"), "-test.run", "^TestPlugins$/^("+strings.Join(names, "|")+")$", "-test.v")
		cmd.Dir = dir
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + temporary, programsEnv + "=" + dir}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: guest, Gid: guest}}
		if out, err = cmd.CombinedOutput(); !errors.Is(err, syscall.ETXTBSY) {
			break
		}
		time.Sleep(wait) // a child of another test, not quite started, has the file open for writing
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if n := strings.Count(string(out), "--- PASS: TestPlugins/"); n < len(names) {
		t.Errorf("%d of %d attempts were made\n%s", n, len(names), out)
	}
	for line := range strings.SplitSeq(string(out), "\n") {
		if strings.Contains(line, "NOT TRIED") {
			t.Log(strings.TrimSpace(line))
		}
	}
}

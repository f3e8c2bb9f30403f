// SPDX-License-Identifier: Apache-2.0

//go:build linux

package registry

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/credhost/credhost/host/sandbox"
)

// hostEnv makes this test's binary a host with a plugin, which waits to be
// killed: the folders of its plugins and its runtime.
const hostEnv = "CREDHOST_REGISTRY_TEST_HOST"

func TestMain(m *testing.M) {
	if dirs := os.Getenv(hostEnv); dirs != "" {
		beHost(strings.Split(dirs, string(os.PathListSeparator)))
		return
	}
	os.Exit(m.Run())
}

// beHost prints the IDs of its plugins' processes and waits.
func beHost(dirs []string) {
	r, err := Open(context.Background(), Config{Dirs: dirs[:1], Cache: dirs[1], Runtime: dirs[2], Sandbox: sandbox.Mode(dirs[3]), IdleTimeout: time.Hour})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	for _, workspace := range []string{"a", "b"} {
		do := "daemon"
		if r.Sandbox().Level != sandbox.None {
			do = "pid" // no child can be
		}
		if _, err := ask(context.Background(), r, workspace, "alpha", do, filepath.Join(dirs[1], "child-"+workspace)); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
	for _, s := range r.slotsOf("alpha") {
		fmt.Println(s.process.child.ID())
	}
	fmt.Println("ready")
	time.Sleep(time.Hour)
}

// A host that is killed leaves no plugin, and the next one removes its folder
// and what else it left.
func TestKilledHostLeavesNoOrphan(t *testing.T) {
	for _, mode := range []sandbox.Mode{sandbox.Best, sandbox.Off} {
		t.Run("sandbox "+string(mode), func(t *testing.T) {
			t.Parallel()
			killHost(t, mode)
		})
	}
}

func killHost(t *testing.T, mode sandbox.Mode) {
	b := newBench(t)
	b.Sandbox = mode
	r := b.trusted("alpha", conf{Start: "stubborn"}) // it does not end with its input
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	host := exec.Command(os.Args[0])
	host.Env = append(os.Environ(), hostEnv+"="+strings.Join([]string{b.dir, b.Cache, b.runtime, string(mode)}, string(os.PathListSeparator)))
	host.Stderr = os.Stderr
	out, err := host.StdoutPipe()
	if err == nil {
		err = host.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	var pids []string
	for lines := bufio.NewScanner(out); lines.Scan() && lines.Text() != "ready"; {
		pids = append(pids, lines.Text())
	}
	if len(pids) != 2 || !alive(pids[0]) || !alive(pids[1]) {
		host.Process.Kill()
		t.Fatalf("the host says %q", pids)
	}
	left := entries(b.runtime)
	if len(left) != 1 {
		t.Fatalf("the runtime folder has %q, want the host's folder", left)
	}
	another := b.open() // a host that lives is left alone
	if _, err := os.Stat(filepath.Join(b.runtime, left[0])); err != nil {
		t.Errorf("the folder of a host that lives was removed: %v", err)
	}
	another.Close()

	host.Process.Signal(syscall.SIGKILL)
	host.Wait()
	for _, pid := range pids {
		eventually(t, "plugin "+pid+" ends with its host", func() bool { return !alive(pid) })
	}
	b.open()
	if _, err := os.Stat(filepath.Join(b.runtime, left[0])); !os.IsNotExist(err) {
		t.Errorf("the folder of the killed host is left: %v", err)
	}
	for _, workspace := range []string{"a", "b"} {
		if mode != sandbox.Off {
			break
		}
		child, err := os.ReadFile(filepath.Join(b.Cache, "child-"+workspace))
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "the plugin's own child is ended", func() bool { return !alive(string(child)) })
	}
}

// Where there is no signal at the host's death, its end of the plugin's
// standard input does it.
func TestPluginEndsWithItsLifeline(t *testing.T) {
	t.Parallel()
	r := newBench(t).loose().trusted("alpha", conf{})
	pid := mustAsk(t, r, "alpha", "pid", "")
	s := r.slotsOf("alpha")[0]
	s.mu.Lock()
	s.process.child.lifeline.Close()
	s.mu.Unlock()
	eventually(t, "the plugin ends", func() bool { return !alive(pid) })
}

// Close ends a plugin that ends neither when it is told to nor with its input.
func TestCloseEndsAStubbornPlugin(t *testing.T) {
	t.Parallel()
	r := newBench(t).loose().trusted("alpha", conf{Start: "stubborn"})
	pid := mustAsk(t, r, "alpha", "pid", "")
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if alive(pid) {
		t.Error("the plugin is left")
	}
}

// SPDX-License-Identifier: Apache-2.0

package canary_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/memstore"
	"github.com/credhost/credhost/host/sealer"
	"github.com/credhost/credhost/internal/defence"
)

func init() {
	children["keeps"] = keepSecret
	children["looks"] = lookAt
}

// canaryParts are put together by the process that keeps the secret: the whole
// is in no program, and on no command line.
var canaryParts = []string{"canary", "7f3a9", "memory"}

// keepSecret is a host that holds a secret until it is killed.
func keepSecret() int {
	keys, err := sealer.NewKeyring()
	if err != nil {
		return 1
	}
	ctx := context.Background()
	if off := os.Getenv("WITHOUT"); off != "" {
		ctx = defence.Without(ctx, defence.Defence(off))
	}
	unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY})
	h, err := host.Open(ctx, host.Config{Store: memstore.New(), Sealer: sealer.New(keys), Dumpable: os.Getenv("DUMPABLE") != ""})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer h.Close()
	secret := strings.Join(canaryParts, "-")
	signal.Ignore(syscall.SIGPIPE)
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
	return len(secret) // or it would be gone by now
}

// lookAt tries what another process of the same user can do to see a secret of
// the process that its argument names, and prints what worked.
func lookAt() int {
	pid, err := strconv.Atoi(os.Getenv("LOOK_AT"))
	if err != nil {
		return 1
	}
	proc := "/proc/" + strconv.Itoa(pid) + "/"
	for _, name := range []string{"environ", "maps", "auxv", "stack", "syscall"} {
		if b, err := os.ReadFile(proc + name); err == nil && len(b) > 0 {
			fmt.Println(name)
		}
	}
	for _, name := range []string{"fd", "map_files", "task/" + strconv.Itoa(pid) + "/fd"} {
		if _, err := os.ReadDir(proc + name); err == nil {
			fmt.Println(name)
		}
	}
	for _, name := range []string{"exe", "cwd", "root"} {
		if _, err := os.Readlink(proc + name); err == nil {
			fmt.Println(name)
		}
	}
	if found, err := inMemory(pid, []byte(strings.Join(canaryParts, "-"))); err == nil {
		fmt.Println("mem", found)
	}
	if unix.PtraceSeize(pid) == nil {
		fmt.Println("ptrace")
		unix.PtraceDetach(pid)
	}
	local, remote := []unix.Iovec{{Base: new(byte), Len: 1}}, []unix.RemoteIovec{{Base: 1, Len: 1}}
	if _, err := unix.ProcessVMReadv(pid, local, remote, 0); !errors.Is(err, unix.EPERM) {
		fmt.Println("process_vm_readv")
	}
	return 0
}

// inMemory looks for text in the memory of a process.
func inMemory(pid int, text []byte) (bool, error) {
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return false, err
	}
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		return false, err
	}
	defer mem.Close()
	for line := range strings.Lines(string(maps)) {
		var from, to int64
		if n, _ := fmt.Sscanf(line, "%x-%x rw", &from, &to); n != 2 || to-from > 256<<20 {
			continue
		}
		b := make([]byte, to-from)
		if n, _ := mem.ReadAt(b, from); bytes.Contains(b[:n], text) {
			return true, nil
		}
	}
	return false, nil
}

// keeper starts a host that keeps a secret.
func keeper(t *testing.T, env ...string) *child {
	t.Helper()
	c := start(t, true, "keeps", env...)
	if line, err := bufio.NewReader(c.out).ReadString('\n'); line != "ready\n" {
		t.Fatalf("the host says %q: %v", line, err)
	}
	return c
}

// seen returns what another process of the same user can see of one.
func seen(t *testing.T, pid int) string {
	t.Helper()
	looks := start(t, true, "looks", "LOOK_AT="+strconv.Itoa(pid))
	saw, _ := io.ReadAll(looks.out)
	if err := looks.Wait(); err != nil {
		t.Errorf("%v\n%s", err, looks.complain.Bytes())
	}
	return string(saw)
}

// TestMemoryIsHidden shows that another process of the user can read nothing of
// a host's memory, and that it can where the host is dumpable, or does without
// the defence.
func TestMemoryIsHidden(t *testing.T) {
	t.Parallel()
	for _, env := range []string{"DUMPABLE=1", "WITHOUT=" + string(defence.HostMemory), "WITHOUT="} {
		c := keeper(t, env)
		saw := seen(t, c.Process.Pid)
		c.in.Close()
		c.Wait()
		if open := env != "WITHOUT="; open && (!strings.Contains(saw, "mem true") || !strings.Contains(saw, "environ")) {
			t.Errorf("with %s, of a host this was seen: %q", env, saw)
		} else if !open && saw != "" {
			t.Errorf("of a host this was seen: %q", saw)
		}
	}
}

// TestNoCore shows that no signal makes a host write a core, whatever its
// limits were; and what its last words are.
func TestNoCore(t *testing.T) {
	t.Parallel()
	dumped := 0
	for _, env := range []string{"DUMPABLE=1", "WITHOUT="} {
		for _, s := range []syscall.Signal{syscall.SIGABRT, syscall.SIGSEGV, syscall.SIGQUIT, syscall.SIGTRAP} {
			c := keeper(t, env, "GOTRACEBACK=crash")
			c.Process.Signal(s)
			late := time.AfterFunc(20*time.Second, func() { c.Process.Kill() })
			err := c.Wait()
			late.Stop()
			cores, _ := filepath.Glob(filepath.Join(c.Dir, "*"))
			status, _ := c.ProcessState.Sys().(syscall.WaitStatus)
			core := status.CoreDump() || len(cores) > 0
			switch {
			case env == "DUMPABLE=1" && core:
				dumped++
			case core:
				t.Errorf("after %v (%v) there is a core: %v", s, err, cores)
			}
			if bytes.Contains(c.complain.Bytes(), []byte(strings.Join(canaryParts, "-"))) {
				t.Errorf("after %v the host's last words hold the secret", s)
			}
		}
	}
	if dumped == 0 {
		pattern, _ := os.ReadFile("/proc/sys/kernel/core_pattern")
		t.Logf("nobody writes cores here (core_pattern %q): only limits could be looked at", bytes.TrimSpace(pattern))
	}
}

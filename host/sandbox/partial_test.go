// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package sandbox

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// inContainer makes this test's binary run one test again where the kernel
// refuses namespaces, as it does in most containers.
const inContainer = "CREDHOST_SANDBOX_TEST_CONTAINER"

// contained runs a test again under a filter such as that of containers.
func contained(t *testing.T) {
	t.Helper()
	f := []unix.SockFilter{
		{Code: load, K: atNumber},
		{Code: equal, K: unix.SYS_UNSHARE, Jf: 1}, {Code: answer, K: refused},
		{Code: equal, K: unix.SYS_CLONE, Jf: 4},
		{Code: load, K: atArgs}, {Code: mask, K: unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET},
		{Code: equal, K: 0, Jt: 1}, {Code: answer, K: refused},
		{Code: answer, K: allow},
	}
	exe, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer exe.Close()
	s := newScript()
	s.do(Filter, "give up new privileges", unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
	s.do(Filter, "set the filter", unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, s.words(uint64(len(f)), uint64(s.blob(filterBytes(f)))))
	args := []string{"test", "-test.run", "^" + t.Name() + "$", "-test.v"}
	env := append(os.Environ(), inContainer+"=1")
	if os.Getenv(asGuest) == "" {
		env = append(env, asGuest+"="+probePath(t, publicDir(t)))
	}
	s.do("", "execute the test", unix.SYS_EXECVEAT, reportFD, s.text(""), s.texts(args), s.texts(env), unix.AT_EMPTY_PATH)
	s.here(failed)
	s.do("", "end", unix.SYS_EXIT_GROUP, failedStatus).then = [3]target{failed, failed, failed}
	shim, err := shimFile(s)
	if err != nil {
		t.Fatal(err)
	}
	defer shim.Close()
	cmd := exec.Command("/proc/self/fd/" + "4")
	cmd.ExtraFiles = []*os.File{exe, shim}
	if out, err := cmd.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("PASS: "+t.Name())) {
		t.Errorf("in a container: %v\n%s", err, out)
	}
}

// Where there are no namespaces, the rest holds: no network, no files but its
// own, no processes. Others' sockets can be reached, which is why it is called
// partial.
func TestPartialInAContainer(t *testing.T) {
	if os.Getenv(inContainer) == "" {
		contained(t)
		return
	}
	r := Probe(t.TempDir())
	if r.Level != Partial || !strings.Contains(r.Why, "could not make namespaces: operation not permitted") || !strings.Contains(r.Next, "in a container") {
		t.Fatalf("it reports %+v", r)
	}
	dir := publicDir(t)
	l, err := net.Listen("unix", filepath.Join(dir, "other"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			if c, err := l.Accept(); err == nil {
				c.Close()
			} else {
				return
			}
		}
	}()
	own := t.TempDir()
	said := tried(t, Cell{Level: Partial, Sockets: own}, "read:/etc/passwd", "write:"+dir+"/x", "list:/", "tcp:127.0.0.1:9", "udp:127.0.0.1:9", "fork",
		"exec:/bin/sh", "listen:"+own+"/own", "write:"+own+"/x", "capabilities", "dumpable", "unix:"+l.Addr().String(), "memory:2000", "folder")
	wantSaid(t, said, map[string]string{
		"read:/etc/passwd": "permission denied", "write:" + dir + "/x": "permission denied", "list:/": "permission denied",
		"tcp:127.0.0.1:9": "operation not permitted", "udp:127.0.0.1:9": "operation not permitted", "fork": "operation not permitted",
		"exec:/bin/sh": "function not implemented", "listen:" + own + "/own": "listens", "write:" + own + "/x": "file too large",
		"capabilities": "[0 0 0 0 0 0]", "dumpable": "0", "unix:" + l.Addr().String(): "connected", "memory:2000": "cannot allocate memory",
		"folder": own,
	})
}

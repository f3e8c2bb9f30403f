// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// endProcesses kills every process that was started with its sockets in dir or
// below, and waits until none is left: a child of a plugin that left the
// plugin's group is still known by the environment that it inherited. Dir names
// a folder that no other host ever had, so a process ID that was used again is
// no danger. It returns how many there were at first.
//
// It finds what is careless. What means to hide is the sandbox's business.
func endProcesses(dir string) (n int) {
	n = endOnce(dir)
	for left, wait := n, time.Millisecond; left > 0 && wait < 500*time.Millisecond; wait *= 2 {
		time.Sleep(wait) // they are dying, or were just being started
		left = endOnce(dir)
	}
	return n
}

func endOnce(dir string) (killed int) {
	mark := []byte(socketDirEnv + "=" + dir)
	procs, _ := os.ReadDir("/proc")
	for _, e := range procs {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		environ, err := os.ReadFile("/proc/" + e.Name() + "/environ")
		if err != nil || !marked(environ, mark) {
			continue
		}
		if unix.Kill(pid, unix.SIGKILL) == nil {
			killed++
		}
	}
	return killed
}

// marked reports whether an environment has a variable that is mark, or goes
// on with a slash.
func marked(environ, mark []byte) bool {
	for v := range bytes.SplitSeq(environ, []byte{0}) {
		if rest, ok := bytes.CutPrefix(v, mark); ok && (len(rest) == 0 || strings.HasPrefix(string(rest), "/")) {
			return true
		}
	}
	return false
}

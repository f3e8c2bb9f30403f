// SPDX-License-Identifier: Apache-2.0

//go:build unix

package postgres

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"sync"
	"syscall"
)

// serverUser is whom servers run as: they refuse to be root. Nil: the user of
// this process.
var serverUser = sync.OnceValue(func() *syscall.Credential {
	if os.Geteuid() != 0 {
		return nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		if u, err := user.Lookup(name); err == nil {
			uid, _ := strconv.ParseUint(u.Uid, 10, 32)
			gid, _ := strconv.ParseUint(u.Gid, 10, 32)
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		}
	}
	return &syscall.Credential{Uid: 65534, Gid: 65534}
})

func asServerUser(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: serverUser()}
}

// ownGroup keeps what ends this process's group, such as ^C, from cmd.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr.Setpgid = true }

func giveAway(path string) error {
	u := serverUser()
	if u == nil {
		return nil
	}
	if err := os.Chown(path, int(u.Uid), int(u.Gid)); err != nil {
		return fmt.Errorf("postgres: %w", err)
	}
	return nil
}

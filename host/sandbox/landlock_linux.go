// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package sandbox

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// landlockABI returns the version of Landlock that the kernel has: 0 for none.
func landlockABI() int {
	v, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0
	}
	return int(v)
}

// landlockSignals is the first version that keeps signals within a cell.
const landlockSignals = 6

// What Landlock lets be done below a path.
const (
	landlockRead   = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR | unix.LANDLOCK_ACCESS_FS_EXECUTE
	landlockFile   = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_EXECUTE
	landlockDevice = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE

	// Go-plugin makes an empty file before it makes a socket of its name. More
	// than empty no file can be, since its size is limited to that.
	landlockSockets = unix.LANDLOCK_ACCESS_FS_MAKE_SOCK | unix.LANDLOCK_ACCESS_FS_MAKE_REG | unix.LANDLOCK_ACCESS_FS_WRITE_FILE |
		unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR | unix.LANDLOCK_ACCESS_FS_REMOVE_FILE
)

// rulesetAttr returns the attributes of a ruleset that handles all there is to
// handle: every access to files, TCP, and, in newer kernels, abstract sockets
// and signals to whoever is outside.
func rulesetAttr(abi int) []byte {
	files := uint64(1<<13 - 1) // of the first version
	for version, access := range map[int]uint64{2: unix.LANDLOCK_ACCESS_FS_REFER, 3: unix.LANDLOCK_ACCESS_FS_TRUNCATE, 5: unix.LANDLOCK_ACCESS_FS_IOCTL_DEV} {
		if abi >= version {
			files |= access
		}
	}
	attr := binary.LittleEndian.AppendUint64(nil, files)
	if abi >= 4 {
		attr = binary.LittleEndian.AppendUint64(attr, unix.LANDLOCK_ACCESS_NET_BIND_TCP|unix.LANDLOCK_ACCESS_NET_CONNECT_TCP)
	}
	if abi >= landlockSignals {
		attr = binary.LittleEndian.AppendUint64(attr, unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET|unix.LANDLOCK_SCOPE_SIGNAL)
	}
	return attr
}

// A beneath is a rule: what may be done at and below a path.
type beneath struct {
	path   string
	access uint64
}

// landlock adds the calls that confine the process to the rules. The next free
// descriptor must be fd.
func (s *script) landlock(abi int, fd uintptr, rules []beneath) {
	attr := rulesetAttr(abi)
	s.do(Landlock, "make a Landlock ruleset", unix.SYS_LANDLOCK_CREATE_RULESET, s.blob(attr), uintptr(len(attr)), 0)
	// The program, where it is a file; what is in memory needs no rule, and the
	// kernel wants none.
	program := binary.LittleEndian.AppendUint64(nil, landlockFile)
	s.try(Landlock, "allow the program", unix.SYS_LANDLOCK_ADD_RULE, fd, unix.LANDLOCK_RULE_PATH_BENEATH, s.blob(binary.LittleEndian.AppendUint32(program, programFD)), 0)
	for _, r := range rules {
		s.do(Landlock, "open "+r.path, unix.SYS_OPENAT, atCWD, s.text(r.path), unix.O_PATH|unix.O_CLOEXEC)
		rule := binary.LittleEndian.AppendUint64(nil, r.access)
		rule = binary.LittleEndian.AppendUint32(rule, uint32(fd)+1)
		s.do(Landlock, "allow "+r.path, unix.SYS_LANDLOCK_ADD_RULE, fd, unix.LANDLOCK_RULE_PATH_BENEATH, s.blob(rule), 0)
		s.do(Landlock, "close "+r.path, unix.SYS_CLOSE, fd+1)
	}
	s.do(Landlock, "confine itself with Landlock", unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0)
	s.do(Landlock, "close the ruleset", unix.SYS_CLOSE, fd)
}

// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package sandbox

import (
	"fmt"
	"math"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// The descriptors that a shim begins with, beside the standard ones. What it
// opens itself has the numbers after them.
const (
	reportFD  = 3
	programFD = 4
	freeFD    = 5
)

// atCWD is AT_FDCWD as an argument.
const atCWD = ^uintptr(99)

// socketsAt is where the folder of sockets is in a full cell.
const socketsAt = "/s"

// guestID is the user and group of a program whose host is root: nobody's, and
// not that of "nobody", whom others use.
const guestID = 65530

// has reports whether the cell has a part.
func (c *Cell) has(p Part) bool {
	if slices.Contains(c.Without, p) {
		return false
	}
	switch p {
	case Namespaces:
		return c.Level == Full
	case Root:
		return c.Level == Full && c.has(Namespaces)
	}
	return c.Level != None
}

// SocketsAt returns where the program finds its folder of sockets.
func (c *Cell) SocketsAt() string {
	if c.has(Root) {
		return socketsAt
	}
	return c.Sockets
}

// script returns what the shim does. If nothing is to be executed, as when a
// cell is only tried, it ends in order instead.
func (c *Cell) script(k kernel) *script {
	s := newScript()
	s.do("", "close what somebody forgot", unix.SYS_CLOSE_RANGE, freeFD, math.MaxUint32, 0)
	if c.has(Namespaces) {
		c.namespaces(s, k)
	}
	if c.has(Root) {
		c.root(s)
	}
	if dir := c.directory(); dir != "" {
		s.do(Root, "go to "+dir, unix.SYS_CHDIR, s.text(dir))
	}
	s.do(Root, "set its mask of modes", unix.SYS_UMASK, 0)
	if c.has(NoPrivileges) {
		c.noPrivileges(s, k)
	}
	if c.has(Limits) { // once it has its namespace of users, in which its threads are counted
		c.limits(s)
	}
	if c.has(Landlock) && k.landlock > 0 {
		s.landlock(k.landlock, freeFD, c.rules())
	}
	if c.has(Filter) {
		f := filter(programFD, !c.has(Namespaces) && k.landlock < landlockSignals)
		prog := s.words(uint64(len(f)), uint64(s.blob(filterBytes(f))))
		s.do(Filter, "set the filter", unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, prog)
	}
	for _, fd := range []uintptr{reportFD, programFD} {
		s.do("", "mark its descriptors", unix.SYS_FCNTL, fd, unix.F_SETFD, unix.FD_CLOEXEC)
	}
	if c.Program != nil {
		s.do("", "execute the program", unix.SYS_EXECVEAT, programFD, s.text(""), s.texts(c.Args), s.texts(c.Env), unix.AT_EMPTY_PATH)
	} else {
		s.do("", "end", unix.SYS_EXIT_GROUP, 0)
	}
	s.here(failed)
	s.report()
	s.do("", "end", unix.SYS_EXIT_GROUP, failedStatus)
	s.calls[len(s.calls)-1].then = [3]target{failed, failed, failed}
	return s
}

// failedStatus is with what a shim ends that has failed.
const failedStatus = 111

// report says what the last call returned.
func (s *script) report() {
	s.do("", "report", unix.SYS_WRITE, reportFD, dataAt, noteLen).then = [3]target{next, next, next}
}

// directory returns the program's working directory.
func (c *Cell) directory() string {
	if c.Dir == "" && !c.has(Root) {
		return c.Sockets
	}
	return c.Dir
}

// namespaces lets a child go on, in namespaces of its own, while the shim
// waits for it and reports how it ended. The child is the first process of its
// namespace: with it, all that it may have started ends.
func (c *Cell) namespaces(s *script, k kernel) {
	flags := uintptr(unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP | int(unix.SIGCHLD))
	if !k.privileged {
		flags |= unix.CLONE_NEWUSER
	}
	parent, child := s.label(), s.label()
	s.do(Namespaces, "make namespaces", unix.SYS_CLONE, flags).then = [3]target{failed, child, parent}
	s.here(parent)
	s.report()
	// The kernel puts the status where the second word of the record is.
	record := s.words(endedMark, 0)
	s.do("", "wait for the program", unix.SYS_WAIT4, ^uintptr(0), record+8, 0, 0)
	s.do("", "report", unix.SYS_WRITE, reportFD, record, noteLen).then = [3]target{next, next, next}
	s.do("", "end", unix.SYS_EXIT_GROUP, 0)
	s.here(child)
	s.bind()
	// If the host died before, nobody reads this, and the write fails.
	s.do(Namespaces, "tell the host that it has begun", unix.SYS_WRITE, reportFD, s.words(begunMark, 0), noteLen)
	if !k.privileged {
		s.write("/proc/self/setgroups", "deny")
		s.write("/proc/self/uid_map", fmt.Sprintf("%d %d 1", guestID, k.uid))
		s.write("/proc/self/gid_map", fmt.Sprintf("%d %d 1", guestID, k.gid))
	}
	name := "credhost"
	s.do(Namespaces, "name its machine", unix.SYS_SETHOSTNAME, s.text(name), uintptr(len(name)))
	s.do(Namespaces, "unname its domain", unix.SYS_SETDOMAINNAME, s.text(""), 0)
}

// bind sees to it that the process ends with the one that started it. The
// kernel forgets that when its user changes.
func (s *script) bind() {
	s.do(Namespaces, "bind its life to the host's", unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL))
}

// write writes a text to a file.
func (s *script) write(file, text string) {
	s.do(Namespaces, "open "+file, unix.SYS_OPENAT, atCWD, s.text(file), unix.O_WRONLY|unix.O_CLOEXEC)
	s.do(Namespaces, "write "+file, unix.SYS_WRITE, freeFD, s.text(text), uintptr(len(text)))
	s.do(Namespaces, "close "+file, unix.SYS_CLOSE, freeFD)
}

// root puts a root together and makes it the program's: an empty file system
// in memory, with the folder of sockets, and what the program reads.
func (c *Cell) root(s *script) {
	at := c.Sockets
	s.do(Root, "keep its mounts to itself", unix.SYS_MOUNT, 0, s.text("/"), 0, unix.MS_REC|unix.MS_PRIVATE, 0)
	s.do(Root, "mount an empty root", unix.SYS_MOUNT, s.text("cell"), s.text(at), s.text("tmpfs"), unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, s.text("size=1m,nr_inodes=8k,mode=0755"))
	t := tree{s: s, at: at, made: map[string]bool{"/": true}}
	c.folder(&t)
	for _, r := range c.Reads {
		t.mount(r.From, r.target(), r.folder(), unix.MOUNT_ATTR_RDONLY|unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV)
	}
	if len(c.Reads) > 0 { // a program that is not static may want them
		for _, device := range devices {
			t.mount(device, device, false, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NOEXEC)
		}
	}
	s.do(Root, "make its root read-only", unix.SYS_MOUNT_SETATTR, atCWD, s.text(at), 0, s.words(unix.MOUNT_ATTR_RDONLY, 0, 0, 0), 32)
	s.do(Root, "enter its root", unix.SYS_CHDIR, s.text(at))
	dot := s.text(".")
	s.do(Root, "make it the root", unix.SYS_PIVOT_ROOT, dot, dot)
	s.do(Root, "let go of the host's files", unix.SYS_UMOUNT2, dot, unix.MNT_DETACH)
	s.do(Root, "enter its root", unix.SYS_CHDIR, s.text("/"))
}

// folder makes the folder of sockets, in memory and small, and hands it to the
// host, which puts its own socket there and says when to go on. So nothing of
// the host's files is in the cell, and nothing that is made there fills a disk.
func (c *Cell) folder(t *tree) {
	s, at := t.s, t.at+socketsAt
	t.made[socketsAt] = true
	t.mkdir(socketsAt)
	s.do(Root, "mount a folder for sockets", unix.SYS_MOUNT, s.text("sockets"), s.text(at), s.text("tmpfs"), unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, s.text("size=64k,nr_inodes=64,mode=0777"))
	s.do(Root, "open its folder for sockets", unix.SYS_OPENAT, atCWD, s.text(at), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC)
	s.handOver(Root, "hand over its folder for sockets", folderMark, freeFD)
	s.do(Root, "close its folder for sockets", unix.SYS_CLOSE, freeFD)
	s.do(Root, "hear from the host", unix.SYS_READ, reportFD, s.words(0), 1).then[onZero] = failed
}

// handOver sends descriptors to the host, with a record of one mark.
func (s *script) handOver(part Part, what string, mark uint64, fds ...int) {
	rights := unix.UnixRights(fds...)
	parts := s.words(uint64(s.words(mark, 0)), noteLen)
	header := s.words(0, 0, uint64(parts), 1, uint64(s.blob(rights)), uint64(len(rights)), 0)
	s.do(part, what, unix.SYS_SENDMSG, reportFD, header, unix.MSG_NOSIGNAL)
}

// devices are what a full cell has in /dev, for what is not static.
var devices = []string{"/dev/null", "/dev/urandom"}

func (r Read) target() string {
	if r.To != "" {
		return r.To
	}
	return r.From
}

// folder reports whether r is a folder.
func (r Read) folder() bool {
	info, err := os.Stat(r.From)
	return err == nil && info.IsDir()
}

// A tree is a root that is being put together.
type tree struct {
	s    *script
	at   string          // where it is until it is put in its place
	made map[string]bool // paths in it
}

// mount shows what is at from at to.
func (t *tree) mount(from, to string, folder bool, attrs uint64) {
	if to = path.Clean(to); t.made[to] {
		return
	}
	t.parents(path.Dir(to))
	t.made[to] = true
	if folder {
		t.mkdir(to)
	} else {
		t.s.do(Root, "make "+to, unix.SYS_MKNODAT, atCWD, t.s.text(t.at+to), unix.S_IFREG|0o444, 0)
	}
	t.s.do(Root, "show "+from, unix.SYS_MOUNT, t.s.text(from), t.s.text(t.at+to), 0, unix.MS_BIND|unix.MS_REC, 0)
	t.s.do(Root, "guard "+from, unix.SYS_MOUNT_SETATTR, atCWD, t.s.text(t.at+to), unix.AT_RECURSIVE, t.s.words(attrs, 0, unix.MS_PRIVATE, 0), 32)
}

// parents makes the folders above a path.
func (t *tree) parents(dir string) {
	if t.made[dir] {
		return
	}
	t.parents(path.Dir(dir))
	t.made[dir] = true
	t.mkdir(dir)
}

func (t *tree) mkdir(dir string) {
	t.s.do(Root, "make "+dir, unix.SYS_MKDIRAT, atCWD, t.s.text(t.at+dir), 0o755)
}

// addressSpace bounds what the kernel needs to keep a program's memory in
// order, which may be much though nothing is in it. Programs reserve more than
// they use: Go some hundred megabytes, Node.js some ten gigabytes.
const addressSpace = 128 << 30

// limits bounds what the program can use up.
func (c *Cell) limits(s *script) {
	b := c.Limits.WithDefaults()
	for _, l := range []struct {
		what     string
		resource uintptr
		limit    uint64
	}{
		{"memory", unix.RLIMIT_DATA, uint64(b.Memory)}, {"address space", unix.RLIMIT_AS, addressSpace}, {"descriptors", unix.RLIMIT_NOFILE, uint64(b.Files)},
		{"core dumps", unix.RLIMIT_CORE, 0}, {"files", unix.RLIMIT_FSIZE, 0}, {"locked memory", unix.RLIMIT_MEMLOCK, 0},
		{"message queues", unix.RLIMIT_MSGQUEUE, 0}, {"priority", unix.RLIMIT_NICE, 0}, {"real time", unix.RLIMIT_RTPRIO, 0},
	} {
		s.do(Limits, "limit its "+l.what, unix.SYS_PRLIMIT64, 0, l.resource, s.words(l.limit, l.limit), 0)
	}
	// Where there is no namespace of users, all that this user has started would
	// count.
	if c.has(Namespaces) {
		s.do(Limits, "limit its threads", unix.SYS_PRLIMIT64, 0, unix.RLIMIT_NPROC, s.words(uint64(b.Threads), uint64(b.Threads)), 0)
	}
}

// noPrivileges takes every privilege from the program, and the way to any.
func (c *Cell) noPrivileges(s *script, k kernel) {
	s.do(NoPrivileges, "give up new privileges", unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
	if k.privileged && c.has(Root) { // one that sees the host's files could not get to its folder
		s.do(NoPrivileges, "leave its groups", unix.SYS_SETGROUPS, 0, 0)
		s.do(NoPrivileges, "change its group", unix.SYS_SETRESGID, guestID, guestID, guestID)
		s.do(NoPrivileges, "change its user", unix.SYS_SETRESUID, guestID, guestID, guestID)
		s.bind()
		s.do(Namespaces, "make a namespace of users", unix.SYS_UNSHARE, unix.CLONE_NEWUSER)
	}
	header := s.words(unix.LINUX_CAPABILITY_VERSION_3, 0)
	s.do(NoPrivileges, "drop its capabilities", unix.SYS_CAPSET, header, s.words(0, 0, 0, 0))
}

// rules are what Landlock lets the program do.
func (c *Cell) rules() []beneath {
	all := []beneath{{c.SocketsAt(), landlockSockets}}
	if c.has(Root) { // in which there is nothing to hide, and interpreters look for what they load
		all = append(all, beneath{"/", unix.LANDLOCK_ACCESS_FS_READ_DIR})
	}
	for _, r := range c.Reads {
		at, access := r.From, uint64(landlockFile)
		if c.has(Root) {
			at = r.target()
		}
		if r.folder() {
			access = landlockRead
		}
		all = append(all, beneath{at, access})
	}
	if len(c.Reads) > 0 {
		for _, d := range devices {
			all = append(all, beneath{d, landlockDevice})
		}
	}
	return all
}

// A kernel is what the system allows, and to whom.
type kernel struct {
	privileged bool // it lets this process make namespaces and change its user
	uid, gid   int
	landlock   int // the version; 0: none
}

func thisKernel() kernel {
	return kernel{privileged: privileged(), uid: os.Geteuid(), gid: os.Getegid(), landlock: landlockABI()}
}

// privileged reports whether this process has the capabilities that a cell can
// be made with, without a namespace for users.
func privileged() bool {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil || os.Geteuid() != 0 {
		return false
	}
	_, rest, _ := strings.Cut(string(status), "\nCapEff:")
	line, _, _ := strings.Cut(rest, "\n")
	caps, err := strconv.ParseUint(strings.TrimSpace(line), 16, 64)
	const needed = 1<<unix.CAP_SYS_ADMIN | 1<<unix.CAP_SETUID | 1<<unix.CAP_SETGID | 1<<unix.CAP_DAC_OVERRIDE
	return err == nil && caps&needed == needed
}

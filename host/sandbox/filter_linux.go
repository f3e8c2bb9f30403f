// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package sandbox

import (
	"encoding/binary"
	"maps"
	"slices"

	"golang.org/x/sys/unix"
)

// The filter is a list of what a program may ask of the kernel: what programs
// in Go, Node.js and Python need to compute, to keep time, to run threads, to
// read files, and to speak over Unix sockets. What is not on it does not exist
// (ENOSYS), so that libraries take the older way where there is one. It is the
// floor of the network: whatever the namespaces are worth, no other socket can
// be made.

// allowed are the calls that a program may make with any arguments; those that
// only one processor's kernel has are in filter_amd64.go.
var allowed = []uintptr{
	// its files and descriptors
	unix.SYS_READ, unix.SYS_WRITE, unix.SYS_READV, unix.SYS_WRITEV, unix.SYS_PREAD64, unix.SYS_PWRITE64, unix.SYS_PREADV, unix.SYS_PWRITEV,
	unix.SYS_PREADV2, unix.SYS_PWRITEV2, unix.SYS_OPENAT, unix.SYS_OPENAT2, unix.SYS_CLOSE, unix.SYS_CLOSE_RANGE, unix.SYS_LSEEK,
	unix.SYS_FSTAT, unix.SYS_STATX, unix.SYS_FACCESSAT, unix.SYS_FACCESSAT2, unix.SYS_READLINKAT, unix.SYS_GETDENTS64,
	unix.SYS_GETCWD, unix.SYS_CHDIR, unix.SYS_FCHDIR, unix.SYS_UMASK, unix.SYS_UNLINKAT, unix.SYS_FADVISE64, unix.SYS_READAHEAD,
	unix.SYS_FSTATFS, unix.SYS_STATFS, unix.SYS_DUP, unix.SYS_DUP3, unix.SYS_PIPE2,
	// what it waits for
	unix.SYS_EPOLL_CREATE1, unix.SYS_EPOLL_CTL, unix.SYS_EPOLL_PWAIT, unix.SYS_EPOLL_PWAIT2, unix.SYS_PPOLL, unix.SYS_PSELECT6,
	unix.SYS_EVENTFD2, unix.SYS_TIMERFD_CREATE, unix.SYS_TIMERFD_SETTIME, unix.SYS_TIMERFD_GETTIME, unix.SYS_SIGNALFD4,
	// memory
	unix.SYS_MUNMAP, unix.SYS_MPROTECT, unix.SYS_MREMAP, unix.SYS_MADVISE, unix.SYS_MINCORE, unix.SYS_MSYNC, unix.SYS_BRK,
	unix.SYS_MLOCK, unix.SYS_MUNLOCK, unix.SYS_MEMBARRIER,
	// threads and signals, of which its own process gets the latter
	unix.SYS_FUTEX, unix.SYS_FUTEX_WAITV, unix.SYS_SET_ROBUST_LIST, unix.SYS_GET_ROBUST_LIST, unix.SYS_SET_TID_ADDRESS, unix.SYS_RSEQ,
	unix.SYS_EXIT, unix.SYS_EXIT_GROUP, unix.SYS_WAIT4, unix.SYS_WAITID, unix.SYS_SCHED_YIELD, unix.SYS_SCHED_GETAFFINITY,
	unix.SYS_SCHED_GETPARAM, unix.SYS_SCHED_GETSCHEDULER, unix.SYS_SCHED_GET_PRIORITY_MAX, unix.SYS_SCHED_GET_PRIORITY_MIN,
	unix.SYS_GETPRIORITY, unix.SYS_GETCPU, unix.SYS_RT_SIGACTION, unix.SYS_RT_SIGPROCMASK, unix.SYS_RT_SIGRETURN,
	unix.SYS_RT_SIGPENDING, unix.SYS_RT_SIGSUSPEND, unix.SYS_RT_SIGTIMEDWAIT, unix.SYS_SIGALTSTACK, unix.SYS_RESTART_SYSCALL,
	unix.SYS_GETTID, unix.SYS_GETPID, unix.SYS_GETPPID, unix.SYS_GETPGID, unix.SYS_GETSID,
	// who and where it is
	unix.SYS_GETUID, unix.SYS_GETEUID, unix.SYS_GETGID, unix.SYS_GETEGID, unix.SYS_GETRESUID, unix.SYS_GETRESGID, unix.SYS_GETGROUPS,
	unix.SYS_CAPGET, unix.SYS_UNAME, unix.SYS_SYSINFO, unix.SYS_GETRUSAGE, unix.SYS_GETRLIMIT, unix.SYS_TIMES, unix.SYS_GETRANDOM,
	// time
	unix.SYS_CLOCK_GETTIME, unix.SYS_CLOCK_GETRES, unix.SYS_CLOCK_NANOSLEEP, unix.SYS_NANOSLEEP, unix.SYS_GETTIMEOFDAY,
	unix.SYS_SETITIMER, unix.SYS_GETITIMER, unix.SYS_TIMER_CREATE, unix.SYS_TIMER_SETTIME, unix.SYS_TIMER_GETTIME,
	unix.SYS_TIMER_GETOVERRUN, unix.SYS_TIMER_DELETE,
	// Unix sockets
	unix.SYS_BIND, unix.SYS_LISTEN, unix.SYS_ACCEPT, unix.SYS_ACCEPT4, unix.SYS_CONNECT, unix.SYS_GETSOCKNAME, unix.SYS_GETPEERNAME,
	unix.SYS_SENDTO, unix.SYS_SENDMSG, unix.SYS_SENDMMSG, unix.SYS_RECVFROM, unix.SYS_RECVMSG, unix.SYS_RECVMMSG, unix.SYS_SHUTDOWN,
	unix.SYS_GETSOCKOPT,
}

// signals are the calls that send one.
var signals = []uintptr{unix.SYS_TGKILL, unix.SYS_TKILL, unix.SYS_KILL}

// What a program may not ask of a descriptor: to send signals to others, leases,
// and large pipes. What it may not set of a socket: programs that the kernel
// runs.
var (
	refusedFcntl   = []uint32{unix.F_SETOWN, unix.F_SETSIG, unix.F_SETOWN_EX, unix.F_SETLEASE, unix.F_NOTIFY, unix.F_SETPIPE_SZ}
	refusedSockopt = []uint32{unix.SO_ATTACH_FILTER, unix.SO_ATTACH_BPF, unix.SO_ATTACH_REUSEPORT_CBPF, unix.SO_ATTACH_REUSEPORT_EBPF, unix.SO_LOCK_FILTER}
)

// The options of prctl and the commands of ioctl that a program may use: its
// name and what its memory is called; what a descriptor has to read, and
// whether it is a terminal.
var (
	allowedPrctl = []uint32{unix.PR_SET_NAME, unix.PR_GET_NAME, unix.PR_SET_VMA, unix.PR_GET_DUMPABLE, unix.PR_CAPBSET_READ, unix.PR_GET_NO_NEW_PRIVS, unix.PR_GET_SECCOMP}
	allowedIoctl = []uint32{fionread, fionbio, fioclex, fionclex, unix.TCGETS, unix.TIOCGWINSZ}
)

// Of asm-generic/ioctls.h, which golang.org/x/sys does not have.
const (
	fionread = 0x541b
	fionbio  = 0x5421
	fionclex = 0x5450
	fioclex  = 0x5451
)

// Where the kernel puts what a filter looks at (struct seccomp_data).
const (
	atNumber = 0
	atArch   = 4
	atArgs   = 16 // the lower half of the first argument; both processors are little-endian
)

// The instructions of a filter.
const (
	load   = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
	equal  = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
	mask   = unix.BPF_ALU | unix.BPF_AND | unix.BPF_K
	answer = unix.BPF_RET | unix.BPF_K
)

// What a filter answers.
const (
	allow   = unix.SECCOMP_RET_ALLOW
	absent  = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
	refused = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
	noTTY   = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOTTY)
	kill    = unix.SECCOMP_RET_KILL_PROCESS
)

// A rule is what a filter does with one system call: instructions of which the
// last is an answer.
type rule []unix.SockFilter

// The parts of rules.
func say(verdict uint32) rule { return rule{{Code: answer, K: verdict}} }

func arg(n uint32) rule { return rule{{Code: load, K: atArgs + 8*n}} }

func bits(m uint32) rule { return rule{{Code: mask, K: m}} }

// must goes on if what was loaded is v, and else answers otherwise.
func must(v, otherwise uint32) rule {
	return rule{{Code: equal, K: v, Jt: 1}, {Code: answer, K: otherwise}}
}

// when answers verdict if what was loaded is v, and else goes on.
func when(v, verdict uint32) rule {
	return rule{{Code: equal, K: v, Jf: 1}, {Code: answer, K: verdict}}
}

// anyOf answers verdict if what was loaded is one of values, and else goes on.
func anyOf(values []uint32, verdict uint32) (r rule) {
	for _, v := range values {
		r = append(r, when(v, verdict)...)
	}
	return r
}

func of(parts ...rule) rule { return slices.Concat(parts...) }

// What a thread may not bring with it: namespaces of its own. The arguments of
// clone3 are where a filter cannot look; libraries do without it.
const newSpaces = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET

// sharedMemory counts for no limit.
const sharedMemory = unix.MAP_SHARED | unix.MAP_ANONYMOUS

// rules are those of calls that depend on their arguments.
func rules(exec uint32) map[uintptr]rule {
	unixStream := of(arg(0), must(unix.AF_UNIX, refused), arg(1), bits(0xf), must(unix.SOCK_STREAM, refused), say(allow))
	return map[uintptr]rule{
		unix.SYS_SOCKET:     unixStream,
		unix.SYS_SOCKETPAIR: unixStream,
		unix.SYS_SETSOCKOPT: of(arg(1), must(unix.SOL_SOCKET, refused), arg(2), anyOf(refusedSockopt, refused), say(allow)),
		unix.SYS_FCNTL:      of(arg(1), anyOf(refusedFcntl, refused), say(allow)),
		unix.SYS_IOCTL:      of(arg(1), anyOf(allowedIoctl, allow), say(noTTY)),
		unix.SYS_PRCTL:      of(arg(0), anyOf(allowedPrctl, allow), say(refused)),
		unix.SYS_CLONE:      of(arg(0), bits(unix.CLONE_THREAD|newSpaces), must(unix.CLONE_THREAD, refused), say(allow)),
		unix.SYS_MMAP: of(arg(3), bits(sharedMemory), when(sharedMemory, refused),
			arg(3), bits(unix.MAP_GROWSDOWN), must(0, refused), say(allow)), // what grows like a stack counts for none either
		// Limits are looked at, not set: the third argument is a pointer.
		unix.SYS_PRLIMIT64: of(arg(2), must(0, refused), rule{{Code: load, K: atArgs + 8*2 + 4}}, must(0, refused), say(allow)),
		unix.SYS_EXECVEAT:  of(arg(0), must(exec, refused), arg(4), must(unix.AT_EMPTY_PATH, refused), say(allow)),
	}
}

// filter returns the program of the filter. Once it is in force, a descriptor
// with the number exec can be executed, without a path, and nothing else. If
// mute, no signals can be sent: they could reach others.
func filter(exec uint32, mute bool) []unix.SockFilter {
	f := of(
		rule{{Code: load, K: atArch}}, must(nativeAudit, kill), // another processor's calls have other numbers
		rule{{Code: load, K: atNumber}},
	)
	// What is for one number is skipped with another, so that it may load
	// something else: it ends with an answer.
	on := func(nr uintptr, r rule) {
		f = append(append(f, unix.SockFilter{Code: equal, K: uint32(nr), Jf: uint8(len(r))}), r...)
	}
	for _, nr := range slices.Concat(allowed, allowedNative) {
		on(nr, say(allow))
	}
	for _, nr := range signals {
		if !mute {
			on(nr, say(allow))
		} else {
			on(nr, say(refused))
		}
	}
	special := rules(exec)
	for _, nr := range slices.Sorted(maps.Keys(special)) {
		on(nr, special[nr])
	}
	return append(f, say(absent)...)
}

// filterBytes returns a filter as the kernel reads it.
func filterBytes(f []unix.SockFilter) []byte {
	b := make([]byte, 0, 8*len(f))
	for _, i := range f {
		b = binary.LittleEndian.AppendUint16(b, i.Code)
		b = append(b, i.Jt, i.Jf)
		b = binary.LittleEndian.AppendUint32(b, i.K)
	}
	return b
}

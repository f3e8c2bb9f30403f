// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package sandbox

import (
	"encoding/binary"
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

// filter returns the program of the filter. Once it is in force, a descriptor
// with the number exec can be executed, without a path, and nothing else. If
// mute, no signals can be sent: they could reach others.
func filter(exec uint32, mute bool) []unix.SockFilter {
	f := []unix.SockFilter{
		{Code: load, K: atArch},
		{Code: equal, K: nativeAudit, Jt: 1},
		{Code: answer, K: kill}, // another processor's calls have other numbers
		{Code: load, K: atNumber},
	}
	// A block is for one number: with another, it is skipped. It ends with an
	// answer, so it may change what was loaded.
	block := func(nr uintptr, body ...unix.SockFilter) {
		f = append(append(f, unix.SockFilter{Code: equal, K: uint32(nr), Jf: uint8(len(body))}), body...)
	}
	arg := func(n uint32) unix.SockFilter { return unix.SockFilter{Code: load, K: atArgs + 8*n} }
	oneOf := func(n uint32, values []uint32, otherwise uint32) []unix.SockFilter {
		body := []unix.SockFilter{arg(n)}
		for _, v := range values {
			body = append(body, unix.SockFilter{Code: equal, K: v, Jf: 1}, unix.SockFilter{Code: answer, K: allow})
		}
		return append(body, unix.SockFilter{Code: answer, K: otherwise})
	}
	noneOf := func(n uint32, values []uint32) []unix.SockFilter {
		var body []unix.SockFilter
		for _, v := range values {
			body = append(body, arg(n), unix.SockFilter{Code: equal, K: v, Jf: 1}, unix.SockFilter{Code: answer, K: refused})
		}
		return append(body, unix.SockFilter{Code: answer, K: allow})
	}
	for _, nr := range signals {
		verdict := uint32(allow)
		if mute {
			verdict = refused
		}
		block(nr, unix.SockFilter{Code: answer, K: verdict})
	}
	for _, nr := range slices.Concat(allowed, allowedNative) {
		block(nr, unix.SockFilter{Code: answer, K: allow})
	}
	for _, nr := range []uintptr{unix.SYS_SOCKET, unix.SYS_SOCKETPAIR} { // a stream of Unix
		block(nr, arg(0), unix.SockFilter{Code: equal, K: unix.AF_UNIX, Jt: 1}, unix.SockFilter{Code: answer, K: refused},
			arg(1), unix.SockFilter{Code: mask, K: 0xf}, unix.SockFilter{Code: equal, K: unix.SOCK_STREAM, Jt: 1}, unix.SockFilter{Code: answer, K: refused},
			unix.SockFilter{Code: answer, K: allow})
	}
	// A thread, and in no new namespace. The arguments of clone3 are where a
	// filter cannot look; libraries do without it.
	const threads = unix.CLONE_THREAD | unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET
	block(unix.SYS_CLONE, arg(0), unix.SockFilter{Code: mask, K: threads}, unix.SockFilter{Code: equal, K: unix.CLONE_THREAD, Jt: 1},
		unix.SockFilter{Code: answer, K: refused}, unix.SockFilter{Code: answer, K: allow})
	// Memory that is shared, or that grows like a stack, counts for no limit.
	const shared = unix.MAP_SHARED | unix.MAP_ANONYMOUS
	block(unix.SYS_MMAP, arg(3), unix.SockFilter{Code: mask, K: shared}, unix.SockFilter{Code: equal, K: shared, Jf: 1}, unix.SockFilter{Code: answer, K: refused},
		arg(3), unix.SockFilter{Code: mask, K: unix.MAP_GROWSDOWN}, unix.SockFilter{Code: equal, K: 0, Jt: 1}, unix.SockFilter{Code: answer, K: refused},
		unix.SockFilter{Code: answer, K: allow})
	block(unix.SYS_FCNTL, noneOf(1, refusedFcntl)...)
	block(unix.SYS_SETSOCKOPT, append([]unix.SockFilter{arg(1), {Code: equal, K: unix.SOL_SOCKET, Jt: 1}, {Code: answer, K: refused}}, noneOf(2, refusedSockopt)...)...)
	// Limits are looked at, not set.
	block(unix.SYS_PRLIMIT64, arg(2), unix.SockFilter{Code: equal, K: 0, Jt: 1}, unix.SockFilter{Code: answer, K: refused},
		unix.SockFilter{Code: load, K: atArgs + 8*2 + 4}, unix.SockFilter{Code: equal, K: 0, Jt: 1}, unix.SockFilter{Code: answer, K: refused},
		unix.SockFilter{Code: answer, K: allow})
	block(unix.SYS_PRCTL, oneOf(0, allowedPrctl, refused)...)
	block(unix.SYS_IOCTL, oneOf(1, allowedIoctl, noTTY)...)
	block(unix.SYS_EXECVEAT, arg(0), unix.SockFilter{Code: equal, K: exec, Jt: 1}, unix.SockFilter{Code: answer, K: refused},
		arg(4), unix.SockFilter{Code: equal, K: unix.AT_EMPTY_PATH, Jt: 1}, unix.SockFilter{Code: answer, K: refused},
		unix.SockFilter{Code: answer, K: allow})
	return append(f, unix.SockFilter{Code: answer, K: absent})
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

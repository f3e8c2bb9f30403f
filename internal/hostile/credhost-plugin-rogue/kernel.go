// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"fmt"
	"runtime"
	"strconv"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A kernelCall is a system call that a guest does not need. Where it could do
// harm, its arguments are such that the kernel refuses them after it has looked
// at who asks; granted is that refusal.
type kernelCall struct {
	nr      uintptr
	args    []any // numbers, texts and buffers
	granted unix.Errno
}

var (
	empty  = make([]byte, 256)
	broken = ^uintptr(0)
)

// kernelCalls are attempts on the kernel, by name.
var kernelCalls = map[string]kernelCall{
	"netlink":        {nr: unix.SYS_SOCKET, args: []any{unix.AF_NETLINK, unix.SOCK_RAW, 0}},
	"datagrams":      {nr: unix.SYS_SOCKET, args: []any{unix.AF_INET, unix.SOCK_DGRAM, 0}},
	"streams":        {nr: unix.SYS_SOCKET, args: []any{unix.AF_INET6, unix.SOCK_STREAM, 0}},
	"raw packets":    {nr: unix.SYS_SOCKET, args: []any{unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP}},
	"link packets":   {nr: unix.SYS_SOCKET, args: []any{unix.AF_PACKET, unix.SOCK_RAW, 0}},
	"pairs":          {nr: unix.SYS_SOCKETPAIR, args: []any{unix.AF_UNIX, unix.SOCK_DGRAM, 0, empty}},
	"io_uring":       {nr: unix.SYS_IO_URING_SETUP, args: []any{1, make([]byte, 256)}},
	"userfaultfd":    {nr: unix.SYS_USERFAULTFD, args: []any{1}},
	"memfd":          {nr: unix.SYS_MEMFD_CREATE, args: []any{"x", 0}},
	"keys":           {nr: unix.SYS_KEYCTL, args: []any{unix.KEYCTL_GET_KEYRING_ID, ^uintptr(3), 1}},
	"dumpable":       {nr: unix.SYS_PRCTL, args: []any{unix.PR_SET_DUMPABLE, 1, 0, 0, 0}},
	"no death":       {nr: unix.SYS_PRCTL, args: []any{unix.PR_SET_PDEATHSIG, 0, 0, 0, 0}},
	"personality":    {nr: unix.SYS_PERSONALITY, args: []any{0x0040000}},
	"handles":        {nr: unix.SYS_NAME_TO_HANDLE_AT, args: []any{^uintptr(99), folder, make([]byte, 256), make([]byte, 8), 0}, granted: unix.EOVERFLOW},
	"perf":           {nr: unix.SYS_PERF_EVENT_OPEN, args: []any{counter(), 0, broken, broken, 0}},
	"bpf":            {nr: unix.SYS_BPF, args: []any{0, mapOfOne(), 72}},
	"mount":          {nr: unix.SYS_MOUNT, args: []any{"x", folder, "tmpfs", 0, 0}},
	"chroot":         {nr: unix.SYS_CHROOT, args: []any{folder}},
	"hostname":       {nr: unix.SYS_SETHOSTNAME, args: []any{"pwned", 5}},
	"reboot":         {nr: unix.SYS_REBOOT, args: []any{0, 0, 0, 0}, granted: unix.EINVAL},
	"swap":           {nr: unix.SYS_SWAPON, args: []any{"/nowhere", 0}, granted: unix.ENOENT},
	"clock":          {nr: unix.SYS_CLOCK_SETTIME, args: []any{unix.CLOCK_MONOTONIC, empty}, granted: unix.EINVAL},
	"nodes":          {nr: unix.SYS_MKNODAT, args: []any{^uintptr(99), folder + "/null", unix.S_IFCHR | 0o666, 1<<8 | 3}},
	"pipes":          {nr: unix.SYS_MKNODAT, args: []any{^uintptr(99), folder + "/pipe", unix.S_IFIFO | 0o666, 0}},
	"links":          {nr: unix.SYS_SYMLINKAT, args: []any{"/etc", ^uintptr(99), folder + "/link"}},
	"folders":        {nr: unix.SYS_MKDIRAT, args: []any{^uintptr(99), folder + "/folder", 0o755}},
	"limits":         {nr: unix.SYS_PRLIMIT64, args: []any{0, unix.RLIMIT_STACK, limitOf(1 << 20), 0}},
	"filters":        {nr: unix.SYS_SECCOMP, args: []any{unix.SECCOMP_GET_ACTION_AVAIL, 0, make([]byte, 8)}},
	"another's view": {nr: unix.SYS_SETNS, args: []any{0, 0}, granted: unix.EINVAL},
	"a view":         {nr: unix.SYS_UNSHARE, args: []any{unix.CLONE_FILES}},
}

// counter are the attributes of a counter of its own process.
func counter() []byte {
	b := make([]byte, 128)
	b[0] = 1       // of software
	b[40] = 1 << 5 // without the kernel
	b[4] = 64
	return b
}

// mapOfOne are the attributes of the smallest map of BPF.
func mapOfOne() []byte {
	b := make([]byte, 128)
	b[0], b[4], b[8], b[12] = 2, 4, 4, 1 // an array of one word
	return b
}

func limitOf(n uint64) []byte { return append(binary(n), binary(n)...) }

func binary(n uint64) []byte { return unsafe.Slice((*byte)(unsafe.Pointer(&n)), 8) }

// make makes the call. A view of its own, which some of them make, is its
// thread's alone, which ends with it.
func (c kernelCall) make() (string, error) {
	type answer struct {
		n     uintptr
		errno unix.Errno
	}
	done := make(chan answer)
	go func() {
		runtime.LockOSThread() // and is not unlocked
		var args [6]uintptr
		var keep [][]byte
		for i, a := range c.args {
			switch a := a.(type) {
			case int:
				args[i] = uintptr(a)
			case uintptr:
				args[i] = a
			case string:
				keep = append(keep, append([]byte(a), 0))
				args[i] = uintptr(unsafe.Pointer(&keep[len(keep)-1][0]))
			case []byte:
				keep = append(keep, a)
				args[i] = uintptr(unsafe.Pointer(&a[0]))
			}
		}
		n, _, errno := unix.Syscall6(c.nr, args[0], args[1], args[2], args[3], args[4], args[5])
		runtime.KeepAlive(keep)
		done <- answer{n, errno}
	}()
	a := <-done
	if a.errno != 0 && a.errno != c.granted || a.errno == unix.ENOSYS {
		return "", a.errno
	}
	return fmt.Sprintf("answered %d %d", int(a.n), int(a.errno)), nil
}

// peek reads a text in the memory of another process.
func peek(arg string) (string, error) {
	var pid, at, n int
	if _, err := fmt.Sscan(arg, &pid, &at, &n); err != nil {
		return "", err
	}
	b := make([]byte, n)
	local := []unix.Iovec{{Base: &b[0], Len: uint64(n)}}
	_, err := unix.ProcessVMReadv(pid, local, []unix.RemoteIovec{{Base: uintptr(at), Len: n}}, 0)
	return string(b), err
}

// trace attaches to another process, until its thread ends.
func trace(arg string) (string, error) {
	pid, err := strconv.Atoi(arg)
	if err != nil {
		return "", err
	}
	done := make(chan unix.Errno)
	go func() {
		runtime.LockOSThread() // and is not unlocked
		_, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_SEIZE, uintptr(pid), 0, 0, 0, 0)
		done <- errno
	}()
	if errno := <-done; errno != 0 {
		return "", errno
	}
	return "attached", nil
}

// fork makes 200 processes, each of which ends after half a second, and says
// how many there were at once.
func fork(string) (string, error) {
	runtime.LockOSThread()
	half := unix.NsecToTimespec(int64(500 * time.Millisecond))
	var n int
	var failed unix.Errno
	for n = 0; n < 200; n++ {
		pid, _, errno := unix.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
		if errno != 0 {
			failed = errno
			break
		}
		if pid == 0 { // nothing of Go's runtime works here
			unix.RawSyscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&half)), 0, 0)
			for {
				unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
			}
		}
	}
	if n == 0 {
		return "", failed
	}
	return strconv.Itoa(n), nil
}

// threads makes 300 threads.
func threads(string) (string, error) {
	started, end := make(chan int), make(chan int)
	for range 300 {
		go func() {
			runtime.LockOSThread()
			started <- unix.Gettid()
			<-end
		}()
		<-started
	}
	close(end)
	return "300", nil
}

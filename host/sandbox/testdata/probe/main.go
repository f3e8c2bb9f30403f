// SPDX-License-Identifier: Apache-2.0

// Command probe tries what its arguments say, one after the other, and prints
// a line for each: what came of it.
package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

func main() {
	for _, what := range os.Args[1:] {
		name, arg, _ := strings.Cut(what, ":")
		try, ok := tries[name]
		if !ok {
			fmt.Printf("%s=unknown\n", what)
			continue
		}
		said, err := try(arg)
		if err != nil {
			said = word(err)
		}
		fmt.Printf("%s=%s\n", what, said)
	}
}

// word returns the system's error as a word.
func word(err error) string {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno.Error()
	}
	return err.Error()
}

var tries = map[string]func(arg string) (string, error){
	"list": func(dir string) (string, error) {
		all, err := os.ReadDir(dir)
		var names []string
		for _, e := range all {
			names = append(names, e.Name())
		}
		return strings.Join(names, " "), err
	},
	"read": func(file string) (string, error) {
		b, err := os.ReadFile(file)
		return string(b), err
	},
	"write": func(file string) (string, error) { return "written", os.WriteFile(file, []byte("x"), 0o600) },
	"fill": func(dir string) (string, error) {
		for n := range 100_000 {
			f, err := os.Create(dir + "/" + strconv.Itoa(n))
			if err != nil {
				if n > 100 {
					return fmt.Sprint(n), nil
				}
				return "few", nil
			}
			f.Close()
		}
		return "all", nil
	},
	"listen": func(path string) (string, error) { return listen("unix", path) },
	"tcp":    func(address string) (string, error) { return dial("tcp", address) },
	"udp":    func(address string) (string, error) { return dial("udp", address) },
	"unix":   func(path string) (string, error) { return dial("unix", path) },
	"socket": func(arg string) (string, error) {
		var domain, kind int
		fmt.Sscanf(arg, "%d,%d", &domain, &kind)
		_, err := syscall.Socket(domain, kind, 0)
		return "made", err
	},
	"call": func(arg string) (string, error) {
		var nr, a, b uintptr
		fmt.Sscanf(arg, "%d,%d,%d", &nr, &a, &b)
		_, _, errno := syscall.Syscall6(nr, a, b, 0, 0, 0, 0)
		if errno != 0 {
			return "", errno
		}
		return "done", nil
	},
	"exec": func(path string) (string, error) {
		return "", syscall.Exec(path, []string{path, "-c", "echo exec=done"}, nil)
	},
	"fork": func(string) (string, error) {
		p, err := os.StartProcess("/proc/self/exe", []string{"probe"}, &os.ProcAttr{})
		if err != nil {
			return "", err
		}
		p.Wait()
		return "forked", nil
	},
	"threads": func(string) (string, error) {
		debug.SetMaxThreads(1 << 20)
		begun := make(chan bool)
		for n := range 1000 {
			go func() {
				runtime.LockOSThread()
				begun <- true
				select {}
			}()
			select {
			case <-begun:
			case <-time.After(time.Second):
				return "at most " + strconv.Itoa(n), nil
			}
		}
		return "1000", nil
	},
	"memory":   mapped(syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON),
	"shared":   mapped(syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED|syscall.MAP_ANON),
	"growing":  mapped(syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON|syscall.MAP_GROWSDOWN),
	"reserved": mapped(syscall.PROT_READ, syscall.MAP_PRIVATE|syscall.MAP_ANON|syscall.MAP_NORESERVE),
	"whoami": func(string) (string, error) {
		host, err := os.Hostname()
		return fmt.Sprintf("uid %d gid %d pid %d ppid %d host %s", os.Getuid(), os.Getgid(), os.Getpid(), os.Getppid(), host), err
	},
	"capabilities": func(string) (string, error) {
		header := [2]uint32{0x20080522}
		var data [6]uint32
		_, _, errno := syscall.Syscall(syscall.SYS_CAPGET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&data)), 0)
		if errno != 0 {
			return "", errno
		}
		return fmt.Sprint(data), nil
	},
	"dumpable": func(string) (string, error) {
		n, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_GET_DUMPABLE, 0, 0)
		if errno != 0 {
			return "", errno
		}
		return fmt.Sprint(n), nil
	},
	"descriptors": func(string) (string, error) {
		var open []string
		for fd := range 256 {
			if _, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_GETFD, 0); errno == 0 {
				var st syscall.Stat_t
				syscall.Fstat(fd, &st)
				kind := map[uint32]string{syscall.S_IFIFO: "pipe", syscall.S_IFREG: "file", syscall.S_IFSOCK: "socket", syscall.S_IFDIR: "folder", syscall.S_IFCHR: "device"}[st.Mode&syscall.S_IFMT]
				if kind == "" {
					continue // the runtime's own, for epoll
				}
				open = append(open, fmt.Sprintf("%d %s", fd, kind))
			}
		}
		return strings.Join(open, ", "), nil
	},
	"environment": func(string) (string, error) { return strings.Join(os.Environ(), " "), nil },
	"folder":      func(string) (string, error) { return os.Getwd() },
	"exit": func(code string) (string, error) {
		n, _ := strconv.Atoi(code)
		os.Exit(n)
		return "", nil
	},
	"hang": func(string) (string, error) {
		io.Copy(io.Discard, os.Stdin)
		time.Sleep(time.Hour)
		return "", nil
	},
}

// mapped returns a try that maps as many MiB as its argument says.
func mapped(prot, flags int) func(string) (string, error) {
	return func(mib string) (string, error) {
		n, _ := strconv.Atoi(mib)
		_, err := syscall.Mmap(-1, 0, n<<20, prot, flags)
		return "mapped", err
	}
}

func dial(network, address string) (string, error) {
	c, err := net.DialTimeout(network, address, time.Second)
	if err != nil {
		return "", err
	}
	c.Close()
	return "connected", nil
}

func listen(network, address string) (string, error) {
	l, err := net.Listen(network, address)
	if err != nil {
		return "", err
	}
	l.Close()
	return "listens", nil
}

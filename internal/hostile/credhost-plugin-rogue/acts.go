// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"unsafe"

	"github.com/credhost/credhost/sdk"
)

// acts are what is done in a call, by the second word of the answer do.
var acts = map[string]func(ctx context.Context, in sdk.Input) (string, error){
	"pid":   func(context.Context, sdk.Input) (string, error) { return strconv.Itoa(os.Getpid()), nil },
	"exit":  func(context.Context, sdk.Input) (string, error) { os.Exit(2); return "", nil },
	"leave": func(context.Context, sdk.Input) (string, error) { os.Exit(0); return "", nil },
	"panic": func(context.Context, sdk.Input) (string, error) { go panic("out of cheese"); rest(); return "", nil },
	"kill": func(context.Context, sdk.Input) (string, error) {
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	},
	"fault": func(context.Context, sdk.Input) (string, error) {
		syscall.Kill(os.Getpid(), syscall.SIGSEGV)
		select {}
	},
	"hang":   func(context.Context, sdk.Input) (string, error) { rest(); return "", nil },
	"freeze": freeze,
	"stay":   func(context.Context, sdk.Input) (string, error) { stays.Store(true); return "", nil },
	"hold":   hold,
	"flood":  flood,
	"print":  print,
	"escape": func(context.Context, sdk.Input) (string, error) {
		fmt.Fprintln(os.Stderr, "all is well \x1b[2J\x1b]0;pwned\x07")
		return "", nil
	},
	"remember": func(_ context.Context, in sdk.Input) (string, error) {
		remembered = in.Get(secret)
		return "", nil
	},
}

// stays says that the program does not end when it is told to. Nor does it with
// its standard input, which it does not read.
var stays atomic.Bool

// remembered is the secret of a call that is over.
var remembered string

// freeze stops all of the program. A signal would not do where it is the first
// process of its namespace.
func freeze(context.Context, sdk.Input) (string, error) {
	runtime.GOMAXPROCS(1)
	runtime.LockOSThread()
	all, never := ^uint64(0), uint32(0)
	syscall.RawSyscall6(syscall.SYS_RT_SIGPROCMASK, 0, uintptr(unsafe.Pointer(&all)), 0, 8, 0, 0)
	for { // in a way that hides from the scheduler that the only processor is taken
		syscall.RawSyscall6(syscall.SYS_FUTEX, uintptr(unsafe.Pointer(&never)), 128, 0, 0, 0, 0)
	}
}

// hold goes on until the call ends.
func hold(ctx context.Context, _ sdk.Input) (string, error) {
	<-ctx.Done()
	return "", ctx.Err()
}

// flood writes 64 MB to the standard error, and says when it is done.
func flood(context.Context, sdk.Input) (string, error) {
	line := []byte(strings.Repeat("flood ", 1000) + "\n")
	for n := 0; n < 64<<20; n += len(line) {
		if _, err := syscall.Write(2, line); err != nil {
			return "", err
		}
	}
	return "written", nil
}

// print writes the secret to the log, in the ways there are.
func print(_ context.Context, in sdk.Input) (string, error) {
	s := in.Get(secret)
	fmt.Fprintln(os.Stderr, "plain:", s)
	fmt.Fprintf(os.Stderr, "quoted: %q\n", s)
	fmt.Fprintf(os.Stderr, `{"@level":"info","@message":"in JSON","it":%q}`+"\n", s)
	if in.Get(arg) == "encoded" {
		fmt.Fprintln(os.Stderr, "base64:", base64.StdEncoding.EncodeToString([]byte(s)))
		fmt.Fprintf(os.Stderr, "hex: %x\n", s)
	}
	return "", nil
}

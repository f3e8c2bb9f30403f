// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// probe makes an attempt on the machine.
func probe(name, arg string) (string, error) {
	if try := probes[name]; try != nil {
		return try(arg)
	}
	if call, ok := kernelCalls[name]; ok {
		return call.make()
	}
	return "", fmt.Errorf("no such attempt: %s", name)
}

// probes are attempts on the machine, by name. They take nothing with them but
// the proof that they could.
var probes = map[string]func(arg string) (string, error){}

func init() {
	maps.Copy(probes, map[string]func(arg string) (string, error){
		"read":     func(path string) (string, error) { b, err := readSome(path); return string(b), err },
		"list":     list,
		"create":   func(path string) (string, error) { return "made", os.WriteFile(path, nil, 0o600) },
		"truncate": truncate,
		"fill":     fill,
		"grow":     grow,
		"connect":  connect,
		"send":     send,
		"serve":    serve,
		"signal":   func(pid string) (string, error) { n, _ := strconv.Atoi(pid); return "sent", unix.Kill(n, unix.SIGTERM) },
		"peek":     peek,
		"trace":    trace,
		"run":      func(path string) (string, error) { return "run", exec.Command(path, "-c", "exit 0").Run() },
		"fork":     fork,
		"threads":  threads,
		"memory":   memory,
		"files":    files,
		"burn":     burn,
		"old":      func(string) (string, error) { return strconv.Itoa(oldCall()), nil },
	})
}

// readSome reads the beginning of a file.
func readSome(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 256))
	if err == nil && len(b) == 0 {
		err = errors.New("it is empty")
	}
	return b, err
}

// truncate empties a file.
func truncate(path string) (string, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return "", err
	}
	return "emptied", f.Close()
}

func list(dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " "), err
}

// fill makes empty files in its folder until it may not, or has a thousand.
func fill(string) (string, error) {
	for n := range 1000 {
		if err := os.WriteFile(filepath.Join(folder, "f"+strconv.Itoa(n)), nil, 0o600); err != nil {
			return strconv.Itoa(n), nil
		}
	}
	return "1000", nil
}

// grow writes to a file in its folder.
func grow(string) (string, error) {
	return "grown", os.WriteFile(filepath.Join(folder, "big"), make([]byte, 32<<10), 0o600)
}

func connect(arg string) (string, error) {
	network, address, _ := strings.Cut(arg, " ")
	conn, err := net.DialTimeout(network, address, 2*time.Second)
	if err != nil {
		return "", err
	}
	return "connected", conn.Close()
}

// send sends a datagram.
func send(address string) (string, error) {
	conn, err := net.Dial("udp", address)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	_, err = conn.Write([]byte("hello"))
	return "sent", err
}

// serve listens on TCP, until the call is over, and a moment longer.
func serve(address string) (string, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return "", err
	}
	time.AfterFunc(5*time.Second, func() { l.Close() })
	return l.Addr().String(), nil
}

// memory takes 400 MiB, and uses them.
func memory(string) (string, error) {
	var all [][]byte
	for range 40 {
		part := make([]byte, 10<<20)
		for i := 0; i < len(part); i += 4096 {
			part[i] = 1
		}
		all = append(all, part)
	}
	n := len(all)
	return strconv.Itoa(n), nil
}

// files opens descriptors until it may not, or has two thousand.
func files(string) (string, error) {
	var all []int
	defer func() {
		for _, fd := range all {
			unix.Close(fd)
		}
	}()
	for len(all) < 2000 {
		fd, err := unix.Dup(0)
		if err != nil {
			break
		}
		all = append(all, fd)
	}
	return strconv.Itoa(len(all)), nil
}

// burn computes for ever, and lets the call end.
func burn(string) (string, error) {
	go func() {
		for n := 1; n != 0; n += 2 {
		}
	}()
	return "burning", nil
}

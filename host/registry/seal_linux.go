// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/credhost/credhost/host/sandbox"
)

// seal copies the file at path into memory, hashes what it copies, and seals
// the memory: nobody can change it any more, and that is what is executed. Who
// could have changed it between the two must be able to change this process.
// The memory has large pages where there can be a full sandbox: a program starts
// in a quarter less time from them.
func (a *album) seal(path, name string) (*binary, error) {
	in, err := openRegular(path)
	if err != nil {
		return nil, plainError(path, err)
	}
	defer in.Close()
	if large, err := a.large(); err == nil {
		defer large.Close()
		return sealLarge(large, in, path, name, a.hides)
	}
	mem, err := memory(name)
	if err != nil {
		return a.sealCopy(path, name) // the kernel is old, or forbids to execute memory
	}
	b, err := sealInto(mem, in, path)
	if err != nil {
		mem.Close()
		return nil, err
	}
	return b, nil
}

// sealLarge seals what in holds, which is from path, in a file system of its own.
func sealLarge(large *sandbox.Memory, in io.Reader, path, name string, hide bool) (*binary, error) {
	sum, err := write(large, in, path, name)
	if err != nil {
		return nil, err
	}
	f, err := large.Freeze(name, hide)
	if err != nil {
		return nil, fmt.Errorf("sealing %s in memory: %w", path, err)
	}
	return &binary{digest: sum, file: f, path: pathOf(f), hidden: hide}, nil
}

// write makes a file of what in holds. Meanwhile nothing else is started: a child
// has all descriptors until it executes its own program, and what somebody can
// write to cannot be executed.
func write(large *sandbox.Memory, in io.Reader, path, name string) (digest, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	mem, err := large.Create(name)
	if err != nil {
		return "", fmt.Errorf("making room for %s: %w", path, err)
	}
	sum, err := fill(mem, in, path)
	if cerr := mem.Close(); err == nil {
		err = cerr
	}
	return sum, err
}

// pathOf returns a path to an open file, for this process and its children.
func pathOf(f *os.File) string { return "/proc/self/fd/" + strconv.Itoa(int(f.Fd())) }

// memory returns a file in memory that can be executed.
func memory(name string) (*os.File, error) {
	const flags = unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate(name, flags|unix.MFD_EXEC)
	if errors.Is(err, unix.EINVAL) { // Linux before 6.3, where all of them can
		fd, err = unix.MemfdCreate(name, flags)
	}
	if err != nil {
		return nil, err
	}
	mem := os.NewFile(uintptr(fd), name)
	if _, err := os.Stat(pathOf(mem)); err != nil {
		mem.Close()
		return nil, err // without /proc there is no path to execute
	}
	return mem, nil
}

func sealInto(mem *os.File, in io.Reader, path string) (*binary, error) {
	sum, err := fill(mem, in, path)
	if err != nil {
		return nil, err
	}
	const seals = unix.F_SEAL_WRITE | unix.F_SEAL_GROW | unix.F_SEAL_SHRINK | unix.F_SEAL_SEAL
	if _, err := unix.FcntlInt(mem.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		return nil, fmt.Errorf("sealing %s in memory: %w", path, err)
	}
	return &binary{digest: sum, file: mem, path: pathOf(mem)}, nil
}

// fill copies what in holds, and returns the digest of what it wrote.
func fill(mem *os.File, in io.Reader, path string) (digest, error) {
	n, sum, err := copyHashed(mem, in, maxProgram)
	if err != nil {
		return "", plainError(path, err)
	}
	if n == 0 {
		return "", fmt.Errorf("%s is empty", path)
	}
	return sum, nil
}

// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// seal copies the file at path into memory, hashes what it copies, and seals
// the memory: nobody can change it any more, and that is what is executed. Who
// could have changed it between the two must be able to change this process.
func (a *album) seal(path, name string) (*binary, error) {
	mem, err := memory(name)
	if err != nil {
		return a.sealCopy(path, name) // the kernel is old, or forbids to execute memory
	}
	b, err := sealInto(mem, path)
	if err != nil {
		mem.Close()
		return nil, err
	}
	return b, nil
}

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
	if _, err := os.Stat("/proc/self/fd/" + strconv.Itoa(fd)); err != nil {
		mem.Close()
		return nil, err // without /proc there is no path to execute
	}
	return mem, nil
}

func sealInto(mem *os.File, path string) (*binary, error) {
	in, err := openRegular(path)
	if err != nil {
		return nil, plainError(path, err)
	}
	defer in.Close()
	n, sum, err := copyHashed(mem, in, maxProgram)
	if err != nil {
		return nil, plainError(path, err)
	}
	if n == 0 {
		return nil, fmt.Errorf("%s is empty", path)
	}
	const seals = unix.F_SEAL_WRITE | unix.F_SEAL_GROW | unix.F_SEAL_SHRINK | unix.F_SEAL_SEAL
	if _, err := unix.FcntlInt(mem.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		return nil, fmt.Errorf("sealing %s in memory: %w", path, err)
	}
	return &binary{digest: sum, file: mem, path: "/proc/self/fd/" + strconv.Itoa(int(mem.Fd()))}, nil
}

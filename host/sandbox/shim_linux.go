// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package sandbox

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"os"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// shimText returns where the shim is in this program.
func shimText() unsafe.Pointer

// shimEnd is what follows the shim's last instruction.
var shimEnd = binary.LittleEndian.AppendUint64(nil, 0x646e652072656c70)

// shimCode returns the shim's instructions.
var shimCode = sync.OnceValues(func() ([]byte, error) {
	// It is much shorter. What follows it is the rest of this program's text,
	// of which the function that returns its address is a part.
	text := unsafe.Slice((*byte)(shimText()), 160)
	end := bytes.Index(text, shimEnd)
	if end < 0 {
		return nil, errors.New("the sandbox's shim is not whole")
	}
	return bytes.Clone(text[:end]), nil
})

// Where the parts of a shim are in its memory. The assembly knows dataAt.
const (
	codeAt  = 0x00400000
	dataAt  = 0x10000000
	blobsAt = 0x20000000
	noteLen = 16
	callLen = 80
)

// image returns the shim as a program: an ELF file of three segments, which
// are its code, its list of calls, and what the calls point to.
func image(code, data, blobs []byte) []byte {
	const headers = 64 + 4*56
	offset := func(n int) uint64 { return uint64((n + align - 1) / align * align) }
	dataOff := offset(headers + len(code))
	blobsOff := dataOff + offset(len(data))
	out := new(bytes.Buffer)
	machine := elf.EM_X86_64
	if nativeAudit != unix.AUDIT_ARCH_X86_64 {
		machine = elf.EM_AARCH64
	}
	put := func(v any) { binary.Write(out, binary.LittleEndian, v) } // a buffer takes all
	put(elf.Header64{
		Ident: [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:  uint16(elf.ET_EXEC), Machine: uint16(machine), Version: uint32(elf.EV_CURRENT),
		Entry: codeAt + headers, Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: 4,
	})
	load := func(flags elf.ProgFlag, off, at uint64, n int) {
		put(elf.Prog64{Type: uint32(elf.PT_LOAD), Flags: uint32(flags), Off: off, Vaddr: at, Paddr: at, Filesz: uint64(n), Memsz: uint64(n), Align: align})
	}
	load(elf.PF_R|elf.PF_X, 0, codeAt, headers+len(code))
	load(elf.PF_R|elf.PF_W, dataOff, dataAt, len(data))
	load(elf.PF_R|elf.PF_W, blobsOff, blobsAt, max(len(blobs), 1))
	put(elf.Prog64{Type: uint32(elf.PT_GNU_STACK), Flags: uint32(elf.PF_R | elf.PF_W)})
	out.Write(code)
	out.Write(make([]byte, int(dataOff)-out.Len()))
	out.Write(data)
	out.Write(make([]byte, int(blobsOff)-out.Len()))
	out.Write(blobs)
	out.WriteByte(0)
	return out.Bytes()
}

// shimFile returns a file in memory that holds the shim of a script.
func shimFile(s *script) (*os.File, error) {
	code, err := shimCode()
	if err != nil {
		return nil, err
	}
	const flags = unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate("cell", flags|unix.MFD_EXEC)
	if errors.Is(err, unix.EINVAL) { // Linux before 6.3, where all of them can be executed
		fd, err = unix.MemfdCreate("cell", flags)
	}
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "cell")
	data, blobs := s.assemble()
	if _, err := f.Write(image(code, data, blobs)); err != nil {
		f.Close()
		return nil, err
	}
	if _, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_WRITE|unix.F_SEAL_GROW|unix.F_SEAL_SHRINK|unix.F_SEAL_SEAL); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

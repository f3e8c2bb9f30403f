// SPDX-License-Identifier: Apache-2.0

//go:build linux

#include "textflag.h"

// The shim: all of a program that makes system calls off a list. The host
// copies it out of its own text, so it may refer to nothing but registers and
// the one address at which the host puts the data: see shim_linux.go.
//
// The data begins with a note of two words, which call was made last and what
// it returned. At 16 follow the calls, ten words each: the number, six
// arguments, and the addresses of the calls that are next if it fails, if it
// returns zero, and if it returns more. It uses no stack, and never returns.
TEXT shim<>(SB), NOSPLIT|NOFRAME, $0-0
	MOVQ $0x10000000, R13 // the note
	LEAQ 16(R13), R12     // the first call
call:
	MOVQ 0(R12), AX
	MOVQ 8(R12), DI
	MOVQ 16(R12), SI
	MOVQ 24(R12), DX
	MOVQ 32(R12), R10
	MOVQ 40(R12), R8
	MOVQ 48(R12), R9
	SYSCALL
	MOVQ R12, 0(R13)
	MOVQ AX, 8(R13)
	TESTQ AX, AX
	JLT  failed
	JEQ  zero
	MOVQ 72(R12), R12
	JMP  call
zero:
	MOVQ 64(R12), R12
	JMP  call
failed:
	MOVQ 56(R12), R12
	JMP  call
	// Where it ends, for who copies it.
	QUAD $0x646e652072656c70
	RET

// func shimText() unsafe.Pointer
TEXT ·shimText(SB), NOSPLIT, $0-8
	LEAQ shim<>(SB), AX
	MOVQ AX, ret+0(FP)
	RET

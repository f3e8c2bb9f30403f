// SPDX-License-Identifier: Apache-2.0

//go:build linux

#include "textflag.h"

// The shim: see shim_amd64.s.
TEXT shim<>(SB), NOSPLIT|NOFRAME, $0-0
	MOVD $0x10000000, R20 // the note
	ADD  $16, R20, R19    // the first call
call:
	MOVD 0(R19), R8
	MOVD 8(R19), R0
	MOVD 16(R19), R1
	MOVD 24(R19), R2
	MOVD 32(R19), R3
	MOVD 40(R19), R4
	MOVD 48(R19), R5
	SVC
	MOVD R19, 0(R20)
	MOVD R0, 8(R20)
	CMP  $0, R0
	BLT  failed
	BEQ  zero
	MOVD 72(R19), R19
	B    call
zero:
	MOVD 64(R19), R19
	B    call
failed:
	MOVD 56(R19), R19
	B    call
	// Where it ends, for who copies it.
	WORD $0x72656c70
	WORD $0x646e6520
	RET

// func shimText() unsafe.Pointer
TEXT ·shimText(SB), NOSPLIT, $0-8
	MOVD $shim<>(SB), R0
	MOVD R0, ret+0(FP)
	RET

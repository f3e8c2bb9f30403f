// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

// oldCall asks for the process's ID by the system calls of 32-bit programs,
// whose numbers are others than those that a filter of 64-bit calls knows.
func oldCall() int

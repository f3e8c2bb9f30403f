// SPDX-License-Identifier: Apache-2.0

//go:build !goexperiment.runtimesecret

package sealer

// erasing runs f. Built with GOEXPERIMENT=runtimesecret it also erases the
// registers, stack and heap that f used (see erasing_secret.go); without, what
// the ciphers copied waits for the garbage collector, as in any Go program.
func erasing(f func()) { f() }

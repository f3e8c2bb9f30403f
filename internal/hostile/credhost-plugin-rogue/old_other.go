// SPDX-License-Identifier: Apache-2.0

//go:build linux && !amd64

package main

// oldCall has nothing to call: this processor runs no programs of an older one.
func oldCall() int { return -1 }

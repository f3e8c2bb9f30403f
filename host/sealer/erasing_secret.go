// SPDX-License-Identifier: Apache-2.0

//go:build goexperiment.runtimesecret

package sealer

import "runtime/secret"

// erasing runs f and erases the registers and the stack it used at once, and
// its heap once it is unreachable: on linux/amd64 and linux/arm64, so says
// runtime/secret, and elsewhere not at all.
func erasing(f func()) { secret.Do(f) }

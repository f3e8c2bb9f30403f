// SPDX-License-Identifier: Apache-2.0

//go:build linux

package hostile_test

import (
	"testing"

	"github.com/credhost/credhost/internal/hostile"
)

func TestMachine(t *testing.T) {
	try(t, hostile.Machine, machinesThatSwap, machinesThatLock, machinesThatUpdate)
}

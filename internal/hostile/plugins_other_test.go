// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package hostile_test

import "testing"

// The rogue program attacks what only Linux has.
func TestPlugins(t *testing.T) {
	t.Skip("NOT TRIED: the attacks of plugins are written for Linux, where plugins run in a sandbox")
}

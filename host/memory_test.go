// SPDX-License-Identifier: Apache-2.0

package host_test

import (
	"runtime"
	"testing"

	"github.com/credhost/credhost/host"
)

// TestMemoryState shows that the process of these tests is protected, since its
// hosts are. What that is worth, package canary's tests see from outside.
func TestMemoryState(t *testing.T) {
	t.Parallel()
	open(t, nil)
	if s := host.Memory(); s.Hidden != (runtime.GOOS == "linux") || s.Cores != (runtime.GOOS == "windows") {
		t.Errorf("Memory() = %+v after Open", s)
	}
}

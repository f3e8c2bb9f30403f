// SPDX-License-Identifier: Apache-2.0

package realoauth_test

import (
	"testing"

	"github.com/credhost/credhost/host"
)

// revoke revokes the credential, and demands that the host has seen it dead.
func revoke(t *testing.T, h *house) {
	t.Helper()
	r, err := h.Revoke(t.Context(), h.id)
	if err != nil || !r.Told || r.Grant != host.FateDead || r.Refresh != host.FateUnknown || r.Kept {
		t.Fatalf("Revoke = %+v, %v", r, err)
	}
}

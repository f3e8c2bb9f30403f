// SPDX-License-Identifier: Apache-2.0

package realoauth_test

import "testing"

// revoke revokes the credential.
func revoke(t *testing.T, h *house) {
	t.Helper()
	if err := h.Revoke(t.Context(), h.id); err != nil {
		t.Fatalf("Revoke: %v", err)
	}
}

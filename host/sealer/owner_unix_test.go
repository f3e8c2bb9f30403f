// SPDX-License-Identifier: Apache-2.0

//go:build unix

package sealer

import (
	"errors"
	"testing"
)

func TestWhoMayOwnTheKeyFile(t *testing.T) {
	for _, c := range []struct {
		owner, me int
		refused   bool
	}{
		{owner: 1000, me: 1000},
		{owner: 0, me: 1000}, // Kubernetes and systemd
		{owner: 1000, me: 0}, // root rotates the key of a service
		{owner: 1000, me: 1001, refused: true},
	} {
		if err := checkOwner("key", c.owner, c.me); errors.Is(err, ErrExposedKeyFile) != c.refused {
			t.Errorf("owned by %d, read by %d: %v", c.owner, c.me, err)
		}
	}
}

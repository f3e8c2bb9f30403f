// SPDX-License-Identifier: Apache-2.0

package hostile_test

import (
	"testing"

	"github.com/credhost/credhost/internal/hostile"
	"github.com/credhost/credhost/sdk"
)

func TestPlugins(t *testing.T) { try(t, hostile.Plugin, pluginsThatReach) }

// The attempts of plugins to reach what is not theirs.
var pluginsThatReach = attempts{
	"a grant for elsewhere": {
		says: "wants to send the grant to an address that the answers do not allow",
		run: func(w *world) (bool, error) {
			id := w.create("hostile", sdk.Values{"trick": "a grant for elsewhere", "target": evil})
			_, _, err := w.get(id, api+"/things")
			w.get(id, evil+"/things")
			return w.evilGot(canary), err
		},
	},
}

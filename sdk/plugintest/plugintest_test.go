// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"testing"

	"github.com/credhost/credhost/sdk"
)

// The suite finds nothing in a plugin that has no fault.
func TestRun(t *testing.T) {
	Run(t, modelSuite(func() sdk.Plugin { return model{} }))
}

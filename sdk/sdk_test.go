// SPDX-License-Identifier: Apache-2.0

package sdk_test

import (
	"testing"

	"github.com/credhost/credhost/sdk"
)

// can is a plugin that can do everything, and says otherwise if it must.
type can struct {
	sdk.Plugin
	sdk.Tester
	sdk.Connector
	sdk.Signer
	sdk.Revoker
	sdk.Suggester
	sdk.Upgrader
}

type limited struct{ can }

func (limited) Can() sdk.Abilities { return sdk.Abilities{Sign: true} }

func TestCan(t *testing.T) {
	t.Parallel()
	if got := sdk.Can(can{}); got != (sdk.Abilities{Test: true, Connect: true, Sign: true, Revoke: true, Suggest: true, Upgrade: true}) {
		t.Errorf("a plugin with every interface can %+v", got)
	}
	if got := sdk.Can(struct{ sdk.Plugin }{}); got != (sdk.Abilities{}) {
		t.Errorf("a plugin without any can %+v", got)
	}
	if got := sdk.Can(limited{}); got != (sdk.Abilities{Sign: true}) {
		t.Errorf("a plugin that limits itself can %+v", got)
	}
}

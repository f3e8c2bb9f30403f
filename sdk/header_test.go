// SPDX-License-Identifier: Apache-2.0

package sdk_test

import (
	"testing"

	"github.com/credhost/credhost/sdk"
)

func TestSameHeader(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{"X-Api-Key", "X-Api-Key", true},
		{"X-Api-Key", "x-api-key", true},
		{"X-Api-Key", "X_Api_Key", true},
		{"X-Api-Key", "x.API|kEY", true},
		{"X-Api-Key", "X-Api-Ke", false},
		{"X-Api-Key", "X-Api-Kez", false},
		{"X-Api-Key", "XApiKey", false},
		{"X-Api-Key1", "X-Api-Key2", false},
		{"", "", true},
	} {
		if got := sdk.SameHeader(test.a, test.b); got != test.want {
			t.Errorf("SameHeader(%q, %q) = %v", test.a, test.b, got)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package formtest_test

import (
	"testing"

	"github.com/credhost/credhost/internal/formtest"
)

func TestTortureIsValid(t *testing.T) {
	t.Parallel()
	if err := formtest.Torture().Validate(); err != nil {
		t.Error(err)
	}
}

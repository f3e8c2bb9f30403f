// SPDX-License-Identifier: Apache-2.0

package apitest_test

import (
	"testing"

	"github.com/credhost/credhost/internal/ground"
	"github.com/credhost/credhost/internal/tools"
)

func TestMain(m *testing.M) { ground.Main(m) }

var need = tools.Need{Name: "API", Untested: "no client is made of the OpenAPI document"}

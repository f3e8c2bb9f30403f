// SPDX-License-Identifier: Apache-2.0

package formtest_test

import "github.com/credhost/credhost/internal/tools"

var need = tools.Need{Name: "FORMS", Untested: "the forms are not tested in the real libraries"}

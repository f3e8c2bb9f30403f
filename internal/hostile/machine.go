// SPDX-License-Identifier: Apache-2.0

package hostile

import "slices"

// machine are the cases of other users and programs of the machine.
var machine = slices.Concat(trusting, leaking)

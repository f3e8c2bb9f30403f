// SPDX-License-Identifier: Apache-2.0

package hostile

import "slices"

// services are the cases of services, of those who pose as one, and of those
// who are on the way there.
var services = slices.Concat(answers, wire)

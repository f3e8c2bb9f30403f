// SPDX-License-Identifier: Apache-2.0

// Package observed holds what a host lets be seen of its work to what
// docs/metrics.md says: its tests have real plugins work for a host that is
// traced and counted, and look at every span and every number.
package observed

// SPDX-License-Identifier: Apache-2.0

package audit

// CountAtMost replaces how many uses are told apart.
func (t *Trail) CountAtMost(n int) { t.uses.most = n }

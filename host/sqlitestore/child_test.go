// SPDX-License-Identifier: Apache-2.0

package sqlitestore

const childRole = "CREDHOST_STORE_TEST"

var roles = map[string]func() int{}

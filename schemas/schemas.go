// SPDX-License-Identifier: Apache-2.0

// Package schemas holds the contracts of credhost that need no Go, so that
// programs in other languages, and ours, find them in one place.
package schemas

import _ "embed"

// Schema is the JSON Schema (2020-12) of a credential type's schema, which is
// what a plugin says of itself.
//
//go:embed schema.schema.json
var Schema []byte

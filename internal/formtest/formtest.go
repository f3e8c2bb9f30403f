// SPDX-License-Identifier: Apache-2.0

// Package formtest holds the forms of package form to the real things.
//
// One table, cases.json, says what the host takes and what it says of the rest.
// Everything that judges answers has to agree with it: the host itself, a
// validator in Go, Ajv, and the validators that react-jsonschema-form and JSON
// Forms bring along. What these libraries render is filled in, switched, switched
// back and submitted, under jsdom and in a real browser, as is the page that
// WriteHTML writes; a server in this package judges what they send.
//
// The types are those that are shipped, described by their own programs, and
// "torture", which has every kind of field and of condition.
//
// The tests in folder node run on Node.js with the packages that its lockfile
// pins. Where these or a browser cannot be had, tests are skipped and say so;
// with CREDHOST_NEED_FORMS=1, as `make test` sets it, they fail instead.
package formtest

import (
	_ "embed"
	"encoding/json"

	"github.com/credhost/credhost/sdk"
)

//go:embed torture.json
var torture []byte

// Torture returns the schema that has every kind of field and of condition.
func Torture() sdk.Schema {
	var s sdk.Schema
	if err := json.Unmarshal(torture, &s); err != nil {
		panic("formtest: torture.json: " + err.Error()) // it is embedded
	}
	return s
}

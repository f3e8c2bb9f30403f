// SPDX-License-Identifier: Apache-2.0

// Command credhost-plugin-hostile serves the types of credential that the tests
// of package hostile use: honest ones, for attacks of others, and one that does
// what no plugin should, as an answer of its own says.
package main

import (
	"slices"

	"github.com/credhost/credhost/sdk/serve"
)

func main() { serve.Plugins(slices.Concat(honest, attackers)...) }

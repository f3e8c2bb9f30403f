// SPDX-License-Identifier: Apache-2.0

// Program plugin is a credential plugin, as package serve makes one of it.
package main

import (
	"os"

	"github.com/credhost/credhost/host/registry/testdata/act"
	"github.com/credhost/credhost/sdk/serve"
)

func main() {
	c := act.Configured()
	serve.Version = c.Version
	os.Args = os.Args[:1]
	serve.Plugins(act.Types(c)...)
}

// SPDX-License-Identifier: Apache-2.0

// Command credhost-plugin-test serves every type of package testplugin.
package main

import (
	"github.com/credhost/credhost/internal/testplugin"
	"github.com/credhost/credhost/sdk/serve"
)

// release is "old" in a program that serves what an earlier release did. Set
// it with -ldflags "-X main.release=old".
var release string

func main() {
	if release == "old" {
		serve.Plugins(testplugin.OldPlugins()...)
	}
	serve.Plugins(testplugin.Plugins()...)
}

// SPDX-License-Identifier: Apache-2.0

package hostile

import "github.com/credhost/credhost/internal/defence"

// plugins are the cases of plugins: guests in a cell, with one credential at a
// time.
var plugins = []Case{
	{
		Who: Plugin, Name: "a grant for elsewhere",
		Tries:    "It returns a grant that is to go to an origin of its own choice as well.",
		Stopped:  "The host compares the grant's origins with those that were frozen with the answers, and keeps no such grant. The caller is told that the plugin is at fault.",
		Defences: []defence.Defence{defence.Within},
	},
}

// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"runtime/debug"
	"strings"

	"github.com/credhost/credhost/internal/wire"
	"github.com/credhost/credhost/sdk"
)

// prefix is what the name of a plugin's program begins with, where hosts look
// for it.
const prefix = "credhost-plugin-"

var major = regexp.MustCompile(`^v[0-9]+$`)

// program returns the program's name: that of its main package. It is not the
// name of the file, which may be anything, because a host expects a program to
// describe itself in the same words for as long as its bytes are the same.
func program(ps []sdk.Plugin) string {
	if info, ok := debug.ReadBuildInfo(); ok {
		name := path.Base(info.Path)
		if major.MatchString(name) {
			name = path.Base(path.Dir(info.Path))
		}
		if name = strings.TrimPrefix(name, prefix); len(name) > 1 && name != "command-line-arguments" {
			return name
		}
	}
	if len(ps) == 0 {
		return "plugin"
	}
	return cmp.Or(ps[0].Schema().Name, "plugin")
}

func version() string {
	info, ok := debug.ReadBuildInfo()
	switch {
	case Version != "":
		return Version
	case ok && info.Main.Version != "(devel)":
		return cmp.Or(info.Main.Version, "devel")
	}
	return "devel"
}

// about tells a person what the program is.
func about(d wire.Description) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (version %s) is a credential plugin. It serves:\n\n", d.Program, d.Version)
	for _, t := range d.Types {
		fmt.Fprintf(&b, "  %-20s %s\n", t.Schema.Name, t.Schema.Title)
	}
	fmt.Fprintf(&b, `
It is not to be run by hand: credhost starts it when it needs it. To install
it, put it into a folder of plugins as %[1]s%[2]s, and trust it:

  cp PROGRAM PLUGINS/%[1]s%[2]s
  credhost plugin trust %[2]s

Flags:

  --describe   print what it serves, as JSON
  --version    print its version
  --help       print this
`, prefix, d.Program)
	return b.String()
}

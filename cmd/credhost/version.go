// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is the program's version. Set it with
//
//	go build -ldflags "-X main.version=1.2.0"
//
// Otherwise it is what the go command knows of the module.
var version string

func programVersion() string {
	info, ok := debug.ReadBuildInfo()
	if version == "" && ok && info.Main.Version != "(devel)" {
		return cmp.Or(info.Main.Version, "devel")
	}
	return cmp.Or(version, "devel")
}

func (p *program) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		GroupID: "program",
		Short:   "print the program's version",
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			v := struct {
				Version string `json:"version"`
				Go      string `json:"go"`
				OS      string `json:"os"`
				Arch    string `json:"arch"`
			}{programVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH}
			return p.print(v, func(w io.Writer) {
				fmt.Fprintf(w, "credhost %s (%s, %s/%s)\n", v.Version, v.Go, v.OS, v.Arch)
			})
		},
	}
}

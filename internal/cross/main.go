// SPDX-License-Identifier: Apache-2.0

// Command cross checks that every package of the module, its tests included, is
// sound Go for other systems and processors. It checks types from the sources,
// and compiles nothing: to compile for three systems takes minutes.
//
//	go run ./internal/cross linux/arm64 windows/amd64
package main

import (
	"fmt"
	"log"
	"os"
	"runtime/debug"
	"strings"

	"golang.org/x/tools/go/packages"
)

func main() {
	log.SetFlags(0)
	debug.SetGCPercent(400) // there is memory, and what is read stays
	for _, platform := range os.Args[1:] {
		n, faults, err := check(platform, "./...")
		if err != nil {
			log.Fatalf("%s: %v", platform, err)
		}
		if len(faults) > 0 {
			log.Fatalf("%s:\n%s", platform, strings.Join(faults, "\n"))
		}
		fmt.Printf("%s: %d packages are sound\n", platform, n)
	}
}

// all is what has a package and what it imports checked from the sources: the
// bodies of functions in the package alone.
const all = packages.NeedName | packages.NeedFiles | packages.NeedCompiledGoFiles | packages.NeedImports | packages.NeedDeps |
	packages.NeedTypes | packages.NeedSyntax

// check checks the packages that patterns name, for a platform such as
// linux/arm64. It returns how many there are, and what is wrong with them.
func check(platform string, patterns ...string) (n int, faults []string, err error) {
	system, processor, ok := strings.Cut(platform, "/")
	if !ok {
		return 0, nil, fmt.Errorf("it is not a system and a processor, as linux/arm64 is")
	}
	pkgs, err := packages.Load(&packages.Config{Mode: all, Tests: true,
		Env: append(os.Environ(), "GOOS="+system, "GOARCH="+processor, "CGO_ENABLED=0")}, patterns...)
	if err != nil {
		return 0, nil, err
	}
	packages.Visit(pkgs, nil, func(pkg *packages.Package) {
		for _, e := range pkg.Errors {
			faults = append(faults, e.Error())
		}
	})
	return len(pkgs), faults, nil
}

// SPDX-License-Identifier: Apache-2.0

// Package serve makes a program of a credential plugin.
//
//	func main() { serve.Plugin(acme.Plugin{}) }
//
// is all that such a program needs. A host starts it, asks it, and stops it;
// docs/protocol.md says how. For people it has three flags: --describe prints
// what it serves as JSON, --version its version, and --help what it is, which
// it also says when somebody runs it by hand.
//
// # Output
//
// What the program prints, on standard output or standard error, goes to the
// host's log of plugins. So does the outline of an error that is no
// [sdk.Error], and of a panic: the types and the places, not the words, which
// may quote a secret.
//
// # Life
//
// The program ends when its host does. How many threads it may use is the
// host's to say, through GOMAXPROCS.
package serve

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/credhost/credhost/internal/wire"
	"github.com/credhost/credhost/sdk"
)

// Version is the program's version, to show. If it is empty, it is what the go
// command knows of the main module. Set it with
//
//	go build -ldflags "-X github.com/credhost/credhost/sdk/serve.Version=1.2.0"
var Version string

// The exit codes.
const (
	exitDone  = 0
	exitFault = 1 // a schema is invalid, or serving went wrong
	exitUsage = 2 // run by hand, or with flags that it does not have
)

// Plugin serves p to the host that started this program. It does not return.
func Plugin(p sdk.Plugin) { Plugins(p) }

// Plugins serves several types from one program. It does not return.
//
// A program with an invalid schema does not start: it lists every fault, and
// exits with status 1.
func Plugins(ps ...sdk.Plugin) {
	os.Exit(main(ps, os.Args[1:], stdout, os.Stderr))
}

// main does what the arguments ask for, and returns the exit code.
func main(ps []sdk.Plugin, args []string, out, problems io.Writer) int {
	p := wire.NewPlugin(program(ps), version(), ps...)
	d := p.Description()
	wanted, err := parse(args)
	switch {
	case err != nil:
		fmt.Fprintf(problems, "%v\n\n%s", err, about(d))
		return exitUsage
	case wanted.help:
		fmt.Fprint(out, about(d))
		return exitDone
	case wanted.version:
		fmt.Fprintf(out, "%s %s\n", d.Program, d.Version)
		return exitDone
	}
	if err := check(d); err != nil {
		fmt.Fprintf(problems, "%s cannot be served:\n%v\n", d.Program, err)
		return exitFault
	}
	switch {
	case wanted.describe:
		return describe(d, out, problems)
	case !asked():
		fmt.Fprint(problems, about(d))
		return exitUsage
	}
	return serve(p)
}

// flags are what a person may ask of the program.
type flags struct{ describe, version, help bool }

func parse(args []string) (wanted flags, err error) {
	set := flag.NewFlagSet("", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.BoolVar(&wanted.describe, "describe", false, "")
	set.BoolVar(&wanted.version, "version", false, "")
	set.BoolVar(&wanted.help, "help", false, "")
	set.BoolVar(&wanted.help, "h", false, "")
	if err := set.Parse(args); err != nil {
		return flags{}, err
	}
	if set.NArg() > 0 {
		return flags{}, fmt.Errorf("there is no argument %q", set.Arg(0))
	}
	return wanted, nil
}

// check returns everything that keeps the types from being served.
func check(d wire.Description) error {
	if len(d.Types) == 0 {
		return errors.New("it has no plugin")
	}
	return d.Faults()
}

// describe prints d.
func describe(d wire.Description, out, problems io.Writer) int {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(d); err != nil {
		fmt.Fprintln(problems, err)
		return exitFault
	}
	return exitDone
}

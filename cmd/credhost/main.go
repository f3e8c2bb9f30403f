// SPDX-License-Identifier: Apache-2.0

// Command credhost keeps the credentials of an automation engine, from a
// terminal: it asks for them, tests, connects and revokes them, and makes
// requests with them.
//
// Each command has a file of its own. Read command.go first, which has what
// they share; then settings.go, open.go and exit.go: what a run was told, how
// it opens the host, and how it ends.
package main

import (
	"io"
	"log"
	"os"
)

func main() {
	log.SetOutput(io.Discard) // net/http prints there what a service sends unasked
	p := &program{in: os.Stdin, out: os.Stdout, err: os.Stderr}
	os.Exit(p.run(os.Args[1:]))
}

// SPDX-License-Identifier: Apache-2.0

// Command program is a plugin program that the suite finds no fault with, or
// one, by the word that it is given.
package main

import (
	"context"
	"net/http"
	"os"

	"github.com/credhost/credhost/sdk"
	"github.com/credhost/credhost/sdk/serve"
)

func main() {
	byHand := os.Getenv("CREDHOST_PLUGIN") == ""
	switch fault := os.Args[1]; {
	case fault == "silent by hand" && byHand:
		os.Exit(2)
	case fault == "content by hand" && byHand:
		os.Exit(0)
	case fault == "failing by hand" && byHand:
		os.Stderr.WriteString("It cannot be run by hand.\n")
		os.Exit(1)
	case fault == "elsewhere":
		os.Setenv("PLUGIN_UNIX_SOCKET_DIR", os.TempDir()+"/..")
	case fault == "stays":
		os.Unsetenv("CREDHOST_LIFELINE")
	case fault == "two":
		os.Args = os.Args[:1]
		serve.Plugins(program{"one"}, program{"two"})
	case fault == "ends":
		os.Exit(1)
	}
	os.Args = os.Args[:1] // it is no flag of package serve's
	serve.Plugin(program{"one"})
}

// program is a plugin that needs no service.
type program struct{ name string }

var key = sdk.Field{Name: "key", Title: "Key", Secret: true, Help: "It is shown once."}

// Schema implements [sdk.Plugin].
func (p program) Schema() sdk.Schema {
	return sdk.Schema{Name: p.name, Title: "One", DocsURL: "https://one.example/docs", Fields: []sdk.Field{key}, Origins: []string{"https://one.example"}}
}

// Grant implements [sdk.Plugin].
func (program) Grant(_ context.Context, in sdk.Input) (sdk.Grant, error) {
	return sdk.Grant{Header: http.Header{"X-Key": {in.Get(key)}}}, nil
}

// SPDX-License-Identifier: Apache-2.0

// Command openapi writes the OpenAPI document of the HTTP API to a file:
// schemas/openapi.json.
package main

import (
	"fmt"
	"os"

	"github.com/credhost/credhost/host/httpapi"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: openapi FILE")
		os.Exit(2)
	}
	if err := os.WriteFile(os.Args[1], httpapi.Document(), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, "openapi:", err)
		os.Exit(1)
	}
}

// SPDX-License-Identifier: Apache-2.0

// Command publish writes the schemas of the shipped types, in every format that
// is JSON, to a folder: schemas/types. It builds each plugin and asks it to
// describe itself, as a host would.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/credhost/credhost/host/form"
	"github.com/credhost/credhost/sdk"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: publish FOLDER PACKAGE...")
		os.Exit(2)
	}
	for _, pkg := range os.Args[2:] {
		if err := publish(os.Args[1], pkg); err != nil {
			fmt.Fprintf(os.Stderr, "publish: %s: %v\n", pkg, err)
			os.Exit(1)
		}
	}
}

// A described type is what a plugin says of itself with --describe.
type described struct {
	Schema sdk.Schema    `json:"schema"`
	Can    sdk.Abilities `json:"can"`
}

// publish writes the types of one plugin.
func publish(folder, pkg string) error {
	ask := exec.Command("go", "run", pkg, "--describe")
	ask.Stderr = os.Stderr
	text, err := ask.Output()
	if err != nil {
		return err
	}
	var said struct {
		Types []described `json:"types"`
	}
	if err := json.Unmarshal(text, &said); err != nil {
		return err
	}
	for _, t := range said.Types {
		f := form.New(form.Config{Schema: t.Schema, Can: t.Can})
		for _, format := range form.Formats() {
			if !strings.HasSuffix(format.Suffix, ".json") {
				continue
			}
			if err := os.WriteFile(filepath.Join(folder, t.Schema.Name+format.Suffix), format.Render(f), 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

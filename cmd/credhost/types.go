// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/sdk"
)

// A typeView is what "types --json" prints of a type.
type typeView struct {
	Name    string        `json:"name"`
	Title   string        `json:"title"`
	Version int           `json:"version"` // of the schema
	Program string        `json:"program"`
	Can     sdk.Abilities `json:"can"`
	DocsURL string        `json:"docsUrl,omitempty"`
}

func (p *program) typesCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "types",
		GroupID: "types",
		Short:   "list the types of credential there are",
		Args:    noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			o, err := p.open(c.Context(), typesOnly)
			if err != nil {
				return err
			}
			defer o.Close()
			return p.printTypes(o.host.Types())
		},
	}
}

func (p *program) printTypes(all []host.Type) error {
	views := make([]typeView, len(all))
	for i, t := range all {
		s := t.Schema
		views[i] = typeView{Name: s.Name, Title: s.Title, Version: s.Version, Program: t.Program, Can: t.Can, DocsURL: s.DocsURL}
	}
	if len(all) == 0 && !p.json {
		p.note("there are no types yet: credhost plugin list shows what can be trusted")
		return nil
	}
	return p.print(views, func(w io.Writer) {
		row(w, "TYPE", "TITLE", "PLUGIN", "CAN")
		for _, v := range views {
			row(w, v.Name, v.Title, v.Program, abilities(v.Can))
		}
	})
}

// abilities lists what a type can do.
func abilities(a sdk.Abilities) string {
	var can []string
	for _, one := range []struct {
		can  bool
		name string
	}{{a.Test, "test"}, {a.Connect, "connect"}, {a.Sign, "sign"}, {a.Revoke, "revoke"}, {a.Suggest, "suggest"}, {a.Upgrade, "upgrade"}} {
		if one.can {
			can = append(can, one.name)
		}
	}
	return strings.Join(can, ", ")
}

// completeTypes offers the names of types to a shell.
func (p *program) completeTypes(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 || p.settings.complete(c) != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	o, err := p.open(c.Context(), typesOnly)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer o.Close()
	var names []string
	for _, t := range o.host.Types() {
		names = append(names, t.Schema.Name+"\t"+t.Schema.Title)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

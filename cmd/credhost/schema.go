// SPDX-License-Identifier: Apache-2.0

package main

import "github.com/spf13/cobra"

func (p *program) schemaCommand() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:     "schema TYPE",
		GroupID: "types",
		Short:   "print a type's schema: its fields, conditions and origins",
		Long: `Print a type's schema, as JSON: what to ask a person, under which conditions,
and where the secrets may go. schemas/schema.schema.json specifies its form.`,
		Args:              arguments("a TYPE", 1, 1),
		ValidArgsFunction: p.completeTypes,
		RunE: func(c *cobra.Command, args []string) error {
			if format != "json" {
				return usage(c, "there is no format %q, only json", format)
			}
			o, err := p.open(c.Context(), typesOnly)
			if err != nil {
				return err
			}
			defer o.Close()
			t, err := o.host.Type(args[0])
			if err != nil {
				return err
			}
			return p.encode(t.Schema)
		},
	}
	c.Flags().StringVar(&format, "format", "json", "`form` to print it in: json")
	return c
}

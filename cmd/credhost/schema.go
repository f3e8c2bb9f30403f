// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/credhost/credhost/host/form"
)

func (p *program) schemaCommand() *cobra.Command {
	var format string
	formats := form.Formats()
	names := make([]string, len(formats))
	for i, f := range formats {
		names[i] = f.Name
	}
	c := &cobra.Command{
		Use:     "schema TYPE",
		GroupID: "types",
		Short:   "print a type's schema, as JSON or as a form",
		Long: `Print a type's schema: what to ask a person, under which conditions, and where
the secrets may go. The other formats are forms of it, for a new credential:

` + formatList(formats) + `
It is in English, whatever the locale, unless --lang names another language:
the same bytes everywhere. docs/forms.md says how to use them.`,
		Args:              arguments("a TYPE", 1, 1),
		ValidArgsFunction: p.completeTypes,
		RunE: func(c *cobra.Command, args []string) error {
			i := slices.IndexFunc(formats, func(f form.Format) bool { return f.Name == format })
			if i < 0 {
				return usage(c, "there is no format %q, only %s", format, strings.Join(names, ", "))
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
			cfg := form.Config{Schema: t.Schema, Can: t.Can}
			if p.from["lang"] != "" { // by a flag, a variable or the file
				cfg.Languages = p.lang
			}
			_, err = p.out.Write(formats[i].Render(form.New(cfg)))
			return err
		},
	}
	c.Flags().StringVar(&format, "format", "json", "`form` to print it in: "+strings.Join(names, ", "))
	c.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(names, cobra.ShellCompDirectiveNoFileComp)) // fails for no flag that exists
	return c
}

// formatList lists formats for help.
func formatList(formats []form.Format) string {
	var b strings.Builder
	for _, f := range formats {
		b.WriteString("  " + f.Name + strings.Repeat(" ", 12-len(f.Name)) + f.Summary + "\n")
	}
	return b.String()
}

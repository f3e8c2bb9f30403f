// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

func (p *program) revokeCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "revoke ID",
		GroupID: "credentials",
		Short:   "make a credential's grant worthless at the service",
		Long: `Make the grant of a credential worthless at the service, if its type knows how,
and forget it here in any case. The answers stay: the next use obtains another
grant, or asks to connect again.`,
		Args:              arguments("an ID", 1, 1),
		ValidArgsFunction: p.completeIDs,
		RunE: func(c *cobra.Command, args []string) error {
			o, err := p.open(c.Context(), existing)
			if err != nil {
				return err
			}
			defer o.Close()
			if err := o.ws.Revoke(c.Context(), args[0]); err != nil {
				return err
			}
			done := map[string]any{"id": args[0], "revoked": true}
			return p.print(done, func(w io.Writer) { fmt.Fprintf(w, "%s has no grant any more\n", args[0]) })
		},
	}
}

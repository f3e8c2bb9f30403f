// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/credhost/credhost/host"
)

func (p *program) deleteCommand() *cobra.Command {
	var yes, revoke bool
	c := &cobra.Command{
		Use:     "delete ID",
		GroupID: "credentials",
		Short:   "remove a credential for good",
		Long: `Remove a credential for good. The service is not told, so that a grant which
was obtained before lives there until it ends; --revoke ends it first, and
removes nothing if that fails.`,
		Args:              arguments("an ID", 1, 1),
		ValidArgsFunction: p.completeIDs,
		RunE: func(c *cobra.Command, args []string) error {
			ctx, id := c.Context(), args[0]
			o, err := p.open(ctx, existing)
			if err != nil {
				return err
			}
			defer o.Close()
			if !yes {
				if revoke, err = p.confirmDelete(ctx, o, id, revoke); err != nil {
					return err
				}
			}
			if revoke {
				if err := o.ws.Revoke(ctx, id); err != nil {
					p.note("nothing is deleted: the grant could not be revoked")
					return err
				}
			}
			if err := o.ws.Delete(ctx, id); err != nil {
				return err
			}
			done := map[string]any{"id": id, "deleted": true, "revoked": revoke}
			return p.print(done, func(w io.Writer) { fmt.Fprintf(w, "%s is deleted\n", id) })
		},
	}
	c.Flags().BoolVarP(&yes, "yes", "y", false, "ask nothing")
	c.Flags().BoolVar(&revoke, "revoke", false, "revoke the grant at the service first")
	return c
}

// confirmDelete asks whether to delete, and whether to revoke before.
func (p *program) confirmDelete(ctx context.Context, o *opened, id string, revoke bool) (bool, error) {
	someone, ok := p.person()
	if !ok {
		return false, errNobody("to delete "+id, "--yes")
	}
	view, err := o.ws.Show(ctx, id)
	if errors.Is(err, host.ErrNotFound) {
		return false, err
	}
	what := id
	if err == nil { // one that cannot be opened can be deleted all the same
		what = fmt.Sprintf("the %s credential %s %q", view.Type, id, view.Name)
	}
	sure, err := someone.yes(ctx, "delete "+what+" for good?")
	if err != nil {
		return false, err
	}
	if !sure {
		return false, &failure{code: codeDeclined, text: "nothing is deleted"}
	}
	t, err := o.host.Type(view.Type)
	if revoke || err != nil || !t.Can.Revoke {
		return revoke, nil
	}
	return someone.yes(ctx, "revoke its grant at the service first?")
}

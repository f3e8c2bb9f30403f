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

// A deleted is what "delete --json" prints.
type deleted struct {
	ID         string           `json:"id"`
	Deleted    bool             `json:"deleted"`
	Revoked    bool             `json:"revoked"`
	Revocation *host.Revocation `json:"revocation,omitempty"`
}

func (p *program) deleteCommand() *cobra.Command {
	var yes, revoke bool
	c := &cobra.Command{
		Use:     "delete ID",
		GroupID: "credentials",
		Short:   "remove a credential for good",
		Long: `Remove a credential for good. The service is not told, so that a grant which
was obtained before lives there until it ends, and a copy of it with it;
--revoke ends it first, and removes nothing if that fails.`,
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
			done := deleted{ID: id, Deleted: true, Revoked: revoke}
			if revoke {
				r, err := o.ws.Revoke(ctx, id)
				if err != nil {
					p.note("nothing is deleted: the grant could not be revoked")
					return &advised{err, "without --revoke it is deleted all the same, and the grant lives at the service until it ends"}
				}
				done.Revocation = &r
			}
			if err := o.ws.Delete(ctx, id); err != nil {
				return err
			}
			return p.print(done, func(w io.Writer) {
				if r := done.Revocation; r != nil {
					for _, line := range (revoked{ID: id, Revocation: *r}).sentences() {
						fmt.Fprintln(w, visible(line))
					}
				}
				fmt.Fprintf(w, "%s is deleted\n", id)
			})
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
	if revoke || err != nil || !lives(view) {
		return revoke, nil
	}
	if t, err := o.host.Type(view.Type); err != nil || !t.Can.Revoke {
		p.note("its grant lives at the service until it ends: the type %s cannot revoke it", view.Type)
		return false, nil
	}
	return someone.yes(ctx, "revoke its grant at the service first?")
}

// lives reports whether a credential may have a grant that its service takes.
func lives(c host.Credential) bool {
	return c.Granted || len(c.Unrevoked) > 0
}

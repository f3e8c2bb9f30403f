// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/credhost/credhost/host"
)

func (p *program) listCommand() *cobra.Command {
	var typ string
	c := &cobra.Command{
		Use:     "list",
		GroupID: "credentials",
		Short:   "list the workspace's credentials",
		Args:    noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			o, err := p.open(c.Context(), existing)
			if err != nil {
				return err
			}
			defer o.Close()
			all, err := everything(c.Context(), o.ws, typ)
			if err != nil {
				return err
			}
			switch {
			case o.missing:
				p.note("there is no store at %s yet: credhost create makes it", p.storeName())
			case len(all) == 0:
				p.note("there are no such credentials in the workspace %q", p.workspace)
			}
			return p.print(all, func(w io.Writer) { table(w, all) })
		},
	}
	c.Flags().StringVar(&typ, "type", "", "only those of this `type`")
	return c
}

// everything returns all pages of a workspace's credentials.
func everything(ctx context.Context, ws *host.Workspace, typ string) ([]host.Credential, error) {
	all := []host.Credential{}
	for page := (host.Page{Type: typ}); ; page.After = all[len(all)-1].ID {
		some, err := ws.List(ctx, page)
		if err != nil || len(some) == 0 {
			return all, err
		}
		all = append(all, some...)
	}
}

func table(w io.Writer, all []host.Credential) {
	if len(all) == 0 {
		return
	}
	row(w, "ID", "TYPE", "NAME", "STATUS", "ACCOUNT")
	for _, c := range all {
		status := string(c.Status)
		if c.Warning != "" {
			status += ", ends " + c.Ends.Format("2006-01-02")
		}
		if c.TLS != nil && c.TLS.SkipVerify {
			status += ", not verified"
		}
		row(w, c.ID, c.Type, c.Name, status, c.Account)
	}
}

// completeIDs offers the IDs of credentials to a shell.
func (p *program) completeIDs(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 || p.settings.complete(c) != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	o, err := p.open(c.Context(), existing)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer o.Close()
	all, _ := everything(c.Context(), o.ws, "")
	var ids []string
	for _, one := range all {
		ids = append(ids, one.ID+"\t"+visible(one.Type+" "+one.Name))
	}
	return ids, cobra.ShellCompDirectiveNoFileComp
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/access"
)

func (p *program) workspacesCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "workspaces",
		GroupID: "callers",
		Short:   "make, list and delete workspaces",
		Long: `Make, list and delete workspaces: the tenants of a host, whose callers see nothing
of each other. The workspace "default" is always there. For callers of "credhost
serve" others exist when they are made; commands of this program need none made.`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(p.workspacesCreateCommand(), p.workspacesListCommand(), p.workspacesDeleteCommand())
	return c
}

func (p *program) workspacesCreateCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "create NAME",
		Short: "make a workspace",
		Args:  arguments("a name", 1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			r, ctx, err := p.receive(c.Context(), making)
			if err != nil {
				return err
			}
			defer r.Close()
			w, err := r.access.CreateWorkspace(ctx, args[0])
			if err != nil {
				return err
			}
			return p.print(w, func(out io.Writer) { fmt.Fprintf(out, "the workspace %s is there\n", w.Name) })
		},
	}
}

func (p *program) workspacesListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "list the workspaces",
		Args:  noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			r, ctx, err := p.receive(c.Context(), existing)
			if err != nil {
				return err
			}
			defer r.Close()
			var all []access.Workspace
			for after := ""; ; after = all[len(all)-1].Name {
				some, err := r.access.Workspaces(ctx, after, 100)
				if err != nil {
					return err
				}
				if len(some) == 0 {
					break
				}
				all = append(all, some...)
			}
			return p.print(all, func(out io.Writer) {
				row(out, "NAME", "MADE", "BY")
				for _, w := range all {
					made := "always"
					if !w.Created.IsZero() {
						made = moment(w.Created, time.Now())
					}
					row(out, w.Name, made, string(w.By))
				}
			})
		},
	}
}

func (p *program) workspacesDeleteCommand() *cobra.Command {
	var sure bool
	c := &cobra.Command{
		Use:   "delete NAME",
		Short: "delete a workspace and all that is in it, for good",
		Long: `Delete a workspace and all that is in it, for good: its keys and sessions end,
its grants are revoked at their services where that can be done, and then its
credentials, applications and webhooks go. What was done in it stays in the trail.`,
		Args: arguments("a name", 1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			r, ctx, err := p.receive(c.Context(), existing)
			if err != nil {
				return err
			}
			defer r.Close()
			name := args[0]
			if !sure {
				if err := p.confirmEnd(ctx, r, name); err != nil {
					return err
				}
			}
			gone, err := r.access.DeleteWorkspace(ctx, name, name)
			if errors.Is(err, host.ErrNotFound) {
				return &failure{code: codeNotFound, text: fmt.Sprintf("there is no workspace %q", name), next: "credhost workspaces list shows those there are"}
			}
			if err != nil {
				return &advised{err, "what is left of it goes when you run this again, or by itself while a server runs"}
			}
			return p.print(map[string]any{"name": name, "deleted": true, "contents": gone}, func(out io.Writer) {
				fmt.Fprintf(out, "the workspace %s is deleted, with %s\n", name, contentsText(gone))
			})
		},
	}
	c.Flags().BoolVarP(&sure, "yes", "y", false, "ask nothing")
	return c
}

// confirmEnd says what is in a workspace, and asks whether to delete it.
func (p *program) confirmEnd(ctx context.Context, r *reception, name string) error {
	in, err := r.access.Contents(ctx, name)
	if err != nil && !errors.Is(err, host.ErrNotFound) {
		return err
	}
	return p.confirm(ctx, fmt.Sprintf("delete the workspace %s, and %s in it, for good", name, contentsText(in)), "to delete "+name)
}

// contentsText says what is in a workspace.
func contentsText(c access.Contents) string {
	var parts []string
	for _, one := range []struct {
		n    int
		name string
	}{{c.Credentials, "credential"}, {c.Applications, "application"}, {c.Keys, "key"}, {c.Sessions, "session"}} {
		if one.n > 0 {
			parts = append(parts, count(one.n, one.name))
		}
	}
	return listed(parts, "nothing")
}

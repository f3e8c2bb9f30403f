// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/host/web"
)

// A signInLinkView is what "signin --json" prints.
type signInLinkView struct {
	URL     string    `json:"url"` // works once
	Actor   string    `json:"actor"`
	Expires time.Time `json:"expires"`
}

func (p *program) signinCommand() *cobra.Command {
	var as string
	var scopes []string
	c := &cobra.Command{
		Use:     "signin",
		GroupID: "callers",
		Short:   "print a link with which a person signs in to the page, once",
		Long: `Print a link with which a person signs in to the page of a "credhost serve" that
works on the same store. It works once, for ten minutes. You sign in as the
operator that you are at this machine; with --as somebody else does, to the
workspace of --workspace alone. Give it to nobody else.`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			origin, err := p.expectedOrigin()
			if err != nil {
				return err
			}
			r, ctx, err := p.receive(c.Context(), making)
			if err != nil {
				return err
			}
			defer r.Close()
			person := operator()
			person.Scopes = []access.Scope{access.Read, access.Write, access.Use, access.Admin}
			if as != "" {
				person = access.Caller{Workspace: p.workspace, Actor: host.Actor("user:" + as)}
				for _, s := range scopes {
					person.Scopes = append(person.Scopes, access.Scope(s))
				}
			}
			secret, err := r.access.Link(ctx, person)
			if err != nil {
				return p.noWorkspace(err)
			}
			v := signInLinkView{web.SignInURL(origin, secret), string(person.Actor), time.Now().Add(linkTime).UTC().Truncate(time.Second)}
			return p.print(v, func(w io.Writer) { fmt.Fprintln(w, v.URL) })
		},
	}
	p.servingFlags(c)
	c.Flags().StringVar(&as, "as", "", "`name` of the person, if it is not you")
	c.Flags().StringSliceVar(&scopes, "scope", []string{"read", "write", "use"}, "`scopes` that they get: read, write, use, admin, release")
	return c
}

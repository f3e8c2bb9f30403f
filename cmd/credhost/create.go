// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"

	"github.com/spf13/cobra"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/sdk"
)

func (p *program) createCommand() *cobra.Command {
	var given answering
	var n host.New
	var noInput bool
	c := &cobra.Command{
		Use:     "create TYPE",
		GroupID: "credentials",
		Short:   "store a new credential, and print its ID",
		Long: `Store a new credential, and print its ID. What no flag answers is asked, if
somebody is at the terminal. The service is not contacted: see "credhost test".

A secret does not belong on a command line, where other users see it. Type it
when asked, or give it in a file or on standard input:

  credhost create halopsa --set clientSecret=@secret.txt …
  pass show halo | credhost create halopsa --set clientSecret=@- …
  credhost create halopsa --from answers.json`,
		Args:              arguments("a TYPE", 1, 1),
		ValidArgsFunction: p.completeTypes,
		RunE: func(c *cobra.Command, args []string) error {
			o, err := p.open(c.Context(), making)
			if err != nil {
				return err
			}
			defer o.Close()
			n.Type = args[0]
			t, err := o.host.Type(n.Type)
			if err != nil {
				return err
			}
			if n.Values, err = given.answers(p, t.Schema); err != nil {
				return err
			}
			if n.Application == "" && !n.Draft && !noInput {
				if err := p.fillIn(c.Context(), o, t, n.Values); err != nil {
					return err
				}
			}
			return p.create(c.Context(), o, t, n)
		},
	}
	given.flags(c)
	c.Flags().StringVar(&n.Name, "name", "", "what people call the credential")
	c.Flags().StringVar(&n.Application, "application", "", "`ID` of the application that answers its fields")
	c.Flags().BoolVar(&n.Draft, "draft", false, "allow answers to be missing that the service suggests")
	c.Flags().BoolVar(&noInput, "no-input", false, "ask nothing")
	return c
}

// fillIn asks the person for what is missing in values, if something is and
// somebody is there.
func (p *program) fillIn(ctx context.Context, o *opened, t host.Type, values sdk.Values) error {
	someone, ok := p.person()
	if _, err := t.Schema.Complete(values); err == nil || !ok || !missingOnly(err) {
		return nil
	}
	shown := false
	f := form{person: someone, schema: t.Schema, before: func(_ sdk.Field, answers sdk.Values) {
		if !shown && t.Can.Connect && t.Schema.NeedsConnect(answers) {
			someone.say("\n* The redirect URL is %s", o.ws.RedirectURL(t.Schema.Name))
			shown = true
		}
	}}
	someone.say("%s", t.Schema.Title)
	if t.Schema.DocsURL != "" {
		someone.say("%s", t.Schema.DocsURL)
	}
	all, err := f.fill(ctx, values)
	if err == nil {
		maps.Copy(values, all)
	}
	return err
}

// missingOnly reports whether nothing is wrong with answers but that some are
// missing, which a person can be asked for.
func missingOnly(err error) bool {
	var faults sdk.Errors
	if !errors.As(err, &faults) {
		return false
	}
	for _, e := range faults {
		if e.Reason != sdk.ReasonRequired && e.Reason != host.ReasonAgain {
			return false
		}
	}
	return true
}

// create stores the credential and says what comes next.
func (p *program) create(ctx context.Context, o *opened, t host.Type, n host.New) error {
	id, err := o.ws.Add(ctx, n)
	if err != nil {
		return err
	}
	view, err := o.ws.Show(ctx, id)
	if err != nil {
		return err
	}
	next := ""
	switch {
	case view.Status == host.StatusConnect:
		next = "connect it with: credhost connect " + id
	case view.Status == host.StatusReady && t.Can.Test:
		next = "see whether it works with: credhost test " + id
	}
	if next != "" && !p.json {
		p.note("%s", next)
	}
	return p.print(view, func(w io.Writer) { fmt.Fprintln(w, id) })
}

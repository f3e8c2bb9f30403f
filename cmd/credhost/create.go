// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"maps"

	"github.com/spf13/cobra"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/form"
	"github.com/credhost/credhost/host/form/terminal"
	"github.com/credhost/credhost/sdk"
)

func (p *program) createCommand() *cobra.Command {
	var given answering
	var secured securing
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
			p.err = &aside{to: p.err}
			o, err := p.open(c.Context(), existing)
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
			if n.TLS, err = secured.settings(c); err != nil {
				return err
			}
			return p.create(c.Context(), o, t, n, noInput)
		},
	}
	given.flags(c)
	secured.flags(c, false)
	c.Flags().StringVar(&n.Name, "name", "", "what people call the credential")
	c.Flags().StringVar(&n.Application, "application", "", "`ID` of the application that answers its fields")
	c.Flags().BoolVar(&n.Draft, "draft", false, "allow answers to be missing that the service suggests")
	c.Flags().BoolVar(&noInput, "no-input", false, "ask nothing")
	return c
}

// create stores a credential, and says what comes next. What is missing is
// asked first, if somebody is there; nothing is made before all is answered.
func (p *program) create(ctx context.Context, o *opened, t host.Type, n host.New, noInput bool) error {
	cfg := p.formOf(o, t)
	cfg.Draft = n.Draft
	if n.Application != "" {
		app, err := o.ws.Applications().Show(ctx, n.Application)
		if err != nil {
			return err
		}
		cfg.Given = app.Answers
	}
	f := form.New(cfg)
	given, id := n.Values, ""
	add := func(ctx context.Context, answers sdk.Values) (err error) {
		n.Values = maps.Clone(given)
		maps.Copy(n.Values, answers)
		if o.missing {
			made, err := p.open(ctx, making)
			if err != nil {
				return err
			}
			o.Close()
			*o = *made
		}
		id, err = o.ws.Add(ctx, n)
		return err
	}
	missing := incomplete(f, given)
	_, there := p.person()
	var err error
	if there && !noInput && (missing || len(given) == 0 && len(f.Check(given)) == 0) {
		err = p.ask(ctx, f, terminal.Options{Given: given}, add)
	} else if err = add(ctx, nil); missing && err != nil {
		err = &advised{err, "answer with --set FIELD=ANSWER or --from FILE, or at a terminal"}
	}
	if err != nil {
		return translated(f, err)
	}
	return p.created(ctx, o, t, id)
}

// created says what was created, and what comes next.
func (p *program) created(ctx context.Context, o *opened, t host.Type, id string) error {
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

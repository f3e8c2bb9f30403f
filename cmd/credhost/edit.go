// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/sdk"
)

func (p *program) editCommand() *cobra.Command {
	var given answering
	var clears []string
	var name string
	c := &cobra.Command{
		Use:     "edit ID",
		GroupID: "credentials",
		Short:   "change answers of a credential",
		Long: `Change answers of a credential; the others stay as they are. What was obtained
with the old answers is given up, and an answer that changes where secrets go
must come with the secrets again.`,
		Args:              arguments("an ID", 1, 1),
		ValidArgsFunction: p.completeIDs,
		RunE: func(c *cobra.Command, args []string) error {
			renamed := c.Flags().Changed("name")
			if !given.any() && len(clears) == 0 && !renamed {
				return usage(c, "there is nothing to change: use --set, --from, --clear or --name")
			}
			o, err := p.open(c.Context(), existing)
			if err != nil {
				return err
			}
			defer o.Close()
			view, err := o.ws.Show(c.Context(), args[0])
			if err != nil {
				return err
			}
			t, err := o.host.Type(view.Type)
			if err != nil {
				return err
			}
			patch := host.Patch{}
			if renamed {
				patch.Name = &name
			}
			if patch.Values, err = given.answers(p, t.Schema); err != nil {
				return err
			}
			if err := clearIn(patch.Values, t.Schema, clears); err != nil {
				return err
			}
			return p.edit(c.Context(), o, t, view.ID, patch)
		},
	}
	given.flags(c)
	c.Flags().StringArrayVar(&clears, "clear", nil, "clear the answer to a `field`")
	c.Flags().StringVar(&name, "name", "", "what people call the credential")
	return c
}

// clearIn clears the answers to fields.
func clearIn(values sdk.Values, s sdk.Schema, fields []string) error {
	for _, name := range fields {
		if _, ok := s.Field(name); !ok {
			return &sdk.Error{Code: sdk.Invalid, Field: name, Reason: sdk.ReasonUnknown, Message: "is not a field of " + s.Name}
		}
		values[name] = ""
	}
	return nil
}

// edit changes the credential. What the change makes necessary, such as
// secrets that go elsewhere now, is asked, if somebody is there.
func (p *program) edit(ctx context.Context, o *opened, t host.Type, id string, patch host.Patch) error {
	someone, there := p.person()
	err := o.ws.Update(ctx, id, patch)
	for range t.Schema.Fields { // an answer may lead to another question
		var faults sdk.Errors
		if !there || !errors.As(err, &faults) || !missingOnly(err) {
			break
		}
		f := form{person: someone, schema: t.Schema}
		for _, e := range faults {
			field, _ := t.Schema.Field(e.Field)
			someone.say("\n%s %s", e.Field, e.Message)
			if asked := f.ask(ctx, field, patch.Values); asked != nil {
				return asked
			}
		}
		err = o.ws.Update(ctx, id, patch)
	}
	if err != nil {
		return err
	}
	view, err := o.ws.Show(ctx, id)
	if err != nil {
		return err
	}
	return p.print(view, func(w io.Writer) { fmt.Fprintf(w, "%s is changed: %s\n", id, view.Status) })
}

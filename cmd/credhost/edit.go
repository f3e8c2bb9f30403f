// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"time"

	"github.com/spf13/cobra"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/form"
	"github.com/credhost/credhost/host/form/terminal"
	"github.com/credhost/credhost/sdk"
)

func (p *program) editCommand() *cobra.Command {
	var given answering
	var secured securing
	var clears []string
	var name string
	c := &cobra.Command{
		Use:     "edit ID",
		GroupID: "credentials",
		Short:   "change answers of a credential",
		Long: `Change answers of a credential; the others stay as they are. Without flags,
and with somebody at the terminal, all of them are shown in a form. What was
obtained with the old answers is given up, and an answer that changes where
secrets go must come with the secrets again; so must --ca and --skip-verify,
which decide who is taken for the service.`,
		Args:              arguments("an ID", 1, 1),
		ValidArgsFunction: p.completeIDs,
		RunE: func(c *cobra.Command, args []string) error {
			p.err = &aside{to: p.err}
			patch := host.Patch{}
			if c.Flags().Changed("name") {
				patch.Name = &name
			}
			var err error
			if patch.TLS, err = secured.patch(c); err != nil {
				return err
			}
			_, there := p.person()
			whole := !given.any() && len(clears) == 0 && patch.Name == nil && patch.TLS == nil
			if whole && !there {
				return usage(c, "there is nothing to change: use --set, --from, --clear or --name, or a terminal")
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
			if whole {
				return p.editAll(c.Context(), o, t, view)
			}
			if patch.Values, err = given.changes(p, t.Schema, clears); err != nil {
				return err
			}
			return p.edit(c.Context(), o, t, view, patch)
		},
	}
	given.flags(c)
	secured.flags(c, true)
	c.Flags().StringArrayVar(&clears, "clear", nil, "clear the answer to a `field`")
	c.Flags().StringVar(&name, "name", "", "what people call the credential")
	return c
}

// changes returns the answers to s, those to some fields cleared.
func (a *answering) changes(p *program, s sdk.Schema, clears []string) (sdk.Values, error) {
	values, err := a.answers(p, s)
	if err != nil {
		return nil, err
	}
	for _, name := range clears {
		if _, ok := s.Field(name); !ok {
			return nil, &sdk.Error{Code: sdk.Invalid, Field: name, Reason: sdk.ReasonUnknown, Message: "is not a field of " + s.Name}
		}
		values[name] = ""
	}
	return values, nil
}

// editAll has a person change any answer.
func (p *program) editAll(ctx context.Context, o *opened, t host.Type, view host.Credential) error {
	f, err := p.formOfCredential(ctx, o, t, view)
	if err != nil {
		return err
	}
	err = p.ask(ctx, f, terminal.Options{}, func(ctx context.Context, answers sdk.Values) error {
		return update(ctx, o, view, host.Patch{Values: answers, Whole: true})
	})
	if err != nil {
		return translated(f, err)
	}
	return p.edited(ctx, o, view.ID)
}

// edit changes the credential. What the change makes necessary, such as
// secrets that go elsewhere now, is asked, if somebody is there.
func (p *program) edit(ctx context.Context, o *opened, t host.Type, view host.Credential, patch host.Patch) error {
	f, err := p.formOfCredential(ctx, o, t, view)
	if err != nil {
		return err
	}
	err = update(ctx, o, view, patch)
	if _, there := p.person(); there && missingOnly(err) {
		given, faults := patch.Values, f.Faults(err)
		var only []string
		for _, fault := range faults {
			only = append(only, fault.Field)
		}
		err = p.ask(ctx, f, terminal.Options{Given: given, Only: only, Faults: faults}, func(ctx context.Context, answers sdk.Values) error {
			patch.Values = maps.Clone(given)
			maps.Copy(patch.Values, answers)
			return update(ctx, o, view, patch)
		})
	}
	if err != nil {
		return translated(f, err)
	}
	return p.edited(ctx, o, view.ID)
}

// update changes a credential. A draft is one no more once nothing is missing.
func update(ctx context.Context, o *opened, view host.Credential, patch host.Patch) error {
	if view.Status != host.StatusDraft {
		return o.ws.Update(ctx, view.ID, patch)
	}
	final, draft := patch, false
	final.Draft = &draft
	err := o.ws.Update(ctx, view.ID, final)
	if missingOnly(err) {
		err = o.ws.Update(ctx, view.ID, patch)
	}
	return err
}

// edited says what became of a credential.
func (p *program) edited(ctx context.Context, o *opened, id string) error {
	view, err := o.ws.Show(ctx, id)
	if err != nil {
		return err
	}
	return p.print(view, func(w io.Writer) { fmt.Fprintf(w, "%s is changed: %s\n", id, view.Status) })
}

// formOfCredential returns the form of a credential that there is.
func (p *program) formOfCredential(ctx context.Context, o *opened, t host.Type, view host.Credential) (*form.Form, error) {
	cfg := p.formOf(o, t)
	cfg.Answers, cfg.Draft = view.Answers, view.Status == host.StatusDraft
	if view.Application != "" {
		app, err := o.ws.Applications().Show(ctx, view.Application)
		if err != nil {
			return nil, err
		}
		cfg.Given = app.Answers
	}
	if _, there := p.person(); there {
		cfg.Suggestions = p.suggestions(ctx, o, t, view)
	}
	return form.New(cfg), nil
}

// suggestTime is how long a person waits for what the service suggests.
const suggestTime = 10 * time.Second

// suggestions asks the service what it offers to choose from, for a form. What
// it does not say is typed: so an error is no more than a note.
func (p *program) suggestions(ctx context.Context, o *opened, t host.Type, view host.Credential) map[string][]sdk.Option {
	ctx, cancel := context.WithTimeout(ctx, suggestTime)
	defer cancel()
	offered := map[string][]sdk.Option{}
	for _, f := range t.Schema.Fields {
		if f.Suggest == nil || !t.Can.Suggest {
			continue
		}
		options, err := o.ws.Suggest(ctx, view.ID, f.Name, "")
		if err != nil {
			p.note("there is nothing to choose from for %s: %s", f.Name, plain(err))
			continue
		}
		offered[f.Name] = options
	}
	return offered
}

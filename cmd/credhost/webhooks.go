// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/events"
)

// A mailroom is a reception at which webhooks are seen to.
type mailroom struct {
	*reception
	events *events.Events
}

// Close closes all of it.
func (m *mailroom) Close() error { return errors.Join(m.events.Close(), m.reception.Close()) }

// openMailroom opens the store and its webhooks. A workspace that is not there
// has none.
func (p *program) openMailroom(ctx context.Context, u use, hosts bool) (*mailroom, context.Context, error) {
	r, ctx, err := p.receive(ctx, u)
	if err != nil {
		return nil, nil, err
	}
	if !hosts {
		if err := r.access.Exists(ctx, p.workspace); err != nil {
			return nil, nil, errors.Join(p.noWorkspace(err), r.Close())
		}
	}
	hooks := p.egress()
	hooks.Allow = p.webhookAllow
	e, err := events.Open(ctx, events.Config{Host: r.host, Egress: hooks, Logger: p.logger()})
	if err != nil {
		return nil, nil, errors.Join(setup(err, ""), r.Close())
	}
	return &mailroom{r, e}, ctx, nil
}

func (p *program) webhooksCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "webhooks",
		GroupID: "callers",
		Short:   "have programs be told of events, and end it",
		Long: `Have what happens to the credentials of --workspace be posted to an address, signed
as Standard Webhooks says; with --operator, what happens to plugins and to the host
itself. A "credhost serve" that works on the same store sends it.`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	all := []*cobra.Command{p.webhooksAddCommand(), p.webhooksListCommand(), p.webhooksTestCommand(), p.webhooksRemoveCommand()}
	for _, sub := range all {
		p.servingFlags(sub)
	}
	c.AddCommand(all...)
	return c
}

// hooksOf has a command be about the webhooks of the host itself.
func hooksOf(c *cobra.Command) *bool {
	return c.Flags().Bool("operator", false, "it is about those of the host itself")
}

// A madeHook is what "webhooks add --json" prints: the only copy of the secret.
type madeHook struct {
	events.Hook
	Secret string `json:"secret"`
}

func (p *program) webhooksAddCommand() *cobra.Command {
	var n events.NewHook
	var types []string
	c := &cobra.Command{
		Use:   "add URL",
		Short: "have an address be sent events, and print the secret that they are signed with: it is shown once",
		Long: `Have an address be sent the events from now on, and print on standard output,
alone, the secret that they are signed with. Nobody sees it again: give it to the
receiver, which checks by it that an event is this host's.`,
		Example: `  credhost webhooks add https://engine.example/hooks --type credential.expiring,credential.again`,
		Args:    arguments("a URL", 1, 1),
	}
	f := c.Flags()
	f.StringSliceVar(&types, "type", nil, "the only `events` that it is sent: "+typesText(events.Types))
	f.StringVar(&n.Description, "description", "", "what people call it")
	hosts := hooksOf(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		m, ctx, err := p.openMailroom(c.Context(), making, *hosts)
		if err != nil {
			return err
		}
		defer m.Close()
		n.URL, n.Workspace = args[0], p.keysOf(*hosts)
		for _, t := range types {
			n.Types = append(n.Types, events.Type(t))
		}
		h, secret, err := m.events.CreateHook(ctx, n)
		if err != nil {
			return err
		}
		if !p.json {
			p.note("the secret of %s is shown this once; it is sent %s", h.ID, sentText(h))
		}
		return p.print(madeHook{h, secret}, func(w io.Writer) { fmt.Fprintln(w, secret) })
	}
	return c
}

func (p *program) webhooksListCommand() *cobra.Command {
	c := &cobra.Command{Use: "list", Short: "list the webhooks of the workspace", Args: noArguments}
	hosts := hooksOf(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		m, ctx, err := p.openMailroom(c.Context(), existing, *hosts)
		if err != nil {
			return err
		}
		defer m.Close()
		all := []events.Hook{}
		for after := ""; ; after = all[len(all)-1].ID {
			some, err := m.events.Hooks(ctx, p.keysOf(*hosts), after, 100)
			if err != nil {
				return err
			}
			if len(some) == 0 {
				break
			}
			all = append(all, some...)
		}
		if len(all) == 0 {
			p.note("there are no webhooks here: credhost webhooks add makes one")
		}
		return p.print(all, func(w io.Writer) {
			if len(all) > 0 {
				row(w, "ID", "STATUS", "EVENTS", "URL")
			}
			for _, h := range all {
				row(w, h.ID, string(h.Status), typesText(h.Types), h.URL)
				if h.Reason != "" {
					row(w, "", "→ "+h.Reason)
				}
			}
		})
	}
	return c
}

func (p *program) webhooksTestCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "test ID",
		Short: "send a webhook an event now, and say what came of it",
		Long: `Send a webhook an event of the type webhook.test now, once, and say what came of
it. The exit code is 6 if the receiver did not take it.`,
		Args: arguments("an ID", 1, 1),
	}
	hosts := hooksOf(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		m, ctx, err := p.openMailroom(c.Context(), existing, *hosts)
		if err != nil {
			return err
		}
		defer m.Close()
		d, err := m.events.SendTest(ctx, p.keysOf(*hosts), args[0])
		if err != nil {
			return p.noHook(err, *hosts)
		}
		err = p.print(d, func(w io.Writer) {
			took := time.Duration(d.Took * float64(time.Second)).Round(time.Millisecond)
			if d.Done {
				fmt.Fprintf(w, "%s: taken, with status %d, after %s\n", args[0], d.Status, took)
				return
			}
			fmt.Fprintf(w, "%s: not taken: %s\n", args[0], visible(d.Error))
		})
		if err == nil && !d.Done {
			err = exit(codeUnavailable)
		}
		return err
	}
	return c
}

func (p *program) webhooksRemoveCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "remove ID",
		Short: "have a webhook be sent nothing more, and forget what it is owed",
		Args:  arguments("an ID", 1, 1),
	}
	hosts := hooksOf(c)
	sure := c.Flags().BoolP("yes", "y", false, "ask nothing")
	c.RunE = func(c *cobra.Command, args []string) error {
		m, ctx, err := p.openMailroom(c.Context(), existing, *hosts)
		if err != nil {
			return err
		}
		defer m.Close()
		h, err := m.events.Hook(ctx, p.keysOf(*hosts), args[0])
		if err != nil {
			return p.noHook(err, *hosts)
		}
		if !*sure {
			if err := p.confirm(ctx, fmt.Sprintf("remove the webhook %s to %s", h.ID, h.URL), "to remove "+h.ID); err != nil {
				return err
			}
		}
		// Of the one that was shown: if somebody has changed it since, that is another.
		if err := m.events.DeleteHook(ctx, p.keysOf(*hosts), h.ID, h.Generation); err != nil {
			return p.noHook(err, *hosts)
		}
		return p.print(map[string]any{"id": h.ID, "removed": true}, func(w io.Writer) { fmt.Fprintf(w, "%s is removed\n", h.ID) })
	}
	return c
}

// noHook says of an error that it is a webhook that does not exist.
func (p *program) noHook(err error, hosts bool) error {
	switch {
	case errors.Is(err, host.ErrConflict):
		return &failure{code: codeUnavailable, text: "somebody has changed it meanwhile", next: "look at it with credhost webhooks list, and try again"}
	case !errors.Is(err, host.ErrNotFound):
		return err
	}
	where := fmt.Sprintf("in the workspace %q", p.workspace)
	if hosts {
		where = "of the host itself"
	}
	return &failure{code: codeNotFound, text: "there is no such webhook " + where, next: "credhost webhooks list shows those there are; --workspace and --operator say where to look"}
}

// sentText says what a webhook is sent.
func sentText(h events.Hook) string {
	if len(h.Types) == 0 {
		return "every event from now on"
	}
	return typesText(h.Types) + " from now on"
}

// typesText names types; none are all.
func typesText(types []events.Type) string {
	if len(types) == 0 {
		return "all"
	}
	text := make([]string, len(types))
	for i, t := range types {
		text[i] = string(t)
	}
	return strings.Join(text, ", ")
}

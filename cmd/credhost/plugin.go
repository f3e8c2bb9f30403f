// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/credhost/credhost/host/registry"
	"github.com/credhost/credhost/sdk"
)

// A programView is what "plugin list --json" prints of a plugin program.
type programView struct {
	Name     string         `json:"name"`
	State    registry.State `json:"state"`
	Fault    string         `json:"fault,omitempty"`
	Types    []string       `json:"types"`
	Version  string         `json:"version,omitempty"`
	Digest   string         `json:"digest,omitempty"`
	Path     string         `json:"path,omitempty"`
	Running  int            `json:"running"`
	Restarts int            `json:"restarts"`
}

func viewOf(r registry.Program) programView {
	v := programView{Name: r.Name, State: r.State, Fault: r.Fault, Types: []string{}, Version: r.Version, Digest: r.Digest,
		Path: r.Path, Running: r.Running, Restarts: r.Restarts}
	for _, t := range r.Types {
		v.Types = append(v.Types, t.Schema.Name)
	}
	return v
}

func (p *program) pluginCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "plugin",
		GroupID: "types",
		Short:   "list plugins, trust them, and stop trusting them",
		Args:    noArguments,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(p.pluginListCommand(), p.pluginTrustCommand(), p.pluginDistrustCommand())
	return c
}

func (p *program) pluginListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "list the plugins that are there, and how they fare",
		Args:  noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			o, err := p.open(c.Context(), typesOnly)
			if err != nil {
				return err
			}
			defer o.Close()
			views := []programView{}
			for _, r := range o.host.Registry().Programs() {
				views = append(views, viewOf(r))
			}
			if len(views) == 0 {
				p.note("there are no plugins in %s: put programs named credhost-plugin-NAME there", strings.Join(p.plugins, ", "))
			}
			return p.print(views, func(w io.Writer) { printPrograms(w, views) })
		},
	}
}

// printPrograms prints a table, and below it what is wrong.
func printPrograms(w io.Writer, views []programView) {
	if len(views) == 0 {
		return
	}
	row(w, "PLUGIN", "STATE", "TYPES", "VERSION", "DIGEST", "PATH")
	for _, v := range views {
		row(w, v.Name, string(v.State), strings.Join(v.Types, " "), v.Version, short(v.Digest), v.Path)
	}
	fmt.Fprintln(w)
	for _, v := range views {
		if v.Fault != "" {
			fmt.Fprintf(w, "%s is %s: %s\n", v.Name, v.State, visible(v.Fault))
		}
	}
}

// short returns the beginning of a digest.
func short(digest string) string {
	if len(digest) > 19 {
		return digest[:19] + "…"
	}
	return digest
}

func (p *program) pluginTrustCommand() *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use:   "trust NAME",
		Short: "trust a plugin, after a look at what it asks for",
		Long: `Trust a plugin: pin the program's bytes and what it says of itself in the lock
file, so that no other program takes its place unseen. It is started once, with
nothing within its reach, to show which types it serves and where it wants to
send secrets.`,
		Args: arguments("a NAME", 1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			o, err := p.open(c.Context(), typesOnly)
			if err != nil {
				return err
			}
			defer o.Close()
			return p.trust(c.Context(), o.host.Registry(), args[0], yes)
		},
	}
	c.Flags().BoolVarP(&yes, "yes", "y", false, "ask nothing")
	return c
}

func (p *program) trust(ctx context.Context, r *registry.Registry, name string, yes bool) error {
	offer, err := r.Inspect(ctx, name)
	if err != nil {
		return setup(err, "")
	}
	if !p.json {
		if err := p.print(nil, func(w io.Writer) { printOffer(w, offer) }); err != nil {
			return err
		}
	}
	if offer.Trusted {
		return p.print(offer, func(w io.Writer) { fmt.Fprintf(w, "%s is trusted already\n", name) })
	}
	if !yes {
		if err := p.confirmTrust(ctx, name); err != nil {
			return err
		}
	}
	err = os.MkdirAll(p.data, 0o700) // the registry would make it for everybody to list
	if err == nil {
		err = r.Trust(ctx, offer)
	}
	if err != nil {
		return setup(err, "")
	}
	offer.Trusted = true
	return p.print(offer, func(w io.Writer) { fmt.Fprintf(w, "%s is trusted\n", name) })
}

func (p *program) confirmTrust(ctx context.Context, name string) error {
	someone, ok := p.person()
	if !ok {
		return errNobody("to trust "+name, "--yes")
	}
	sure, err := someone.yes(ctx, "trust it?")
	if err == nil && !sure {
		err = &failure{code: codeDeclined, text: name + " is not trusted"}
	}
	return err
}

// printOffer prints what a person decides on.
func printOffer(w io.Writer, o registry.Offer) {
	row(w, "plugin", strings.TrimSpace(o.Name+" "+o.Version))
	row(w, "program", o.Path)
	row(w, "digest", o.Digest)
	if len(o.Reads) > 0 {
		row(w, "loads", strings.Join(o.Reads, " "))
	}
	for _, t := range o.Types {
		s := t.Schema
		row(w)
		row(w, "type", fmt.Sprintf("%s (%s)", s.Name, s.Title))
		answers := s.AnswerOrigins
		if answers == nil {
			answers = s.Origins
		}
		row(w, "  answers go to", destinations(answers))
		row(w, "  grants go to", destinations(s.Origins))
		if t.Can.Connect && s.NoPKCE {
			row(w, "  without PKCE", "a code that is stolen on its way can be used by the thief")
		}
	}
	for _, f := range o.Faults { // of which each may be a list
		row(w, "refused", strings.ReplaceAll(f, "; ", "\n\t"))
	}
	row(w)
}

// destinations says where secrets go, for people.
func destinations(templates []string) string {
	if len(templates) == 0 {
		return "nowhere"
	}
	text := make([]string, len(templates))
	for i, t := range templates {
		text[i] = t
		if names := sdk.TemplateFields(t); len(names) == 1 && t == "{"+names[0]+"}" {
			text[i] = "the address that is answered for " + names[0]
		}
	}
	return strings.Join(text, ", ")
}

func (p *program) pluginDistrustCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "distrust NAME",
		Short: "trust a plugin no more: its credentials cannot be used until it is trusted again",
		Args:  arguments("a NAME", 1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			o, err := p.open(c.Context(), typesOnly)
			if err != nil {
				return err
			}
			defer o.Close()
			if err := o.host.Registry().Distrust(args[0]); err != nil {
				return setup(err, "credhost plugin list shows what is trusted")
			}
			done := map[string]any{"name": args[0], "trusted": false}
			return p.print(done, func(w io.Writer) { fmt.Fprintf(w, "%s is trusted no more\n", args[0]) })
		},
	}
}

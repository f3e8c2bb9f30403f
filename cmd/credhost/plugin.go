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
	"github.com/credhost/credhost/host/sandbox"
)

// A programView is what "plugin list --json" prints of a plugin program.
type programView struct {
	Name     string         `json:"name"`
	State    registry.State `json:"state"`
	Fault    string         `json:"fault,omitempty"`
	Types    []string       `json:"types"`
	Version  string         `json:"version,omitempty"`
	SignedBy string         `json:"signedBy,omitempty"` // the ID of the key that is trusted
	Key      string         `json:"key,omitempty"`
	Digest   string         `json:"digest,omitempty"`
	Path     string         `json:"path,omitempty"`
	Sandbox  sandbox.Level  `json:"sandbox"`
	Running  int            `json:"running"`
	Restarts int            `json:"restarts"`
}

func viewOf(r registry.Program) programView {
	v := programView{Name: r.Name, State: r.State, Fault: r.Fault, Types: []string{}, Version: r.Version, Digest: r.Digest,
		SignedBy: keyID(r.Key), Key: r.Key, Path: r.Path, Sandbox: r.Sandbox, Running: r.Running, Restarts: r.Restarts}
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
	row(w, "PLUGIN", "STATE", "TYPES", "VERSION", "SANDBOX", "SIGNED BY", "DIGEST", "PATH")
	for _, v := range views {
		row(w, v.Name, string(v.State), strings.Join(v.Types, " "), v.Version, v.Sandbox.String(), v.SignedBy, short(v.Digest), v.Path)
	}
	fmt.Fprintln(w)
	for _, v := range views {
		if v.Fault != "" {
			fmt.Fprintf(w, "%s is %s: %s\n", v.Name, v.State, visible(v.Fault))
		}
	}
}

// keyID returns the ID of a public key, or "".
func keyID(line string) string {
	k, _ := registry.ParseKey(line)
	return k.ID()
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
	var key string
	c := &cobra.Command{
		Use:   "trust NAME",
		Short: "trust a plugin, after a look at what it asks for",
		Long: `Trust a plugin: pin the program's bytes and what it says of itself in the lock
file, so that no other program takes its place unseen. It is started once, with
nothing within its reach, to show which types it serves and where it wants to
send secrets. If it is trusted already in another version, what differs is shown.

With --key it must be signed by that key, its author's (minisign), which is
trusted from then on: a later version that the key signed, and that asks for
nothing new, is used without asking.`,
		Args: arguments("a NAME", 1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			signer, err := p.readKey(key)
			if err != nil {
				return err
			}
			o, err := p.open(c.Context(), typesOnly)
			if err != nil {
				return err
			}
			defer o.Close()
			return p.trust(c.Context(), o.host.Registry(), args[0], signer, yes)
		},
	}
	c.Flags().BoolVarP(&yes, "yes", "y", false, "ask nothing")
	c.Flags().StringVar(&key, "key", "", "the author's public `key`: a file (minisign.pub), or its line that begins with RW")
	return c
}

// readKey reads the value of --key: a key, or the name of a file with one.
func (p *program) readKey(value string) (registry.Key, error) {
	if value == "" {
		return registry.Key{}, nil
	}
	key, err := registry.ParseKey(value)
	if err == nil {
		return key, nil
	}
	if text, ferr := new(answering).read(p, value); ferr == nil {
		key, err = registry.ParseKey(string(text))
	}
	if err != nil {
		return registry.Key{}, &failure{code: codeUsage, text: fmt.Sprintf("--key %q: %v", value, err)}
	}
	return key, nil
}

func (p *program) trust(ctx context.Context, r *registry.Registry, name string, key registry.Key, yes bool) error {
	offer, err := r.InspectSigned(ctx, name, key)
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
		err = p.recorded(ctx, "trust", name, func() error { return r.Trust(ctx, offer) })
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
			err = p.recorded(c.Context(), "distrust", args[0], func() error { return o.host.Registry().Distrust(args[0]) })
			if err != nil {
				return setup(err, "credhost plugin list shows what is trusted")
			}
			done := map[string]any{"name": args[0], "trusted": false}
			return p.print(done, func(w io.Writer) { fmt.Fprintf(w, "%s is trusted no more\n", args[0]) })
		},
	}
}

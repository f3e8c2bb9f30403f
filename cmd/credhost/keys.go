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
	"github.com/credhost/credhost/host/access"
)

// A reception is an opened host, and the access to it. Who is at the machine is
// its caller: see operator.
type reception struct {
	*opened
	access *access.Access
}

// receive opens the store, and the access to it, and returns a context whose
// caller is the operator.
func (p *program) receive(ctx context.Context, u use) (*reception, context.Context, error) {
	o, err := p.open(ctx, u)
	if err != nil {
		return nil, nil, err
	}
	a, err := access.Open(ctx, p.accessConfig(o))
	if err != nil {
		return nil, nil, errors.Join(setup(err, ""), o.Close())
	}
	return &reception{o, a}, access.With(ctx, operator()), nil
}

// accessConfig says how callers are known, whatever the command.
func (p *program) accessConfig(o *opened) access.Config {
	return access.Config{Host: o.host, Logger: p.logger()}
}

// Close closes all of it.
func (r *reception) Close() error { return errors.Join(r.access.Close(), r.opened.Close()) }

func (p *program) keysCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "keys",
		GroupID: "callers",
		Short:   "make, list and end the keys of callers",
		Long: `Make, list and end keys: what programs show that call the API and the proxy of
"credhost serve". A key belongs to the workspace of --workspace, or with
--operator to the host itself: then it may name any workspace, and see to plugins.`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(p.keysCreateCommand(), p.keysListCommand(), p.keysShowCommand(), p.keysDeleteCommand())
	return c
}

// A madeKey is what "keys create --json" prints: the only copy of the token.
type madeKey struct {
	access.Key
	Token string `json:"token"`
}

func (p *program) keysCreateCommand() *cobra.Command {
	var n access.NewKey
	var scopes []string
	var hosts bool
	var expires string
	c := &cobra.Command{
		Use:   "create",
		Short: "make a key, and print it: it is shown once",
		Long: `Make a key, and print it on standard output, alone. Nobody sees it again: of a
key a hash is kept. It may do what its scopes say (read, write, use, admin and
release; none includes another), within its limits: to some credentials, methods
and addresses. An address that ends with a star stands for all that begin so.`,
		Example: `  credhost keys create --name ci --scope read,use --expires 90d
  credhost keys create --scope use --credential c-4cavwdp2 --method GET --url 'https://acme.halopsa.com/api/*'`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			r, ctx, err := p.receive(c.Context(), making)
			if err != nil {
				return err
			}
			defer r.Close()
			for _, s := range scopes {
				n.Scopes = append(n.Scopes, access.Scope(s))
			}
			if !hosts {
				n.Workspace = p.workspace
			}
			if expires != "" {
				d, err := parseSpan(expires)
				if err != nil {
					return usage(c, "--expires %v", err)
				}
				n.Expires = time.Now().Add(d)
			}
			k, token, err := r.access.CreateKey(ctx, n)
			if err != nil {
				return p.noWorkspace(err)
			}
			if !p.json {
				p.note("the key %s is shown this once: %s", k.ID, may(k))
			}
			return p.print(madeKey{k, token}, func(w io.Writer) { fmt.Fprintln(w, token) })
		},
	}
	f := c.Flags()
	f.StringVar(&n.Name, "name", "", "what people call it")
	f.StringSliceVar(&scopes, "scope", []string{"read", "use"}, "`scopes`: read, write, use, admin, release")
	f.StringSliceVar(&n.Limits.Credentials, "credential", nil, "`IDs` of the only credentials that exist for it")
	f.StringSliceVar(&n.Limits.Methods, "method", nil, "the only `methods` of requests that it may send")
	f.StringSliceVar(&n.Limits.URLs, "url", nil, "the only `addresses` that it may send them to")
	f.StringVar(&expires, "expires", "", "after what `time` it ends, such as 90d or 12h (default never)")
	f.BoolVar(&hosts, "operator", false, "make it a key of the host itself, not of a workspace")
	return c
}

// noWorkspace says of an error of access what it is that does not exist.
func (p *program) noWorkspace(err error) error {
	if errors.Is(err, host.ErrNotFound) {
		return &failure{code: codeNotFound, text: fmt.Sprintf("there is no workspace %q", p.workspace), next: "credhost workspaces list shows those there are, and credhost workspaces create makes one"}
	}
	return err
}

// noKey says of an error of access that it is a key that does not exist.
func (p *program) noKey(err error, hosts bool) error {
	if !errors.Is(err, host.ErrNotFound) {
		return err
	}
	where := fmt.Sprintf("in the workspace %q", p.workspace)
	if hosts {
		where = "of the host itself"
	}
	return &failure{code: codeNotFound, text: "there is no such key " + where, next: "credhost keys list shows those there are; --workspace and --operator say where to look"}
}

func (p *program) keysListCommand() *cobra.Command {
	var hosts bool
	c := &cobra.Command{
		Use:   "list",
		Short: "list the keys of the workspace",
		Args:  noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			r, ctx, err := p.receive(c.Context(), existing)
			if err != nil {
				return err
			}
			defer r.Close()
			all, err := r.keys(ctx, p.keysOf(hosts))
			if err != nil {
				return err
			}
			if len(all) == 0 {
				p.note("there are no keys here: credhost keys create makes one")
			}
			return p.print(all, func(w io.Writer) {
				if len(all) > 0 {
					row(w, "ID", "NAME", "SCOPES", "ENDS", "LAST USED")
				}
				for _, k := range all {
					row(w, k.ID, k.Name, scopesText(k.Scopes), timeText(k.Expires, "never"), timeText(k.Used, "never"))
				}
			})
		},
	}
	c.Flags().BoolVar(&hosts, "operator", false, "list those of the host itself")
	return c
}

// keysOf is whose keys a command is about.
func (p *program) keysOf(hosts bool) string {
	if hosts {
		return ""
	}
	return p.workspace
}

// keys returns all keys of a workspace.
func (r *reception) keys(ctx context.Context, workspace string) ([]access.Key, error) {
	all := []access.Key{}
	for after := ""; ; after = all[len(all)-1].ID {
		some, err := r.access.Keys(ctx, workspace, after, 100)
		if err != nil || len(some) == 0 {
			return all, err
		}
		all = append(all, some...)
	}
}

func (p *program) keysShowCommand() *cobra.Command {
	var hosts bool
	c := &cobra.Command{
		Use:   "show ID",
		Short: "show what a key may do",
		Args:  arguments("an ID", 1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			r, ctx, err := p.receive(c.Context(), existing)
			if err != nil {
				return err
			}
			defer r.Close()
			k, err := r.access.Key(ctx, p.keysOf(hosts), args[0])
			if err != nil {
				return p.noKey(err, hosts)
			}
			return p.print(k, func(w io.Writer) {
				row(w, "key", k.ID)
				row(w, "name", k.Name)
				row(w, "may", may(k))
				row(w, "made", moment(k.Created, time.Now())+", by "+string(k.By))
				row(w, "ends", timeText(k.Expires, "never"))
				row(w, "last used", timeText(k.Used, "never"))
			})
		},
	}
	c.Flags().BoolVar(&hosts, "operator", false, "it is one of the host itself")
	return c
}

func (p *program) keysDeleteCommand() *cobra.Command {
	var hosts, sure bool
	c := &cobra.Command{
		Use:   "delete ID",
		Short: "end a key, and all that were derived of it",
		Long: `End a key, and all keys that were derived of it: on every host that shares the
store, within two seconds.`,
		Args: arguments("an ID", 1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			r, ctx, err := p.receive(c.Context(), existing)
			if err != nil {
				return err
			}
			defer r.Close()
			k, err := r.access.Key(ctx, p.keysOf(hosts), args[0])
			if err != nil {
				return p.noKey(err, hosts)
			}
			if !sure {
				if err := p.confirm(ctx, fmt.Sprintf("end the key %s %q", k.ID, k.Name), "to end "+k.ID); err != nil {
					return err
				}
			}
			if err := r.access.DeleteKey(ctx, p.keysOf(hosts), k.ID); err != nil {
				return p.noKey(err, hosts)
			}
			return p.print(map[string]any{"id": k.ID, "deleted": true}, func(w io.Writer) { fmt.Fprintf(w, "%s has ended\n", k.ID) })
		},
	}
	c.Flags().BoolVar(&hosts, "operator", false, "it is one of the host itself")
	c.Flags().BoolVarP(&sure, "yes", "y", false, "ask nothing")
	return c
}

// confirm asks whether to do something, and reports an error if not.
func (p *program) confirm(ctx context.Context, question, what string) error {
	someone, ok := p.person()
	if !ok {
		return errNobody(what, "--yes")
	}
	sure, err := someone.yes(ctx, question+"?")
	if err == nil && !sure {
		return &failure{code: codeDeclined, text: "nothing is changed"}
	}
	return err
}

// may says what a key may do.
func may(k access.Key) string {
	text := scopesText(k.Scopes)
	if k.Workspace == "" {
		text += ", in every workspace"
	} else {
		text += fmt.Sprintf(", in the workspace %q", k.Workspace)
	}
	for _, l := range []struct {
		of   string
		only []string
	}{{"credentials", k.Limits.Credentials}, {"methods", k.Limits.Methods}, {"addresses", k.Limits.URLs}} {
		if len(l.only) > 0 {
			text += fmt.Sprintf("; %s: only %s", l.of, strings.Join(l.only, ", "))
		}
	}
	return text
}

func scopesText(scopes []access.Scope) string {
	text := make([]string, len(scopes))
	for i, s := range scopes {
		text[i] = string(s)
	}
	return strings.Join(text, ", ")
}

// timeText says when something is; without a time, never.
func timeText(t *time.Time, never string) string {
	if t == nil {
		return never
	}
	return moment(*t, time.Now())
}

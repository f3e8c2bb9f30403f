// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/credhost/credhost/host"
)

// A revoked is what "revoke --json" prints of a credential.
type revoked struct {
	ID   string `json:"id"`
	Type string `json:"type,omitempty"`
	Name string `json:"name,omitempty"`
	host.Revocation
	Forgotten bool    `json:"forgotten,omitempty"`
	Error     *report `json:"error,omitempty"`
}

func (p *program) revokeCommand() *cobra.Command {
	var all, yes, forget bool
	var typ string
	c := &cobra.Command{
		Use:     "revoke ID | --all",
		GroupID: "credentials",
		Short:   "make a credential's grant worthless at the service",
		Long: `Make the grant of a credential worthless at the service, if its type knows how,
and look whether it is. The answers stay: the next use obtains another grant, or
asks to connect again.

If the service could not be told, or still takes the grant, it is kept, though
nothing uses it any more: run revoke again. --forget gives it up all the same,
and it lives on at the service until it ends.

--all revokes all grants of the workspace, or with --type all of a type.`,
		Args:              arguments("an ID, or --all", 0, 1),
		ValidArgsFunction: p.completeIDs,
		RunE: func(c *cobra.Command, args []string) error {
			if (len(args) == 1) == all || typ != "" && !all {
				return usage(c, "takes an ID, or --all and perhaps --type")
			}
			o, err := p.open(c.Context(), existing)
			if err != nil {
				return err
			}
			defer o.Close()
			if all {
				return p.revokeAll(c.Context(), o, typ, forget, yes)
			}
			return p.revokeOne(c.Context(), o, args[0], forget)
		},
	}
	c.Flags().BoolVar(&all, "all", false, "all credentials of the workspace")
	c.Flags().StringVar(&typ, "type", "", "with --all: only those of this `type`")
	c.Flags().BoolVarP(&yes, "yes", "y", false, "with --all: ask nothing")
	c.Flags().BoolVar(&forget, "forget", false, "forget the grant, even if the service cannot be told")
	return c
}

// revoke revokes a credential's grant, and forgets it if that is wanted. The
// error is for what keeps even that from being done.
func (p *program) revoke(ctx context.Context, ws *host.Workspace, id string, forget bool) (revoked, error) {
	r, err := ws.Revoke(ctx, id)
	out := revoked{ID: id, Revocation: r}
	if err == nil {
		return out, nil
	}
	if errors.Is(err, host.ErrNotFound) || ctx.Err() != nil {
		return out, err
	}
	said := p.explain(err)
	out.Error = &said
	if !forget {
		return out, err
	}
	if err := ws.Forget(ctx, id); err != nil {
		return out, err
	}
	out.Forgotten, out.Kept = true, false
	return out, nil
}

func (p *program) revokeOne(ctx context.Context, o *opened, id string, forget bool) error {
	r, err := p.revoke(ctx, o.ws, id, forget)
	if err != nil {
		return advise(err, r)
	}
	return p.print(r, func(w io.Writer) {
		for _, line := range r.sentences() {
			fmt.Fprintln(w, visible(line))
		}
	})
}

// advise adds to a revocation that failed what can be done about it.
func advise(err error, r revoked) error {
	switch {
	case r.Error == nil:
		return err
	case r.Error.Code == codeInvalid.word:
		return &advised{err, "nothing was changed; credhost revoke --forget forgets the grant here"}
	}
	return &advised{err, "the grant is kept, and nothing uses it any more: run credhost revoke again, or with --forget to give it up"}
}

// sentences says what became of a grant, and what nobody has seen.
func (r revoked) sentences() []string {
	if r.Forgotten {
		return []string{r.ID + " is forgotten here: " + r.Error.Message, "the grant lives at the service until it ends; who has a copy can use it"}
	}
	if r.Grant == host.FateNone && r.Refresh == host.FateNone {
		return []string{r.ID + " has no grant"}
	}
	lines := []string{r.ID + " is revoked: the service was told"}
	switch r.Grant {
	case host.FateDead:
		lines[0] += ", and was seen to refuse the grant"
	case host.FateUnknown:
		lines = append(lines, "nobody could look whether the service refuses the grant now")
	}
	if r.Refresh == host.FateUnknown {
		lines = append(lines, "what renews the grant was not tried: to try it would be to use it")
	}
	return lines
}

// revokeAll revokes the grants of all credentials of a type, or of all types.
// One that fails does not keep the others.
func (p *program) revokeAll(ctx context.Context, o *opened, typ string, forget, yes bool) error {
	those, err := everything(ctx, o.ws, typ)
	if err != nil {
		return err
	}
	if len(those) > 0 && !yes {
		if err := p.confirmAll(ctx, len(those), typ); err != nil {
			return err
		}
	}
	done, failed := []revoked{}, 0
	for _, one := range those {
		r, err := p.revoke(ctx, o.ws, one.ID, forget)
		if ctx.Err() != nil {
			return err
		}
		if err != nil {
			failed++
			if r.Error == nil {
				said := p.explain(err)
				r.Error = &said
			}
		}
		r.Type, r.Name = one.Type, one.Name
		done = append(done, r)
	}
	if err := p.print(done, func(w io.Writer) { outcomes(w, done) }); err != nil || failed == 0 {
		return err
	}
	if !p.json {
		p.note("%d of %d grants may live at their services", failed, len(done))
	}
	return exit(codeUnavailable)
}

func (p *program) confirmAll(ctx context.Context, n int, typ string) error {
	which := "all " + strconv.Itoa(n) + " credentials"
	if n == 1 {
		which = "the only credential"
	}
	if typ != "" {
		which += " of type " + typ
	}
	what := fmt.Sprintf("revoke the grants of %s in the workspace %q", which, p.workspace)
	someone, ok := p.person()
	if !ok {
		return errNobody("to "+what, "--yes")
	}
	sure, err := someone.yes(ctx, what+"?")
	if err == nil && !sure {
		err = &failure{code: codeDeclined, text: "nothing is revoked"}
	}
	return err
}

// outcomes prints what became of many grants.
func outcomes(w io.Writer, done []revoked) {
	if len(done) == 0 {
		return
	}
	row(w, "ID", "TYPE", "NAME", "TOLD", "GRANT", "RENEWAL", "NOTE")
	for _, r := range done {
		told, note := "no", ""
		if r.Told {
			told = "yes"
		}
		switch {
		case r.Forgotten:
			note = "forgotten here: " + r.Error.Message
		case r.Error != nil:
			note = r.Error.Message
		case r.Grant == host.FateNone && r.Refresh == host.FateNone:
			told = "-"
		}
		row(w, r.ID, r.Type, r.Name, told, string(r.Grant), string(r.Refresh), note)
	}
}

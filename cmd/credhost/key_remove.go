// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

func (p *program) keyRemoveCommand() *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use:   "remove KEY",
		Short: "destroy a disabled key, for good",
		Long: `Destroy a key, which must have been disabled before. It is refused as long as a
record of the store needs it. What it does not know is which backups need it:
those that were made before the last rotation can be opened by nobody afterwards.`,
		Args: arguments("the ID of a KEY", 1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			ctx, id := c.Context(), args[0]
			v, err := p.openVault(ctx)
			if err != nil {
				return err
			}
			defer v.close()
			if err := p.confirmRemove(ctx, v, id, yes); err != nil {
				return err
			}
			err = v.record(ctx, "remove key", id, func() (map[string]string, error) {
				if err := v.unneeded(ctx, id); err != nil {
					return nil, err
				}
				return nil, v.ring.Remove(ctx, id)
			})
			if err != nil {
				return keyFailure(err)
			}
			return p.print(map[string]string{"id": id, "done": "removed"}, func(w io.Writer) { fmt.Fprintf(w, "key %s is destroyed\n", id) })
		},
	}
	c.Flags().BoolVarP(&yes, "yes", "y", false, "ask nothing")
	return c
}

// confirmRemove refuses what must not go, and asks.
func (p *program) confirmRemove(ctx context.Context, v *vault, id string, yes bool) error {
	views, err := v.keyViews(ctx)
	if err != nil {
		return err
	}
	state := ""
	for _, k := range views {
		if k.ID == id {
			state = k.State
		}
	}
	switch {
	case state == "" || state == "missing":
		return &failure{code: codeSetup, text: "there is no key " + id, next: "credhost key list shows the keys"}
	case state == "seals":
		return &failure{code: codeSetup, text: "key " + id + " seals what is written", next: "credhost key rotate makes another"}
	case state == "opens":
		return &failure{code: codeSetup, text: "key " + id + " is not disabled", next: "credhost key disable " + id + ", and wait until all has worked without it for a while"}
	case yes:
		return nil
	}
	someone, ok := p.person()
	if !ok {
		return errNobody("to destroy key "+id, "--yes")
	}
	sure, err := someone.yes(ctx, "destroy key "+id+"? Backups from before the last rotation cannot be opened afterwards")
	if err == nil && !sure {
		err = &failure{code: codeDeclined, text: "key " + id + " is kept"}
	}
	return err
}

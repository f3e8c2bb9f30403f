// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/sdk"
)

func (p *program) testCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "test ID",
		GroupID: "credentials",
		Short:   "ask the service whether a credential works",
		Long: `Ask the service whether a credential works, now. The exit code says what was
found: 0 if it works; see "credhost help exit-codes" for the others.`,
		Args:              arguments("an ID", 1, 1),
		ValidArgsFunction: p.completeIDs,
		RunE: func(c *cobra.Command, args []string) error {
			o, err := p.open(c.Context(), existing)
			if err != nil {
				return err
			}
			defer o.Close()
			v, err := o.ws.Test(c.Context(), args[0])
			if err != nil {
				return err
			}
			if err := p.print(v, func(w io.Writer) { fmt.Fprintf(w, "%s: %s\n", args[0], visible(verdict(v))) }); err != nil {
				return err
			}
			return found(v)
		},
	}
}

// verdict returns what a test found in one line.
func verdict(v host.Verdict) string {
	text := v.Outcome.Text()
	if v.Field != "" {
		text += ": " + v.Field
	}
	if v.Message != "" {
		text += ": " + v.Message
	}
	return text
}

// found returns the exit code for what a test found.
func found(v host.Verdict) error {
	switch v.Outcome {
	case host.Works:
		return nil
	case host.Untested:
		return exit(codeUntested)
	}
	var c sdk.Code
	if c.UnmarshalText([]byte(v.Code)) != nil {
		return exit(codeInternal)
	}
	return exit(codeOf(c))
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/credhost/credhost/host"
)

func (p *program) showCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "show ID",
		GroupID:           "credentials",
		Short:             "show a credential, its secrets as \"set\"",
		Args:              arguments("an ID", 1, 1),
		ValidArgsFunction: p.completeIDs,
		RunE: func(c *cobra.Command, args []string) error {
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
			redirect := ""
			if t.Can.Connect {
				redirect = o.ws.RedirectURL(view.Type)
			}
			shown := struct {
				host.Credential
				RedirectURL string `json:"redirectUrl,omitempty"`
			}{view, redirect}
			return p.print(shown, func(w io.Writer) { describe(w, view, t, redirect) })
		},
	}
}

// describe prints a credential for people.
func describe(w io.Writer, c host.Credential, t host.Type, redirect string) {
	now := time.Now()
	line := func(name, value string) {
		if value != "" {
			row(w, name, value)
		}
	}
	line("id", c.ID)
	line("name", c.Name)
	line("type", fmt.Sprintf("%s (%s)", c.Type, t.Schema.Title))
	line("workspace", c.Workspace)
	line("application", c.Application)
	line("status", string(c.Status))
	line("reason", c.Reason)
	if c.Since != nil {
		line("since", moment(*c.Since, now))
	}
	if v := c.Tested; v != nil {
		line("tested", verdict(*v)+" ("+moment(v.At, now)+")")
	}
	line("account", c.Account)
	if c.Was != "" {
		line("before", c.Was+", another account: connect again if that was not meant")
	}
	for _, u := range c.Unrevoked {
		line("not revoked", u.Reason+" (since "+moment(u.Since, now)+"); see credhost revoke")
	}
	if c.Expiry != nil {
		line("grant ends", moment(*c.Expiry, now))
	}
	if c.Reconnect != nil {
		line("connect again by", moment(*c.Reconnect, now))
	}
	if c.Ends != nil && (c.Reconnect == nil || !c.Ends.Equal(*c.Reconnect)) {
		line("ends unless used by", moment(*c.Ends, now))
	}
	line("warning", c.Warning)
	for _, name := range slices.Sorted(maps.Keys(c.Facts)) {
		line(name, c.Facts[name])
	}
	line("answers go to", strings.Join(c.Origins.Answers, " "))
	line("grants go to", strings.Join(c.Origins.Grant, " "))
	for _, one := range describeTLS(c.TLS) {
		line(one[0], one[1])
	}
	line("redirect URL", redirect)
	line("created", moment(c.Created, now))
	line("updated", moment(c.Updated, now))
	row(w)
	for _, f := range t.Schema.Fields {
		if native, ok := c.Answers[f.Name]; ok {
			row(w, f.Name, answerText(native, f.Secret), f.Title)
		}
	}
}

// answerText returns a native answer for people.
func answerText(native json.RawMessage, secret bool) string {
	var mark struct {
		Reference string `json:"reference"`
	}
	var text string
	switch {
	case secret && json.Unmarshal(native, &mark) == nil && mark.Reference != "":
		return "set (" + mark.Reference + ")"
	case secret:
		return "set"
	case json.Unmarshal(native, &text) == nil:
		return text
	}
	return string(native)
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"io"

	"github.com/spf13/cobra"

	"github.com/credhost/credhost/internal/front"
)

// A told is a setting, and who said what it is.
type told struct {
	Name  string `json:"name"`
	Value string `json:"value,omitempty"`
	Set   bool   `json:"set"`            // it holds a secret, which is not shown, or is not a default
	From  string `json:"from,omitempty"` // a flag, a variable, or a file and its line; empty: it is the default
}

func (p *program) configCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "config",
		GroupID: "program",
		Short:   "look at the settings",
		Args:    noArguments,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	show := &cobra.Command{
		Use:   "show",
		Short: "show what each setting is, and who said so",
		Args:  noArguments,
		RunE: func(*cobra.Command, []string) error {
			all := p.settings.told()
			return p.print(all, func(w io.Writer) {
				row(w, "SETTING", "VALUE", "FROM")
				for _, t := range all {
					from := t.From
					if from == "" {
						from = "default"
					}
					if t.Value != "" {
						row(w, t.Name, t.Value, from)
					}
				}
			})
		},
	}
	check := &cobra.Command{
		Use:   "check",
		Short: "say whether the settings are in order, as serve would",
		Args:  noArguments,
		RunE: func(*cobra.Command, []string) error {
			if err := p.settings.check(); err != nil {
				return err
			}
			file := p.config
			if file == "" {
				file = "there is no configuration file; what flags and variables say"
			}
			return p.print(map[string]any{"ok": true, "file": p.config}, func(w io.Writer) { row(w, file+" is in order") })
		},
	}
	for _, sub := range []*cobra.Command{show, check} {
		p.servingFlags(sub)
		c.AddCommand(sub)
	}
	return c
}

// told returns all settings. A secret is "set".
func (s *settings) told() (all []told) {
	texts := s.texts()
	for _, one := range allSettings {
		t := told{Name: one.name, Value: texts[one.name], From: s.from[one.name], Set: s.from[one.name] != ""}
		switch {
		case one.name == "store":
			t.Value = s.storeName()
		case one.secret && t.Value != "":
			t.Value = "set, and not shown"
		case one.fileOnly && t.Set:
			t.Value = "see the file"
		case t.Value == "[]" || t.Value == "false" && !t.Set:
			t.Value = ""
		}
		all = append(all, t)
	}
	return all
}

// checkLimits refuses limits that bound nothing.
func (s *settings) checkLimits() error {
	of := s.proxyLimits
	for _, one := range []struct {
		name string
		wild bool
	}{
		{"proxy-active", of.Active < 0}, {"proxy-per-key", of.PerKey < 0}, {"proxy-per-credential", of.PerCredential < 0}, {"proxy-queue", of.Queue < 0},
		{"proxy-wait", of.Wait < 0}, {"proxy-idle", of.Idle < 0}, {"proxy-body-idle", of.BodyIdle < 0}, {"proxy-recheck", of.Recheck < 0},
	} {
		if one.wild {
			return &failure{code: codeUsage, text: "--" + one.name + " must not be negative", next: "leave it out for what is usual"}
		}
	}
	return nil
}

// check returns what serve would refuse, as far as that can be said without
// listening and without the store.
func (s *settings) check() error {
	if err := errors.Join(s.egress().Check(), s.checkTLS(), s.checkLimits()); err != nil {
		return err
	}
	for _, all := range []list{s.listen, s.proxyListen, s.redirectListen, s.metricsListen} {
		for _, text := range all {
			if _, err := front.ParseAddress(text); err != nil {
				return &failure{code: codeUsage, text: err.Error(), next: "see credhost help settings"}
			}
		}
	}
	if _, err := s.expectedOrigin(); err != nil {
		return err
	}
	if s.tlsCert != "" || s.tlsClientCA != "" {
		if _, err := front.ReadCertificates(s.tlsCert, s.tlsKey, s.tlsClientCA); err != nil {
			return setup(err, "check --tls-cert, --tls-key and --tls-client-ca")
		}
	}
	return nil
}

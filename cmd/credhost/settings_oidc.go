// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/credhost/credhost/host/access"
)

// structured are the settings that only the file can say.
type structured struct {
	providers []access.Provider
}

// oidcEntry is what the file says of a provider. Names of files are relative
// to it.
type oidcEntry struct {
	ID         string      `yaml:"id"`
	Title      string      `yaml:"title"`
	Issuer     string      `yaml:"issuer"`
	ClientID   string      `yaml:"client-id"`
	Secret     string      `yaml:"client-secret"`
	SecretFile string      `yaml:"client-secret-file"`
	Scopes     []string    `yaml:"scopes"`
	Rules      []ruleEntry `yaml:"rules"`
}

type ruleEntry struct {
	Claim     string         `yaml:"claim"`
	Value     string         `yaml:"value"`
	Workspace string         `yaml:"workspace"`
	Operator  bool           `yaml:"operator"`
	Scopes    []access.Scope `yaml:"scopes"`
}

// take takes one of them: an error begins with a line. Names of files are
// relative to dir.
func (s *structured) take(e entry, dir string) error {
	var all []oidcEntry
	if err := known(e.node, reflect.TypeOf(all)); err != nil {
		return err
	}
	if err := e.node.Decode(&all); err != nil {
		return fmt.Errorf("%d: %s holds what it cannot: text where a list belongs, say", e.line, e.of.name) // the parser quotes values
	}
	s.providers = nil
	for i, one := range all {
		p := access.Provider{ID: one.ID, Title: one.Title, Issuer: one.Issuer, ClientID: one.ClientID, ClientSecret: one.Secret, Scopes: one.Scopes}
		for _, r := range one.Rules {
			p.Rules = append(p.Rules, access.Rule(r))
		}
		line := e.node.Content[i].Line
		if one.SecretFile != "" {
			if one.Secret != "" {
				return fmt.Errorf("%d: client-secret and client-secret-file say the same: leave one out", line)
			}
			if !filepath.IsAbs(one.SecretFile) {
				one.SecretFile = filepath.Join(dir, one.SecretFile)
			}
			text, err := os.ReadFile(one.SecretFile)
			if err != nil {
				return fmt.Errorf("%d: client-secret-file: %w", line, err)
			}
			p.ClientSecret = strings.TrimSpace(string(text))
		}
		s.providers = append(s.providers, p)
	}
	return nil
}

// known refuses what a node has and a type has not, at any depth.
func known(n *yaml.Node, t reflect.Type) error {
	switch {
	case n.Kind == yaml.AliasNode:
		return fmt.Errorf("%d: anchors are not used here", n.Line)
	case t.Kind() == reflect.Slice && n.Kind == yaml.SequenceNode:
		for _, one := range n.Content {
			if err := known(one, t.Elem()); err != nil {
				return err
			}
		}
		return nil
	case t.Kind() == reflect.Struct && n.Kind == yaml.MappingNode:
		return knownFields(n, t)
	case t.Kind() != reflect.Slice && t.Kind() != reflect.Struct && n.Kind == yaml.ScalarNode:
		return nil
	}
	return fmt.Errorf("%d: %w", n.Line, errors.New("something else belongs here: see docs/operating.md"))
}

func knownFields(n *yaml.Node, t reflect.Type) error {
	fields := map[string]reflect.Type{}
	var names []string
	for i := range t.NumField() {
		name := t.Field(i).Tag.Get("yaml")
		fields[name], names = t.Field(i).Type, append(names, name)
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name := n.Content[i].Value
		of, ok := fields[name]
		if !ok {
			return fmt.Errorf("%d: there is no %q here%s", n.Content[i].Line, visible(name), meant(name, names))
		}
		if err := known(n.Content[i+1], of); err != nil {
			return err
		}
	}
	return nil
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
)

// configName is the name of the configuration file in a data folder.
const configName = "credhost.yaml"

// takeFile takes from the configuration file what neither a flag nor a variable
// says. A file that was named must be there.
func (s *settings) takeFile(all *pflag.FlagSet) error {
	named := s.from["config"] != ""
	if !named {
		s.config = filepath.Join(s.data, configName)
	}
	path := s.config
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && !named {
		s.config = ""
		return nil
	}
	if err != nil {
		return &failure{code: codeSetup, text: err.Error(), next: "name another file with --config", err: err}
	}
	if info, err := os.Stat(path); err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o002 != 0 {
		return &failure{code: codeSetup, text: fmt.Sprintf("everybody may write to %s (%04o), and so decide what is run", path, info.Mode().Perm()), next: "chmod 600 " + path}
	}
	entries, err := parseConfig(text)
	if err == nil {
		err = s.takeEntries(all, entries, named)
	}
	if err != nil {
		return &failure{code: codeSetup, text: filepath.Base(path) + ":" + err.Error(), next: "correct it, and look again with credhost config check", err: err}
	}
	return nil
}

// takeEntries takes the entries of the file. Its errors begin with a line.
func (s *settings) takeEntries(all *pflag.FlagSet, entries []entry, named bool) error {
	var unused settings // for what others have said already: the file must be right as a whole
	rest := unused.all()
	for _, e := range entries {
		one := e.of
		switch {
		case one.name == "config" || one.name == "data" && !named:
			return fmt.Errorf("%d: %s says where this file is: give it as %s or --%s", e.line, one.name, variable(one.name), one.name)
		case one.fileOnly:
			if err := s.structured.take(e, filepath.Dir(s.config)); err != nil {
				return err
			}
		case s.from[one.name] != "":
			if err := e.set(rest, filepath.Dir(s.config)); err != nil {
				return err
			}
			continue
		default:
			if err := e.set(all, filepath.Dir(s.config)); err != nil {
				return err
			}
		}
		s.from[one.name] = fmt.Sprintf("%s:%d", filepath.Base(s.config), e.line)
	}
	return nil
}

// set sets the setting of an entry. Paths are relative to dir.
func (e entry) set(f *pflag.FlagSet, dir string) error {
	for _, v := range e.values {
		if e.of.path && !filepath.IsAbs(v) && !strings.Contains(v, "://") {
			v = filepath.Join(dir, v)
		}
		if err := f.Set(e.of.name, v); err != nil {
			return fmt.Errorf("%d: %s: %s", e.line, e.of.name, e.of.fault(err))
		}
	}
	return nil
}

// An entry is a setting in a configuration file.
type entry struct {
	of     *setting
	values []string
	node   *yaml.Node // of a setting that only a file can say
	line   int
}

// parseConfig reads a configuration file: YAML (1.2), of which it takes a
// mapping of settings to scalars and to sequences of them. What it does not
// know it refuses: a setting that is misspelt must not be taken for absent. Its
// errors begin with a line, and quote no value.
func parseConfig(text []byte) ([]entry, error) {
	var doc yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(text))
	if err := d.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, unquoted(err)
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("1: holds more than one document")
	}
	root := doc.Content[0]
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		return nil, nil
	}
	if root.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%d: must hold settings, as \"name: value\"", root.Line)
	}
	var all []entry
	for i := 0; i+1 < len(root.Content); i += 2 {
		name, node := root.Content[i], root.Content[i+1]
		e := entry{of: find(name.Value), line: name.Line, node: node}
		if e.of == nil {
			return nil, fmt.Errorf("%d: there is no setting %q%s", name.Line, visible(name.Value), meant(name.Value, settingNames()))
		}
		if slices.ContainsFunc(all, func(o entry) bool { return o.of == e.of }) {
			return nil, fmt.Errorf("%d: %s is there twice", name.Line, name.Value)
		}
		if !e.of.fileOnly {
			if err := e.read(); err != nil {
				return nil, err
			}
		}
		all = append(all, e)
	}
	return all, nil
}

// read reads the values of an entry.
func (e *entry) read() error {
	nodes := []*yaml.Node{e.node}
	if e.node.Kind == yaml.SequenceNode {
		if e.of.separator == "" {
			return fmt.Errorf("%d: %s takes one value", e.line, e.of.name)
		}
		nodes = e.node.Content
	}
	for _, n := range nodes {
		if n.Kind != yaml.ScalarNode {
			return fmt.Errorf("%d: %s takes %s", n.Line, e.of.name, e.of.takes())
		}
		if n.Tag == "!!null" || n.Value == "" {
			return fmt.Errorf("%d: %s has no value: leave it out instead", n.Line, e.of.name)
		}
		e.values = append(e.values, n.Value)
	}
	return nil
}

// takes says what values a setting takes.
func (one *setting) takes() string {
	if one.separator != "" {
		return "a value, or a list of them"
	}
	return "one value"
}

// unquoted returns an error of the YAML parser that begins with a line.
func unquoted(err error) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if rest, ok := strings.CutPrefix(text, "line "); ok {
		return errors.New(rest)
	}
	return errors.New("1: " + text)
}

func settingNames() (names []string) {
	for _, one := range allSettings {
		names = append(names, one.name)
	}
	return names
}

// meant suggests the name that is most like a misspelt one, if one is.
func meant(given string, names []string) string {
	best, least := "", 3
	given = strings.ToLower(strings.ReplaceAll(given, "_", "-"))
	for _, name := range names {
		if d := distance(given, name); d < least {
			best, least = name, d
		}
	}
	if best == "" {
		return ": see credhost help settings"
	}
	return fmt.Sprintf(": did you mean %q?", best)
}

// distance is how many letters must be changed, added or left out to make b of
// a (Levenshtein's).
func distance(a, b string) int {
	if len(a) > 64 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := before
			if a[i] != b[j] {
				change++
			}
			before = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
